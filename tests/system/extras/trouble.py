"""Failures of other parts: the daemon, DNS, policy hosts."""

import socket
import threading
import time

from lab import hop
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import test


@test
def daemon_down(lab, stage):
    """While the daemon is down nothing leaks: RCPT is deferred, and queued mail stays queued."""
    domain = lab.domain('orphan')
    stage.learn(domain)
    attempt = stage.send(domain, hold=True)
    stage.accepted(attempt)
    lab.gate.kill()
    since = stage.release(attempt)
    stage.deferred(attempt, 'TLS configuration problem', since)
    refused = lab.relay.send([domain.address()])
    expect('a queue id while the milter is down', None, refused.queue_id)
    stage.nothing_at(domain.mx)
    lab.gate.start()
    stage.flush()
    stage.encrypted(attempt, domain.mx)


@test
def killed_under_load(lab, stage):
    """kill -9 during traffic: the store opens, and every policy that was reported still applies."""
    domains = [lab.domain(f'load{number}') for number in range(12)]
    done = threading.Event()
    answered = set()

    def ask(share):
        for domain in share:
            if done.is_set():
                return
            try:
                if lab.relay.map_answer(domain.ascii):
                    answered.add(domain.ascii)
                lab.relay.send([domain.address()])
            except (RuntimeError, OSError):
                return

    threads = [threading.Thread(target=ask, args=(domains[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    wait_for('some domains are known', lambda: len(answered) >= 4)
    lab.gate.kill()
    done.set()
    for thread in threads:
        thread.join()
    known = set(answered)
    lab.policy_hosts.stop()
    for domain in domains:
        domain.hide_record()
    lab.gate.start()
    stage.tell('known', f'{len(known)} policies before the kill')
    for name in sorted(known):
        expect_match(f'map answer to {name} after the restart', '^secure match=',
                     lab.relay.map_answer(name))


@test
def dead_dns(lab, stage):
    """The gate's DNS is dead: mail for unknown domains passes, as RFC 8461 requires; stored policies apply."""
    known, unknown = lab.domain('dead-known'), lab.domain('dead-unknown', policy=False)
    stage.learn(known)
    known.mx.become(hop.STRIPPED)
    stage.tell('attack', "the gate's DNS server receives questions and answers none")
    lab.dns.of_gate.freeze()
    stage.accepted(stage.send(unknown))
    attempt = stage.send(known)
    if attempt.queue_id:
        stage.deferred(attempt, 'TLS is required, but was not offered')
    else:
        expect_match('the answer', '^451 4.7.5 ', attempt.answer(known.address()))
    stage.nothing_at(known.mx)
    flush_until_arrived(lab, unknown.mx)


@test
def dns_comes_back(lab, stage):
    """After an outage of the gate's DNS first contacts are judged again within 20 s."""
    lost = [lab.domain(f'lost{number}', policy=False) for number in range(3)]
    found = [lab.domain(f'found{number}', conduct=hop.STRIPPED) for number in range(40)]
    lab.dns.of_gate.freeze()
    threads = [threading.Thread(target=lab.relay.send, args=([domain.address()],))
               for domain in lost]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.dns.of_gate.thaw()
    begun = time.monotonic()
    remaining = iter(found)
    wait_for('a first contact is judged', lambda: not lab.relay.send(
        [next(remaining).address()]).queue_id, seconds=20, pause=0.5)
    stage.tell('took', f'{time.monotonic() - begun:.1f} s')


def flush_until_arrived(lab, one, seconds=75):
    """The map answers TEMP during a first contact, so a message may need several queue runs."""
    def arrived():
        lab.relay.flush()
        return any(arrival.complete for arrival in one.arrivals)
    wait_for(f'a message at {one.name}', arrived, seconds, pause=2)


class Silence:
    """A policy host that accepts connections on port 443 and never sends anything."""

    def __init__(self, lab):
        self.address = lab.new_address()
        lab.policy_hosts.stop()
        self.listener = socket.create_server((self.address, 443), backlog=128)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def domain(self, lab, name):
        """A domain whose policy is on this host."""
        made = lab.domain(name, policy=False)
        lab.dns.set(f'mta-sts.{made.ascii}', 'A', self.address)
        made.publish_record()
        return made


def timed(lab, domain):
    """The seconds that a whole SMTP transaction takes."""
    begun = time.monotonic()
    attempt = lab.relay.send([domain.address()])
    expect(f'a message to {domain.name} is accepted', True, attempt.queue_id is not None)
    return time.monotonic() - begun


@test
def slow_policy_host(lab, stage):
    """A policy host that never answers delays RCPT by milter_wait (4 s), and no longer."""
    with Silence(lab) as silence:
        took = timed(lab, silence.domain(lab, 'slow'))
    stage.tell('took', f'{took:.1f} s')
    expect('seconds at RCPT', 'from 3 to 6', round(took, 1), 3 <= took <= 6)


@test
def waiting_stalls_nobody(lab, stage):
    """While ten sessions wait for first contacts, other sessions are answered at once."""
    quick = lab.domain('quick')
    stage.encrypted(stage.send(quick), quick.mx)
    times = []

    def hurry():
        for _ in range(5):
            times.append(timed(lab, quick))

    with Silence(lab) as silence:
        slow = [silence.domain(lab, f'slow{number}') for number in range(10)]
        threads = [threading.Thread(target=timed, args=(lab, domain)) for domain in slow]
        threads += [threading.Thread(target=hurry) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stage.tell('took', f'{max(times):.2f} s at most, of {len(times)} messages')
    expect('quick messages', 20, len(times))
    expect('seconds of the slowest quick message', 'under 2', round(max(times), 2), max(times) < 2)
