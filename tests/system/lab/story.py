"""What a scene prints while it runs, and its expectations."""

import re
import shlex

from .proc import wait_for


class Failed(Exception):
    """An expectation that failed: the expected and the actual value."""

    def __init__(self, what, expected, seen):
        super().__init__(what)
        self.what, self.expected, self.seen = what, expected, seen

    def __str__(self):
        return f'{self.what}\n    expected: {self.expected}\n    seen:     {self.seen}'


class Skipped(Exception):
    """The scene needs something that this machine does not have; its text says what."""


class Story:
    """Collects lines; prints them at once if live.  skipped: why the scene did not take place."""

    def __init__(self, live):
        self.live = live
        self.lines = []
        self.figures = []
        self.skipped = None

    def tell(self, label, text):
        for number, line in enumerate(str(text).splitlines() or ['']):
            self._put(f'   {label if number == 0 else "":<10} {line}')

    def measured(self, label, text):
        """Adds a figure, which is printed even if the test passes."""
        self.figures.append(f'{label}: {text}')
        self.tell(label, text)

    def _put(self, line):
        self.lines.append(line)
        if self.live:
            print(line, flush=True)


def expect(what, expected, seen, holds=None):
    """holds: the result of the comparison, if it is not plain equality."""
    if not (seen == expected if holds is None else holds):
        raise Failed(what, expected, seen)


def expect_match(what, pattern, seen):
    expect(what, f'/{pattern}/', seen, re.search(pattern, str(seen)) is not None)


class Stage:
    """The lab as a scene sees it: each act is printed, each result checked."""

    def __init__(self, lab, story, relay=None):
        self.lab = lab
        self.story = story
        self.relay = relay or lab.relay
        self.gate_mark = lab.gate.log.size()
        self.relay_mark = self.relay.log.size()

    def at(self, relay):
        """The same story at another relay."""
        return Stage(self.lab, self.story, relay)

    def tell(self, label, text):
        self.story.tell(label, text)

    def measured(self, label, text):
        self.story.measured(label, text)

    # --- messages

    def send(self, *domains_or_addresses, **how):
        """Sends one message; prints the recipients and each reply."""
        to = [one if isinstance(one, str) else one.address() for one in domains_or_addresses]
        attempt = self.relay.send(to, **how)
        for recipient in to:
            self.tell('sent', f'RCPT TO:<{recipient}>')
            self.tell('answer', attempt.answer(recipient))
        if attempt.queue_id:
            self.tell('accepted', f'as {attempt.queue_id}')
        return attempt

    def accepted(self, attempt):
        expect('the relay accepts the message', 'a queue id', attempt.lines, attempt.queue_id)

    def refused(self, attempt, domain, reason=r'[a-z-]+', about=None):
        """RCPT got the designed reply: domain, what is wrong with which host, reason."""
        answer = attempt.answer(domain.address())
        about = about or r'\S.*'
        expect_match(f'RCPT to {domain.name} is put off', rf'^451 4\.7\.5 <{re.escape(domain.ascii)}> '
                     rf'MTA-STS policy \(enforce\): {about} \[(?:{reason})\]; will be retried$', answer)

    def encrypted(self, attempt, hop, count=1):
        """The message arrived at the hop over TLS, and nowhere in plain text."""
        self.accepted(attempt)
        self.relay.wait_fate(attempt.queue_id, 'sent')
        arrival = self.lab.wait_arrival(hop, count)
        self.tell('arrived', arrival)
        expect(f'how the message came to {hop.name}', 'over TLS', arrival.protocol,
               arrival.protocol is not None)
        return arrival

    def verified(self, hop):
        """The relay has logged that the hop's certificate is valid."""
        line = self.relay.verified(hop, self.relay_mark)
        expect('the relay verified the certificate, as the map asked', f'a line on {hop.name}',
               self.relay.log.tail(5), line is not None)
        self.tell('log', line)

    def nothing_at(self, *hops):
        """Not one byte of a message reached these hops, and of its envelope at most the sender, over TLS."""
        for one in hops:
            self.tell('arrived', f'nothing at {one.name} ({one.address}), '
                                 f'which saw {one.connections} connections')
            expect(f'messages at {one.name}', [], [str(item) for item in one.arrivals])
            envelopes = [(protocol, line) for protocol, line in one.envelopes
                         if not (self.relay.SENDER_FIRST and protocol and line.upper().startswith('MAIL'))]
            expect(f'envelopes at {one.name}', [], envelopes)

    def deferred(self, attempt, pattern, since=0):
        """The message waits in the queue, for this reason."""
        line = self.relay.wait_fate(attempt.queue_id, 'deferred', since=since)
        why = self.relay.why(attempt.queue_id, line, since)
        self.tell('queued', self.relay.what(why))
        expect_match('why the message waits', pattern, why)

    def on_hold(self, attempt):
        expect(f'{attempt.queue_id} is on hold', True, self.relay.held(attempt.queue_id))
        self.tell('queued', f'{attempt.queue_id} is on hold')

    def release(self, attempt):
        """Releases a held message; returns the mark in the relay's log."""
        since = self.relay.log.size()
        self.tell('relay', f'{attempt.queue_id} is released for delivery')
        self.relay.release(attempt.queue_id)
        return since

    def flush(self):
        self.tell('relay', 'queue run')
        self.relay.flush()

    # --- the gate

    def learn(self, domain):
        """Makes the gate store a policy by a question of the map, without a probe of any MX host."""
        answer = self.relay.map_answer(domain.ascii)
        self.tell('map', f'{domain.ascii}: {answer}')
        expect_match(f'the map\'s answer about {domain.name}', '^secure match=', answer)

    def turn(self, hop, conduct, words):
        self.tell('attack' if conduct != 'honest' else 'the path', words)
        hop.become(conduct)

    def why(self, word, *patterns):
        """`stsgate why` finds the reason; the daemon writes it into the store within about a second."""
        found = wait_for(f'stsgate why {word}', lambda: self._found(self.lab.gate.tool('why', word)), 5)
        self.tell('why', found)
        for pattern in patterns:
            expect_match(f'stsgate why {word}', pattern, found)

    @staticmethod
    def _found(result):
        return result[1] if result[0] == 0 else None

    def explain(self, domain, pattern='verdict='):
        """Prints the gate's newest log line about a domain, since the scene began, that matches."""
        about = self.lab.gate.log.find(re.compile(rf'domain={re.escape(domain.ascii)}\b'),
                                       self.gate_mark)
        found = [line for line in about if re.search(pattern, line)]
        expect(f'a line on {domain.ascii} in the log of stsgated', f'/{pattern}/', about, bool(found))
        self.tell('log', found[-1])

    def tool(self, *words, status=0):
        """Runs stsgate; prints the command and its output, and returns the output."""
        self.tell('command', ' '.join(['stsgate', *(shlex.quote(word) for word in words)]))
        got, out, err = self.lab.gate.tool(*words)
        self.tell('', out + err)
        expect('exit status of stsgate', status, got)
        return out
