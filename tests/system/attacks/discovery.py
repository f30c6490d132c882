"""Attacks on the record, the policy host, and the clock."""

import re
import time

from lab import crooked, hop, net
from lab import policyserver as host
from lab.policyhost import policy_text
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import attack
from .siege import Siege, play, together

STRIPPED = 'starttls-not-supported'
SIX_MINUTES_S = 360              # later a fetch is due again
MX_AGE_S = 70                    # later an MX answer is looked up again
DAY_S = 86400


def strip(domain):
    domain.mx.become(hop.STRIPPED)


def mend(domain):
    domain.mx.become(hop.HONEST)


def set_clocks(lab, seconds):
    for gate in (lab.gate, *lab.side_gates.values()):
        gate.set_clock(seconds)


def pass_time(lab, sieges):
    """Six minutes pass after the last attack has begun, so that no gate does its lookups before that."""
    attack_last = sieges[-1].attack

    def attacked(domain):
        attack_last(domain)
        set_clocks(lab, SIX_MINUTES_S)
    sieges[-1].attack = attacked


def flush_until_arrived(lab, one, seconds=40):
    """The map answers TEMP during a first contact, so a message may need several queue runs."""
    def arrived():
        lab.relay.flush()
        return any(arrival.complete for arrival in one.arrivals)
    wait_for(f'a message at {one.name}', arrived, seconds, pause=0.5)


def logged(lab, stage, domain, pattern, seconds=10):
    """Waits for the gate's first log line about a domain that matches, and returns it."""
    line = re.compile(rf'domain={re.escape(domain.ascii)}\b.*(?:{pattern})')
    found = wait_for(f'/{pattern}/ about {domain.ascii} in the log',
                     lambda: lab.gate.log.find(line, stage.gate_mark), seconds)
    stage.tell('log', found[0])


def tagged(domain, reason):
    """The header of the message that arrived gives the reason for having no policy (milter_tag = all)."""
    expect('the tag', [f'domain={domain.ascii}; policy=none; verdict=none; reason={reason}'],
           domain.mx.arrivals[0].headers('X-STS-Gate'))


# --- the record

def txt_lie(domain):
    return f'_mta-sts.{domain.ascii}', 'TXT'


def hide(lab, domain):
    domain.hide_record()


def double(lab, domain):
    lab.dns.set(*txt_lie(domain), '"v=STSv1; id=1;"', '"v=STSv1; id=2;"')


def block(lab, domain):
    lab.crooked_dns.lie(*txt_lie(domain), crooked.silent)


def fail(lab, domain):
    lab.crooked_dns.lie(*txt_lie(domain), crooked.servfail)


# the attack, and the gate's reason if it knows no policy
RECORD_ATTACKS = {
    'txt-gone': (hide, 'no-record'),
    'txt-doubled': (double, 'record-many'),
    'txt-servfail': (fail, 'record-lookup-failed'),
    'txt-blocked': (block, 'first-contact'),
}


@attack
def record_attacked(lab, stage):
    """TXT removed, doubled, SERVFAIL or blocked: the stored policy applies, against a hop with stripped STARTTLS."""
    lab.restart_gates(dns_servers=net.DNS_CROOKED, own_clock=True)

    def siege(name, spoil):
        def attacked(domain):
            spoil(lab, domain)
            strip(domain)

        def relieved(domain):
            lab.crooked_dns.be_honest(*txt_lie(domain))
            domain.publish_record()
            mend(domain)
        # a blocked lookup takes longer than milter_wait, unless the resolver has already given up on the server
        verdict = 'defer|fail-enforce' if spoil is block else 'fail-enforce'
        return Siege(lab.domain(name), attacked, relieved, STRIPPED, verdict,
                     about=rf'mx\.{name}\.example offers no STARTTLS',
                     queued='TLS is required, but was not offered')
    sieges = [siege(name, spoil) for name, (spoil, _) in RECORD_ATTACKS.items()]
    pass_time(lab, sieges)
    play(lab, stage, *sieges)
    for one in sieges:
        asked = lab.crooked_dns.times_asked(*txt_lie(one.domain))
        expect(f'questions for the record of {one.domain.name}', 'one of each gate before the attack, and more',
               asked, asked > 3)


@attack
def record_attacked_at_first_contact(lab, stage):
    """The same without a stored policy: mail passes as without MTA-STS, and the tag has the reason (RFC 8461 10.2)."""
    lab.gate.restart(dns_servers=net.DNS_CROOKED, milter_wait='2s', milter_tag='all')
    for name, (spoil, reason) in RECORD_ATTACKS.items():
        domain = lab.domain(f'new-{name}', conduct=hop.STRIPPED)
        spoil(lab, domain)
        stage.accepted(stage.send(domain))
        flush_until_arrived(lab, domain.mx)
        tagged(domain, reason)


