"""The map's answer for each kind of published records, and how the MTA delivers then: the rows of spec D-61."""

from lab import hop, net
from lab.proc import wait_for
from lab.signed import tlsa
from lab.story import expect, expect_match

from . import test
from .steps import SECURE, backup_hop, domains, goes_out, map_says

POLICIES = ('enforce', 'testing', 'none', None)
UNUSABLE = '0 0 1 ' + '0f' * 32      # PKIX-TA, which is undefined for SMTP (RFC 7672 3.1.3)


@test
def dane_every_hop(lab, stage):
    """All hosts have usable TLSA records: dane-only, whatever the policy; self-signed certificates are enough."""
    for domain in domains(lab, 'every', POLICIES):
        domain.mx.become(hop.SELF_SIGNED)
        lab.signed.publish_tlsa(domain.mx, tlsa(domain.mx.certificates.file(hop.SELF_SIGNED), 3, 1, 1))
        map_says(stage, domain, '^dane-only$')
        map_says(stage, domain, SECURE.format(domain.mx.name) if 'enforce' in domain.name else None, 'sts')
        stage.encrypted(stage.send(domain), domain.mx)
        stage.verified(domain.mx)


@test
def dane_authority(lab, stage):
    """A TLSA record for the authority: the host must send the authority's certificate, and its own name must match."""
    authority = tlsa(lab.authority.file, 2, 0, 2)
    named, misnamed, refused = domains(lab, 'authority', ('enforce', None, 'none'))
    for domain in (named, misnamed, refused):
        lab.signed.publish_tlsa(domain.mx, authority)
        domain.mx.become(hop.WITH_CA)
    # the certificate is for mx, which is no longer a name of this host
    lab.dns.set(misnamed.ascii, 'MX', f'10 other.{misnamed.ascii}.')
    lab.dns.set(f'other.{misnamed.ascii}', 'A', misnamed.mx.address)
    lab.dns.set(f'_25._tcp.other.{misnamed.ascii}', 'TLSA', authority)
    refused.mx.become(hop.HONEST)
    for domain in (named, misnamed, refused):
        map_says(stage, domain, '^dane-only$')
    stage.encrypted(stage.send(named), named.mx)
    stage.verified(named.mx)
    for domain in (misnamed, refused):
        stage.deferred(stage.send(domain), 'Server certificate not (verified|trusted)')
        stage.nothing_at(domain.mx)


@test
def dane_aliases(lab, stage):
    """The host's name is an alias, and so are its TLSA records: the records at the end of the chain count."""
    domain, = domains(lab, 'alias', (None,))
    domain.mx.become(hop.SELF_SIGNED)
    lab.dns.set(domain.ascii, 'MX', f'10 www.{domain.ascii}.')
    lab.dns.set(f'www.{domain.ascii}', 'CNAME', f'{domain.mx.name}.')
    lab.dns.set(f'_25._tcp.www.{domain.ascii}', 'TLSA', f'3 1 1 {"00" * 32}')
    lab.dns.set(f'_dane.{domain.ascii}', 'TLSA', tlsa(domain.mx.certificates.file(hop.SELF_SIGNED), 3, 0, 2))
    lab.dns.set(f'_25._tcp.{domain.mx.name}', 'CNAME', f'_dane.{domain.ascii}.')
    map_says(stage, domain, '^dane-only$')
    stage.encrypted(stage.send(domain), domain.mx)
    expect_match('the end of the log', 'Verified TLS connection', '\n'.join(stage.relay.log.tail(5)))


@test
def dane_next_postfix(lab, stage):
    """Postfix 3.10 obeys dane-only and dane of the same map."""
    relay = lab.consumer('postfix-next')
    relay.resolve(net.DNS_VALIDATING, dnssec=True)
    stage = stage.at(relay)
    every, = domains(lab, 'next-every', ('enforce',))
    every.mx.become(hop.SELF_SIGNED)
    lab.signed.publish_tlsa(every.mx, hop.SELF_SIGNED)
    some, = domains(lab, 'next-some', (None,))
    backup_hop(lab, some)
    lab.signed.publish_tlsa(some.mx, hop.HONEST)
    for domain, answer in ((every, '^dane-only$'), (some, '^dane$')):
        map_says(stage, domain, answer)
        stage.encrypted(stage.send(domain), domain.mx)
        stage.verified(domain.mx)


@test
def dane_exim(lab, stage):
    """Exim obeys dane-only of the map, and does with its own means what the answer dane asks."""
    for name in ('exim', 'exim-next'):
        relay = lab.consumer(name)
        relay.resolve(net.DNS_VALIDATING, dnssec=True)
        obeys_dane(lab, stage.at(relay), name)


