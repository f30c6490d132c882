"""The map's dialects as Postfix reads them, and how Postfix 3.10 uses the TLSRPT attributes."""

import re

from lab.proc import wait_for
from lab.story import expect, expect_match

from . import test
from .everywhere import each, goes_out

MAP_OF = 'socketmap:inet:127.0.0.1:8461:{}'
TLSRPT = MAP_OF.format('postfix-tlsrpt')
PLAIN, FULL = ('postfix', 'QUERY', 'zone-of-ours'), ('postfix-tlsrpt', 'QUERYwithTLSRPT')
UNKNOWN_ATTRIBUTE = 'client TLS configuration problem'


def domain_with_pool(lab, name):
    """A domain whose policy lists its MX host and every name one label below pool."""
    domain = lab.domain(name, policy=False)
    domain.publish_policy(mx=[domain.mx.name, f'*.pool.{domain.ascii}'])
    domain.publish_record()
    return domain


@each('postfix', 'postfix-next')
def dialects(lab, stage, name):
    """`postmap -q` gets each dialect from the map; a domain without a policy is in none."""
    domain = domain_with_pool(lab, f'{name}-dialects')
    none = lab.domain(f'{name}-no-dialects', policy=False)
    plain = rf'secure match={domain.mx.name}:\.pool\.{domain.ascii} servername=hostname'
    wanted = {**dict.fromkeys(PLAIN, f'^{plain}$'), 'sts': f'^{plain}$',
              **dict.fromkeys(FULL, rf'^{plain} policy_type=sts policy_domain={domain.ascii} .*policy_string = '
                                    rf'mode: enforce }}.* mx_host_pattern=\*\.pool\.{domain.ascii}$')}
    for dialect, pattern in wanted.items():
        answer = stage.relay.map_answer(domain.ascii, MAP_OF.format(dialect))
        stage.tell('map', f'{dialect}: {answer}')
        expect_match(f'the answer of {dialect}', pattern, answer)
        for key in (none.ascii, f'.{domain.ascii}', f'sub.{domain.ascii}', '[192.0.2.1]:25'):
            expect(f'the answer of {dialect} to {key}', None, stage.relay.map_answer(key, MAP_OF.format(dialect)))


@test
def postfix_next_with_tlsrpt(lab, stage):
    """Postfix 3.10 and postfix-tlsrpt: MX names are checked before a connection, and `*` stands for one label."""
    relay = lab.consumer('postfix-next')
    stage = stage.at(relay)
    relay.attach(map_=TLSRPT)
    domain = domain_with_pool(lab, 'tlsrpt')
    stage.encrypted(stage.send(domain), domain.mx)
    stage.verified(domain.mx)
    pool = lab.new_hop(f'a.pool.{domain.ascii}')
    deep = lab.new_hop(f'a.b.pool.{domain.ascii}')
    evil = lab.new_hop('mx.evil-tlsrpt.example')
    held = stage.send(domain, hold=True)
    stage.tell('attack', f'MX of {domain.name}: {evil.name}, {deep.name}')
    domain.set_mx(evil, deep)
    since = stage.release(held)
    stage.deferred(held, 'server unavailable or unable to receive mail', since)
    expect('connections to hosts of no pattern', (0, 0), (evil.connections, deep.connections))
    pattern = f"MX name '{evil.name}' does not match STS MX pattern for '{domain.ascii}'"
    said = relay.log.find(re.compile(pattern), since)
    stage.tell('log', said[0] if said else relay.log.tail(3))
    expect('a line on the pattern', True, bool(said))
    stage.tell('attack', f'MX of {domain.name}: {evil.name}, {pool.name}')
    domain.set_mx(evil, pool)
    goes_out(stage, [])
    arrivals = [arrival for arrival in pool.arrivals if arrival.protocol]
    expect('messages at the host that the star allows', 1, len(arrivals))


@test
def postfix_next_without_patterns(lab, stage):
    """Postfix 3.10 with smtp_tls_enforce_sts_mx_patterns = no checks the certificate, as older versions do."""
    relay = lab.consumer('postfix-next')
    stage = stage.at(relay)
    relay.attach(map_=TLSRPT)
    relay.set(smtp_tls_enforce_sts_mx_patterns='no')
    try:
        domain, evil = lab.domain('certonly'), lab.new_hop('mx.evil-certonly.example')
        attempt = stage.send(domain, hold=True)
        domain.set_mx(evil)
        since = stage.release(attempt)
        stage.deferred(attempt, relay.NOT_NAMED, since)
        stage.nothing_at(evil)
    finally:
        relay.set(smtp_tls_enforce_sts_mx_patterns='yes')


@test
def postfix_newest_offers_requiretls(lab, stage):
    """A mail host with Postfix 3.11 offers REQUIRETLS inside TLS: query shows it, and the probe takes leave as SMTP asks."""
    host, domain = lab.consumer('postfix-newest'), lab.domain('requiretls-postfix')
    domain.set_mx(host)
    domain.publish_policy(mx=[host.name])
    since = host.log.size()
    told = stage.tool('query', domain.name)
    expect_match('query', rf'hop +{host.name}:25\n(.*\n)*?.*STARTTLS, TLSv1.3 .*, REQUIRETLS offered\n', told)
    left = wait_for('the end of the probe', lambda: host.log.find(re.compile('disconnect from .* commands='), since), 10)
    expect_match('the probe', 'ehlo=2 starttls=1 quit=1 commands=4$', left[-1])


@test
def postfix_with_tlsrpt(lab, stage):
    """Postfix 3.7 does not know the TLSRPT attributes: with that dialect mail waits, and none is lost."""
    knows = lab.relay.version_number() >= (3, 10)
    lab.relay.attach(map_=TLSRPT)
    domain = lab.domain('tooearly')
    attempt = stage.send(domain)
    if not knows:
        stage.deferred(attempt, UNKNOWN_ATTRIBUTE)
        stage.nothing_at(domain.mx)
        lab.relay.attach()
        goes_out(stage, [(domain, attempt)])
    else:
        stage.encrypted(attempt, domain.mx)