@attack
def id_rotated(lab, stage):
    """A new id in every answer: at most one fetch in five minutes, with and without a policy."""
    lab.gate.restart(dns_servers=net.DNS_CROOKED, own_clock=True)
    known, unknown = lab.domain('turning'), lab.domain('turning-new')
    servers = {domain: lab.new_policy_server(domain, policy_text('enforce', [domain.mx.name]))
               for domain in (known, unknown)}
    servers[known].become(host.HONEST)
    servers[unknown].become(host.SELF_SIGNED)
    for domain, server in servers.items():
        lab.dns.set(server.host, 'A', server.address)
    stage.learn(known)
    for domain in servers:
        lab.crooked_dns.lie(*txt_lie(domain), crooked.RotatingId())
    known.mx.become(hop.STRIPPED)
    for start, fetches in ((0, 1), (301, 2), (602, 3)):
        for second in range(start, start + 10, 2):
            lab.gate.set_clock(second)
            stage.refused(stage.send(known), known, STRIPPED)
            stage.accepted(stage.send(unknown))
        expect(f'fetches in {start + 10} s', fetches, len(servers[known].requests))
        expect(f'fetches without a policy in {start + 10} s', True,
               1 <= servers[unknown].connections <= fetches)
    asked = lab.crooked_dns.times_asked(*txt_lie(known))
    expect('new ids seen', 'ten at least', asked, asked >= 10)
    stage.nothing_at(known.mx)


# --- the policy host

# how the host behaves, and the reason in the log
HOST_ATTACKS = {
    host.DOWN: r'reason=sts-policy-fetch-error "(Failed|Could).*connect',
    host.SILENT: r'reason=sts-policy-fetch-error no policy within',
    host.REDIRECT: r'reason=sts-policy-fetch-error HTTP status 301',
    host.HTML: r'reason=sts-policy-fetch-error .*(type|text/plain)',
    host.ENDLESS: r'reason=sts-policy-fetch-error policy too large',
    host.DRIBBLE: r'reason=sts-policy-fetch-error no policy within',
    host.SELF_SIGNED: r'reason=sts-webpki-invalid .*self.signed',
    host.EXPIRED: r'reason=sts-webpki-invalid .*expired',
    host.WRONG_NAME: r'reason=sts-webpki-invalid .*[Hh]ost ?name',
    host.CN_ONLY: r'reason=sts-webpki-invalid .*[Hh]ost ?name',
    host.PARTIAL_WILDCARD: r'reason=sts-webpki-invalid .*[Hh]ost ?name',
}
FETCH_S = 3


def weak(domain):
    return policy_text('none', [])


def nothing_gained(server):
    """No request without an authenticated connection, no redirect followed, no endless body read."""
    if server.conduct in host.BAD_CERTIFICATES:
        expect(f'requests at {server.host}', [], server.requests)
    expect(f'paths asked for at {server.host}', [], [path for path in server.requests if path != host.PATH])
    expect(f'endless bodies read from {server.host}', 0, server.drowned)


@attack
def policy_host_attacked(lab, stage):
    """New id, and a policy host that is down, lies, stalls or shows a bad certificate: the stored policy applies."""
    lab.restart_gates(own_clock=True, fetch_timeout=f'{FETCH_S}s', milter_wait='20s')
    servers = {}

    def attacked(domain, conduct):
        server = servers[domain]
        lab.dns.set(server.host, 'A', server.address)
        domain.publish_record('"v=STSv1; id=2;"')
        server.become(conduct)
        strip(domain)

    sieges = []
    for conduct in HOST_ATTACKS:
        domain = lab.domain(f'host-{conduct}')
        servers[domain] = lab.new_policy_server(domain, weak(domain))
        sieges.append(Siege(domain, lambda domain, conduct=conduct: attacked(domain, conduct), mend, STRIPPED,
                            queued='TLS is required, but was not offered'))
    pass_time(lab, sieges)
    play(lab, stage, *sieges)
    for siege, pattern in zip(sieges, HOST_ATTACKS.values()):
        logged(lab, stage, siege.domain, f'the stored policy stays in force.*{pattern}')
        nothing_gained(servers[siege.domain])