def obeys_dane(lab, stage, name):
    every, wrong, mixed = domains(lab, f'{name}-every', ('enforce', 'none', 'testing'))
    unusable, = domains(lab, f'{name}-unusable', ('enforce',))
    lab.signed.publish_tlsa(unusable.mx, UNUSABLE)
    some, = domains(lab, f'{name}-some', (None,))
    backup_hop(lab, some)
    # the better host has no TLSA record, and must not get mail under dane-only
    bound, = domains(lab, f'{name}-bound', ('enforce',))
    better = backup_hop(lab, bound)
    bound.set_mx(better, bound.mx)
    for domain in (every, wrong, mixed):
        domain.mx.become(hop.SELF_SIGNED)
    for domain in (every, mixed):
        lab.signed.publish_tlsa(domain.mx, hop.SELF_SIGNED)
    lab.signed.publish_tlsa(wrong.mx, hop.HONEST)
    for domain in (some, bound):
        lab.signed.publish_tlsa(domain.mx, hop.HONEST)
    for domain, answer in ((every, 'dane-only'), (wrong, 'dane-only'), (mixed, 'dane-only'), (some, 'dane'),
                           (bound, 'dane-only'), (unusable, f'secure match={unusable.mx.name} servername=hostname')):
        expect(f'the map about {domain.name}', answer, stage.relay.map_answer(domain.ascii))
    attempt = stage.send(every, wrong, mixed, some, bound, unusable)
    for domain in (every, mixed, some, bound, unusable):
        line = stage.relay.wait_fate(attempt.queue_id, 'sent', domain.address())
        stage.tell('log', stage.relay.what(line))
        way = 'yes' if domain is unusable else 'dane'
        expect_match(f'the delivery to {domain.name}', f'H={domain.mx.name} .* CV={way} ', line)
    line = stage.relay.wait_fate(attempt.queue_id, 'deferred', wrong.address())
    stage.tell('queued', stage.relay.what(line))
    stage.turn(bound.mx, hop.DOWN, f'{bound.mx.name} is cut off, and {better.name} has no TLSA record')
    late = stage.send(bound)
    stage.deferred(late, 'certificate verification failed|Connection refused')
    stage.nothing_at(wrong.mx, better)


@test
def dane_some_hops(lab, stage):
    """Some hosts have TLSA records, no policy: dane; mail goes to hosts with and without them."""
    testing, none = domains(lab, 'some', ('testing', None))
    for domain in (testing, none):
        backup = backup_hop(lab, domain)
        lab.signed.publish_tlsa(domain.mx, hop.HONEST)
        map_says(stage, domain, '^dane$')
        map_says(stage, domain, None, 'sts')
        stage.encrypted(stage.send(domain), domain.mx)
        stage.verified(domain.mx)
        stage.turn(domain.mx, hop.DOWN, f'{domain.mx.name} is cut off')
        stage.encrypted(stage.send(domain), backup)


@test
def dane_some_hops_enforced(lab, stage):
    """Some hosts have TLSA records, and an enforce policy: dane-only; the other hosts never get mail."""
    domain, = domains(lab, 'bound', ('enforce',))
    attacked, = domains(lab, 'bound-early', ('enforce',))
    for one in (domain, attacked):
        one.set_mx(backup_hop(lab, one), one.mx)
        lab.signed.publish_tlsa(one.mx, hop.HONEST)
        map_says(stage, one, '^dane-only$')
    _, backup = domain.hops.values()
    attacked.mx.become(hop.REISSUED)
    # the reply is about the best host, which must not get the mail
    stage.refused(stage.send(attacked), attacked, 'dane-required', r'backup\..* has no usable TLSA record, .*')
    stage.nothing_at(*attacked.hops.values())
    stage.encrypted(stage.send(domain), domain.mx)
    stage.verified(domain.mx)
    held = stage.send(domain, hold=True)
    stage.turn(domain.mx, hop.REISSUED, f'{domain.mx.name} shows another certificate, good by all but TLSA')
    since = stage.release(held)
    stage.deferred(held, 'Server certificate not verified|no TLSA records', since)
    stage.nothing_at(backup)
    expect('messages at the host under attack', 1, len(domain.mx.arrivals))
    domain.mx.become(hop.HONEST)
    goes_out(stage, [(held, domain.mx)], count=2)
    stage.nothing_at(backup)


