"""Runs an attack on a domain at every door of the relay, and checks the results.

Each door has a gate of its own.  Mail from all doors is delivered under the first gate's map.

    map     the recommended setup, milter and map: mail may be accepted if the map can stop it later
    alone   as if there were only the milter: mail that must not be delivered is refused here
    tag     accepts and tags everything: the header must have the reason for which the others refuse
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass, field

from lab import relay
from lab.proc import Timeout, wait_for
from lab.story import expect, expect_match

PORTS = {'map': 25, 'alone': relay.PORT_ALONE, 'tag': relay.PORT_TAG}
VERDICTS = 'stsgate_verdicts_total'


@dataclass
class Siege:
    """An attack on two domains: on one before RCPT, on the other, if any, between RCPT and delivery.

    attack, relief   start and end the attack on a domain
    reason, verdict  of the gates behind `alone` and `tag`, and of the first gate if `left` is None
    about            a pattern for the reply: which host, and what is wrong
    left             the reason with which the first gate passes mail that the map will stop
    queued           a pattern: why Postfix keeps the mail; None: it is delivered, encrypted
    evil             hosts that must never get even an envelope
    refresh          at the end somebody calls `stsgate refresh`: otherwise stored facts would hold mail
                     for the rest of a minute (MX sets) or of five (an inconclusive hop)
    """
    domain: object
    attack: object
    relief: object
    reason: str
    verdict: str = 'fail-enforce'
    about: str = r'\S.*'
    later: object = None
    left: str = None
    queued: str = None
    evil: tuple = ()
    refresh: bool = False
    attempts: dict = field(default_factory=dict)

    def said(self, door):
        """Verdict and reason of the gate behind a door."""
        return ('pass', self.left) if door == 'map' and self.left else (self.verdict, self.reason)

    def waiting(self):
        """The messages that the relay accepted."""
        taken = [attempt for attempt in self.attempts.values() if attempt.queue_id]
        return [(self.later if attempt is self.attempts.get('later') else self.domain, attempt)
                for attempt in taken]

    def targets(self):
        return [domain for domain in (self.domain, self.later) if domain]


class Siegeworks:
    """What all steps of one attack share."""

    def __init__(self, lab, stage, sieges):
        lab.open_side_doors()
        self.lab, self.stage, self.sieges = lab, stage, sieges
        self.gates = dict(lab.side_gates, map=lab.gate)
        self.log_marks = {door: gate.log.size() for door, gate in self.gates.items()}
        self.hop_marks = {name: len(one.envelopes) for name, one in lab.hops.items()}

    def learn(self, domain):
        """Makes all gates store a policy without a probe of any MX host."""
        for door, gate in self.gates.items():
            port = gate.settings['socketmap_socket'].removeprefix('inet:').partition('@')[0]
            answer = self.lab.relay.map_answer(domain.ascii, f'socketmap:inet:127.0.0.1:{port}:postfix')
            expect_match(f'the answer of the map of {door} about {domain.name}', '^secure match=', answer)

    def prepare(self, siege):
        """Before the attack: policies are stored, and the message to the second domain is accepted."""
        self.learn(siege.domain)
        if siege.later:
            attempt = siege.attempts['later'] = self.stage.send(siege.later, hold=True)
            self.stage.accepted(attempt)
            self.stage.on_hold(attempt)

    def attack(self, siege):
        for domain in siege.targets():
            self.stage.tell('attack', f'on {domain.name}')
            siege.attack(domain)

    def offer(self, siege, door):
        siege.attempts[door] = self.lab.relay.send([siege.domain.address()], subject=door,
                                                   port=PORTS[door])

    def offer_all(self):
        """Sends the messages of all attacks at once, because some gates must wait for a hop."""
        together([lambda siege=siege, door=door: self.offer(siege, door)
                  for siege in self.sieges for door in PORTS])

    def counters(self):
        """Compares reasons only: a deadline may decide about the verdict, which the log shows."""
        return {(door, siege.said(door)[1]): gate.counter(VERDICTS, purpose='deliver', reason=siege.said(door)[1])
                for door, gate in self.gates.items() for siege in self.sieges}

    def counted(self, before):
        """Each gate counted each of its verdicts once."""
        wanted = Counter((door, siege.said(door)[1]) for door in self.gates for siege in self.sieges)
        after = self.counters()
        for key, count in wanted.items():
            expect(f'growth of {VERDICTS} of {key}', count, after[key] - before[key])

    def judged(self, siege):
        """Checks reply, header and log line at each door."""
        for door in PORTS:
            attempt = siege.attempts[door]
            self.stage.tell(door, attempt.answer(siege.domain.address()))
            if door == 'alone' or (door == 'map' and not siege.left):
                self.stage.refused(attempt, siege.domain, siege.reason, siege.about)
            else:
                self.stage.accepted(attempt)
            self.logged(door, siege)

    def logged(self, door, siege):
        verdict, reason = siege.said(door)
        pattern = re.compile(rf'domain={re.escape(siege.domain.ascii)} .*'
                             rf'verdict=(?:{verdict}) reason={reason}( |$)')
        log = self.gates[door].log
        found = log.find(pattern, self.log_marks[door])
        expect(f'a line in the log of {door}', pattern.pattern,
               log.find(re.compile(re.escape(siege.domain.ascii)), self.log_marks[door]), bool(found))
        if door == 'map':
            self.stage.tell('log', found[-1])

    def queued(self, siege):
        """Accepted mail stays in the relay's queue, for the right reason."""
        for domain, attempt in siege.waiting():
            if siege.queued:
                self.stage.deferred(attempt, siege.queued)
            else:
                self.lab.relay.wait_fate(attempt.queue_id, 'sent')
                self.lab.wait_arrival(domain.mx)

    def unheard(self, siege):
        """No message was sent in plain text; during the attack, and at evil hosts, none was sent at all."""
        for one in self.lab.hops.values():
            clear = [line for protocol, line in one.envelopes[self.hop_marks.get(one.name, 0):]
                     if protocol is None]
            expect(f'envelopes in the clear at {one.name}', [], clear)
        self.stage.nothing_at(*siege.evil)
        if siege.queued:
            self.stage.nothing_at(*(one for domain in siege.targets() for one in domain.hops.values()))

    def lift(self, siege):
        for domain in siege.targets():
            self.stage.tell('the path', f'the attack on {domain.name} is over')
            siege.relief(domain)
        if siege.refresh:
            together([lambda gate=gate: gate.tool('refresh', siege.domain.ascii)
                      for gate in self.gates.values()])

    def taken_again(self):
        """A refused message is accepted when the client retries."""
        refused = [(siege, door) for siege in self.sieges for door in ('map', 'alone')
                   if not siege.attempts[door].queue_id]

        def again(siege, door):
            def taken():
                self.offer(siege, door)
                return siege.attempts[door].queue_id
            wait_for(f'a message to {siege.domain.name} is accepted at {door}', taken, pause=0.3)
        together([lambda siege=siege, door=door: again(siege, door) for siege, door in refused])

    def delivered(self, siege):
        """All accepted mail arrives at real hops, encrypted, and has exactly one tag."""
        for domain, attempt in siege.waiting():
            self.sent(attempt)
            self.stage.tell('arrived', f'{attempt.queue_id}, for {domain.name}')
        for domain in siege.targets():
            for one in domain.hops.values():
                expect(f'arrivals in the clear at {one.name}', [],
                       [str(arrival) for arrival in one.arrivals if arrival.protocol is None])
        self.tagged(siege)

    def sent(self, attempt, tries=10):
        """A queue run skips messages that are being delivered, so another run may be needed."""
        for _ in range(tries):
            try:
                return self.lab.relay.wait_fate(attempt.queue_id, 'sent', seconds=2)
            except Timeout as late:
                self.stage.tell('relay', f'queue run again: {late}')
                self.lab.relay.flush()
        raise Timeout(f'{attempt.queue_id} is delivered: not within {tries} queue runs')

    def tagged(self, siege):
        arrivals = [arrival for one in siege.domain.hops.values() for arrival in one.arrivals]
        tags = {arrival.headers('Subject')[0]: arrival.headers('X-STS-Gate') for arrival in arrivals}
        for door in [door for door in ('map', 'alone') if door in tags]:
            expect(f'tags of what came in by {door}', [], tags[door])
        expect('number of tags', 1, len(tags['tag']))
        self.stage.tell('tag', f'X-STS-Gate: {tags["tag"][0]}')
        expect_match('the tag', rf'^domain={re.escape(siege.domain.ascii)}; policy=enforce; '
                     rf'verdict=(?:{siege.verdict}); reason={siege.reason}(; mx=\S+)?$', tags['tag'][0])


def together(acts):
    """Runs all functions at once, and raises the first exception."""
    wrong = []

    def safely(act):
        try:
            act()
        except Exception as problem:
            wrong.append(problem)
    threads = [threading.Thread(target=safely, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def play(lab, stage, *sieges):
    """Runs attacks at once, each with its own domains: mail is stopped at every door, and passes after the attack."""
    works = Siegeworks(lab, stage, sieges)
    for siege in sieges:
        works.prepare(siege)
    for siege in sieges:
        works.attack(siege)
    before = works.counters()
    works.offer_all()
    for siege in sieges:
        works.judged(siege)
    works.counted(before)
    for siege in sieges:
        if siege.later:
            stage.release(siege.attempts['later'])
    for siege in sieges:
        works.queued(siege)
        works.unheard(siege)
    for siege in sieges:
        works.lift(siege)
    works.taken_again()
    lab.relay.flush()
    for siege in sieges:
        works.delivered(siege)
        works.stage.nothing_at(*siege.evil)
