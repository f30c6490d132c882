"""Cold work does not delay warm work: strangers hold all places of the pool, and warm questions are answered meanwhile.

No time is measured. Each stranger's connection is known to be open before the first warm question and after the last
answer, so no answer has waited for the end of any of them.
"""

import contextlib
import select

from lab.proc import wait_for
from lab.story import expect, expect_match

from . import test
from .crowd import Session
from .silence import MapClient, PATIENCE_S, RECORD, domains, resolver, silent_hosts, spread

STRANGERS = 64                   # all places of the table of inquiries
WAITERS = 32                     # all callbacks that may wait; the other strangers are asked about through the map
ROUNDS = 50
PLACES = {'lookups_max': str(STRANGERS), 'milter_waiters': str(WAITERS), 'io_threads': '1', 'mta_enforces': 'no',
          'milter_wait': '25s', 'milter_first_contact': 'defer', 'lookup_timeout': '60s', 'fetch_timeout': '120s'}


def rcpt_reply(name):
    """What the milter says to a recipient in this domain, in a session of its own."""
    with contextlib.closing(Session()) as session:
        session.greet()
        session.ask(f'user@{name}')
        return session.read()


def warm_answers(name):
    """Asks map and milter in turn; each answer is the one from the store."""
    with contextlib.closing(MapClient()) as client:
        for _ in range(ROUNDS):
            client.ask(name)
            expect_match('the answer of the map', '^OK secure match=', client.read())
            expect('the answer of the milter', b'c', rcpt_reply(name))


def closed(peers):
    """How many of these connections the gate has closed."""
    watch = select.poll()
    for peer in peers:
        watch.register(peer, select.POLLRDHUP)
    return len(watch.poll(0))


def strangers_ask(stack, names):
    """Half of the first contacts come through the milter, half through the map."""
    for number, name in enumerate(names):
        client = stack.enter_context(contextlib.closing(Session() if number < WAITERS else MapClient()))
        if number < WAITERS:
            client.greet()
            client.ask(f'user@{name}')
        else:
            client.ask(name)


def accepted(stack, doors):
    """The gate's connection to each of the silent hosts."""
    peers = []
    for door in doors:
        door.settimeout(PATIENCE_S)
        peers.append(stack.enter_context(door.accept()[0]))
    return peers


@test
def warm_beside_strangers(lab, stage):
    """First contacts to hosts that never answer hold all places of the pool: warm questions are answered meanwhile."""
    calm, names, late = lab.domain('calm-beside'), domains('stranger', STRANGERS), 'late.example'
    records = {f'_mta-sts.{name}': [RECORD] for name in [*names, late]}
    records.update({f'mta-sts.{name}': [('A', spread(number))] for number, name in enumerate(names)})
    stage.learn(calm)
    wait_for('the milter knows the domain', lambda: rcpt_reply(calm.ascii) == b'c', PATIENCE_S)
    with silent_hosts(443, count=STRANGERS) as doors, resolver(lab, records) as server, \
            contextlib.ExitStack() as stack:
        lab.gate.restart(dns_servers=server, **PLACES)
        strangers_ask(stack, names)
        peers = accepted(stack, doors)
        wait_for('all callbacks that may wait do', lambda: lab.gate.counter('stsgate_milter_waiting') == WAITERS)
        expect('lookups under way', STRANGERS, lab.gate.counter('stsgate_cases_open'))
        expect_match('the answer to one more first contact', r'y451 .*first-contact', rcpt_reply(late))
        expect('refused because all places are taken', True,
               lab.gate.counter('stsgate_limit_hits_total', limit='lookups') > 0)
        warm_answers(calm.ascii)
        expect('lookups under way after the last answer', STRANGERS, lab.gate.counter('stsgate_cases_open'))
        expect('connections to strangers that have been closed', 0, closed(peers))