@test
def dane_unusable(lab, stage):
    """No TLSA record is usable: dane without an enforce policy, so TLS is required; otherwise secure."""
    free, bound = domains(lab, 'unusable', (None, 'enforce'))
    for domain in (free, bound):
        lab.signed.publish_tlsa(domain.mx, UNUSABLE)
    free.mx.become(hop.SELF_SIGNED)
    map_says(stage, free, '^dane$')
    map_says(stage, bound, SECURE.format(bound.mx.name))
    stage.encrypted(stage.send(free), free.mx)
    stage.encrypted(stage.send(bound), bound.mx)
    stage.verified(bound.mx)
    stage.turn(free.mx, hop.STRIPPED, f'STARTTLS is stripped at {free.mx.name}')
    held = stage.send(free)
    stage.deferred(held, 'TLS is required, but was not offered')
    expect('messages in the clear', [], [str(one) for one in free.mx.arrivals if one.protocol is None])
    free.mx.become(hop.SELF_SIGNED)
    goes_out(stage, [(held, free.mx)], count=2)


@test
def dane_unsigned_domain(lab, stage):
    """The domain is unsigned, its host is signed and has TLSA records: dane without an enforce policy, else secure."""
    free, bound = (lab.domain(name, mx=f'mx.{name}.signed', policy=policy)
                   for name, policy in (('unsigned-free', False), ('unsigned-bound', True)))
    for domain in (free, bound):
        lab.signed.publish_tlsa(domain.mx, hop.HONEST)
    map_says(stage, free, '^dane$')
    map_says(stage, bound, SECURE.format(bound.mx.name))
    # RFC 7672 2.2.1 keeps Postfix from calling a path verified that began unsigned
    stage.encrypted(stage.send(free), free.mx)
    expect_match('the end of the log', f'Trusted TLS connection established to {free.mx.name}',
                 '\n'.join(stage.relay.log.tail(5)))
    stage.encrypted(stage.send(bound), bound.mx)
    stage.verified(bound.mx)
    stage.turn(free.mx, hop.REISSUED, f'{free.mx.name} shows another certificate')
    held = stage.send(free)
    stage.deferred(held, 'Server certificate not (verified|trusted)')
    expect('messages', 1, len(free.mx.arrivals))
    free.mx.become(hop.HONEST)
    goes_out(stage, [(held, free.mx)], count=2)


@test
def dane_proven_absent(lab, stage):
    """A signed domain without TLSA records: secure with an enforce policy, NOTFOUND without one."""
    for domain in domains(lab, 'absent', POLICIES):
        if 'enforce' in domain.name:
            map_says(stage, domain, SECURE.format(domain.mx.name))
        else:
            map_says(stage, domain, None)
        stage.encrypted(stage.send(domain), domain.mx)


def as_if_none(lab, stage, name):
    """TLSA records that do not match have no effect, neither in the map nor in the milter."""
    free, bound = domains(lab, name, (None, 'enforce'))
    for domain in (free, bound):
        lab.signed.publish_tlsa(domain.mx, hop.HONEST)
    map_says(stage, free, None)
    map_says(stage, bound, SECURE.format(bound.mx.name))
    bound.mx.become(hop.REISSUED)
    for domain in (free, bound):
        stage.encrypted(stage.send(domain), domain.mx)
    stage.verified(bound.mx)


@test
def dane_turned_off(lab, stage):
    """mta_dane = no, or dnssec = off: as if there were no TLSA records."""
    for number, settings in enumerate(({'mta_dane': 'no'}, {'dnssec': 'off'})):
        lab.gate.restart(**settings)
        as_if_none(lab, stage, f'off-{number}')


@test
def dane_stripping_forwarder(lab, stage):
    """dnssec = auto and a forwarder that strips signatures: the log reports it, and only MTA-STS protects mail."""
    expect_match('what doctor says about DNSSEC', r'^ok +dnssec ', lab.gate.tool('doctor', 'dnssec')[1])
    since = lab.gate.log.size()
    lab.signed.forwarder.lie_always(lab.signed.forwarder.without_signatures)
    lab.gate.restart(dns_servers=net.DNS_FORWARDER)
    # stsgated answers before its trial of the DNS servers has ended
    said = wait_for('the log line about signatures',
                    lambda: [line for line in lab.gate.log.lines(since) if 'dnssec = off' in line])
    stage.tell('log', '\n'.join(said))
    expect_match('what doctor says then', r'^warn +dnssec +a resolver removes', lab.gate.tool('doctor', 'dnssec')[1])
    as_if_none(lab, stage, 'stripping')
