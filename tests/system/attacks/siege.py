"""Plays an attack on a domain at every door of the relay, and says what must come of it.

Each door has a gate of its own behind it; what comes in by any of them goes out bound by
the first gate's map.

    map     the recommended setup, milter and map: what the map can stop later may be accepted
    alone   as if the milter were alone: what may not go out must be refused here
    tag     accepts all and tags: its header must name the reason for which the others refuse
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
    """An attack on two domains: one before RCPT, the other, if any, between RCPT and delivery.

    attack, relief   what is done to a domain, and how it is undone
    reason, verdict  what the gates behind `alone` and `tag` say, and the first where `left` is None
    about            what the reply says of which host, a pattern
    left             the reason with which the first gate passes what the map will stop
    queued           why Postfix keeps what it has, a pattern; None: it goes out, encrypted
    evil             hosts at which not even an envelope may ever come
    refresh          when it is over, somebody says `stsgate refresh`: what is known would hold mail
                     for the rest of a minute (MX sets) or of five (a hop that nothing was learned of)
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
        """The messages that the relay took."""
        taken = [attempt for attempt in self.attempts.values() if attempt.queue_id]
        return [(self.later if attempt is self.attempts.get('later') else self.domain, attempt)
                for attempt in taken]

    def targets(self):
        return [domain for domain in (self.domain, self.later) if domain]


class Siegeworks:
    """All that the steps of one play share."""

    def __init__(self, lab, stage, sieges):
        lab.open_side_doors()
        self.lab, self.stage, self.sieges = lab, stage, sieges
        self.gates = dict(lab.side_gates, map=lab.gate)
        self.log_marks = {door: gate.log.size() for door, gate in self.gates.items()}
        self.hop_marks = {name: len(one.envelopes) for name, one in lab.hops.items()}

    def learn(self, domain):
        """Makes all gates know a policy, without a look at any MX host."""
        for door, gate in self.gates.items():
            port = gate.settings['socketmap_socket'].removeprefix('inet:').partition('@')[0]
            answer = self.lab.relay.map_answer(domain.ascii, f'socketmap:inet:127.0.0.1:{port}:postfix')
            expect_match(f'what the map of {door} says of {domain.name}', '^secure match=', answer)

    def prepare(self, siege):
        """All is well: policies are known, and the message to the second domain is accepted."""
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
        """The messages of all attacks at once, since some gates must wait for a hop."""
        together([lambda siege=siege, door=door: self.offer(siege, door)
                  for siege in self.sieges for door in PORTS])

    def counters(self):
        """By reason: which verdict it is may hang on a deadline, and the log tells."""
        return {(door, siege.said(door)[1]): gate.counter(VERDICTS, purpose='deliver', reason=siege.said(door)[1])
                for door, gate in self.gates.items() for siege in self.sieges}

    def counted(self, before):
        """Each gate counted each of its verdicts once."""
        wanted = Counter((door, siege.said(door)[1]) for door in self.gates for siege in self.sieges)
        after = self.counters()
        for key, count in wanted.items():
            expect(f'growth of {VERDICTS} of {key}', count, after[key] - before[key])

    def judged(self, siege):
        """Reply, header's fate and log line at each door."""
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
        """What the relay took stays in its queue, for the right reason."""
        for domain, attempt in siege.waiting():
            if siege.queued:
                self.stage.deferred(attempt, siege.queued)
            else:
                self.lab.relay.wait_fate(attempt.queue_id, 'sent')
                self.lab.wait_arrival(domain.mx)

    def unheard(self, siege):
        """Nothing came in the clear anywhere; under attack, and at evil hosts, nothing at all."""
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
        """What was refused is taken when the client comes back."""
        refused = [(siege, door) for siege in self.sieges for door in ('map', 'alone')
                   if not siege.attempts[door].queue_id]

        def again(siege, door):
            def taken():
                self.offer(siege, door)
                return siege.attempts[door].queue_id
            wait_for(f'a message to {siege.domain.name} is taken at {door}', taken, pause=0.3)
        together([lambda siege=siege, door=door: again(siege, door) for siege, door in refused])

    def delivered(self, siege):
        """All that was taken arrives at real hops, encrypted; of the tags there is exactly one."""
        for domain, attempt in siege.waiting():
            self.sent(attempt)
            self.stage.tell('arrived', f'{attempt.queue_id}, for {domain.name}')
        for domain in siege.targets():
            for one in domain.hops.values():
                expect(f'arrivals in the clear at {one.name}', [],
                       [str(arrival) for arrival in one.arrivals if arrival.protocol is None])
        self.tagged(siege)

    def sent(self, attempt, tries=10):
        """A queue run finds only what is not under way, so there may be need of another."""
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
    """Does all at once; the first thing that went wrong is raised."""
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
    """Attacks at once, each with domains of its own: held back at every door; over: mail flows."""
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