@attack
def policy_host_attacked_at_first_contact(lab, stage):
    """The same without a stored policy: mail passes after milter_wait at most, and the log has the reason."""
    wait_s = 2
    lab.gate.restart(fetch_timeout=f'{FETCH_S}s', milter_wait=f'{wait_s}s')
    servers = {}
    for conduct in HOST_ATTACKS:
        domain = lab.domain(f'newhost-{conduct}', conduct=hop.STRIPPED, policy=False)
        servers[domain] = lab.new_policy_server(domain, policy_text('enforce', [domain.mx.name]))
        lab.dns.set(servers[domain].host, 'A', servers[domain].address)
        domain.publish_record()
        servers[domain].become(conduct)

    def offer(domain):
        begun = time.monotonic()
        attempt = lab.relay.send([domain.address()])
        took = time.monotonic() - begun
        expect(f'seconds at RCPT to {domain.name}', f'under {wait_s + 1}', round(took, 1), took < wait_s + 1)
        stage.accepted(attempt)
    together([lambda domain=domain: offer(domain) for domain in servers])
    for domain, pattern in zip(servers, HOST_ATTACKS.values()):
        logged(lab, stage, domain, f'no policy: {pattern}')
        nothing_gained(servers[domain])
    for domain in servers:
        flush_until_arrived(lab, domain.mx)


@attack
def policy_weakened(lab, stage):
    """Forged DNS directs the fetch of a new id to the attacker's plausible policy: it never applies."""
    lab.restart_gates(own_clock=True)
    evil = [lab.new_hop(f'mx.evil-weakener{number}.example') for number in (1, 2)]
    bodies = (policy_text('none', []), policy_text('enforce', ['*.evil-weakener2.example']))
    servers = {}

    def attacked(domain, one):
        lab.dns.set(servers[domain].host, 'A', servers[domain].address)
        domain.publish_record('"v=STSv1; id=evil;"')
        domain.set_mx(one)

    def relieved(domain):
        lab.dns.set(servers[domain].host, 'A', domain.policy_address)
        domain.set_mx(domain.mx)
        set_clocks(lab, SIX_MINUTES_S + MX_AGE_S)

    sieges = []
    for number, (one, body) in enumerate(zip(evil, bodies), 1):
        domain = lab.domain(f'weakened{number}')
        servers[domain] = lab.new_policy_server(domain, body)
        servers[domain].become(host.SELF_SIGNED if number == 1 else host.WRONG_NAME)
        sieges.append(Siege(domain, lambda domain, one=one: attacked(domain, one), relieved,
                            'mx-not-in-policy', about=rf'{re.escape(one.name)} .*',
                            queued='Server certificate not verified', evil=(one,)))
    pass_time(lab, sieges)
    play(lab, stage, *sieges)
    for domain, server in servers.items():
        logged(lab, stage, domain, 'the stored policy stays in force.*reason=sts-webpki-invalid')
        expect('handshakes with the attacker', 'one at least', server.connections, server.connections >= 1)
        nothing_gained(server)


# --- the clock

@attack
def clock_set_back_and_forth(lab, stage):
    """The clock jumps: within max_age the policy applies, after it not, and back it applies again. Behind: reported."""
    lab.gate.restart(own_clock=True)
    since = lab.gate.log.size()
    domain = lab.domain('clock')
    stage.encrypted(stage.send(domain), domain.mx)
    domain.hide_record()
    strip(domain)
    for days in (-3, 3, -1, 0, 6):
        lab.gate.set_clock(days * DAY_S)
        stage.tell('clock', f'{days:+d} days')
        stage.refused(stage.send(domain), domain, STRIPPED)
    wait_for('an event', lambda: lab.gate.log.find(re.compile('error: event=clock-behind'), since))
    lab.gate.set_clock(10 * DAY_S)
    stage.tell('clock', '+10 days: the policy of 7 days is over')
    held = lab.relay.send([domain.address()], hold=True)
    stage.accepted(held)
    lab.gate.set_clock(0)
    stage.refused(stage.send(domain), domain, STRIPPED)
    since = stage.release(held)
    stage.deferred(held, 'TLS is required, but was not offered', since)
    expect('messages in the clear', [], [str(one) for one in domain.mx.arrivals if not one.protocol])
    mend(domain)
    stage.flush()
    stage.encrypted(held, domain.mx, count=2)


@attack
def clock_set_right(lab, stage):
    """A clock that was days ahead is corrected: after a reload, DNS answers from the wrong time are looked up again."""
    lab.gate.restart(own_clock=True)
    lab.gate.set_clock(3 * DAY_S)
    domain = lab.domain('late', policy=False)
    stage.accepted(stage.send(domain))
    lab.wait_arrival(domain.mx)
    domain.publish_policy()
    domain.publish_record()
    lab.gate.set_clock(0)
    since = lab.gate.log.size()
    lab.gate.reload()
    wait_for('a reload', lambda: lab.gate.log.find(re.compile('reloaded the settings'), since))
    strip(domain)
    stage.refused(stage.send(domain), domain, STRIPPED)
    expect('messages after the first', 1, len(domain.mx.arrivals))
