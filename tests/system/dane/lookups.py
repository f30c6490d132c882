"""Failed and bogus lookups on the way to TLSA records."""

from lab import crooked, hop

from attacks.siege import together

from . import test
from .steps import SECURE, backup_hop, domains, goes_out, map_says, mended, resolver_sees

TEMP = 'temporary error: dnssec-invalid'
UNANSWERED = 'client TLS configuration problem'
ITS_OWN = 'TLSA lookup error for .*'    # the result of Postfix's own lookup
LATER_S = 7200                   # DANE facts have expired by then


def servfail(lab, one):
    lab.signed.upstream.lie(f'_25._tcp.{one.name}', 'TLSA', crooked.servfail)


def strip(lab, one):
    lab.signed.upstream.lie(f'_25._tcp.{one.name}', 'TLSA', lab.signed.upstream.without_signatures)


def lapse(lab, one):
    lab.signed.set_lapsed_tlsa(one)


def honest_again(lab, one):
    lab.signed.upstream.be_honest()
    lab.signed.set(f'_25._tcp.{one.name}', 'CNAME')
    lab.signed.publish_tlsa(one, hop.HONEST)


@test
def dane_lookup_fails(lab, stage):
    """The only host's TLSA lookup fails or is bogus: mail waits, because of the policy or of Postfix's own lookup."""
    kinds = {fail: domains(lab, fail.__name__, ('enforce', None)) for fail in (servfail, strip, lapse)}
    every = [domain for pair in kinds.values() for domain in pair]
    kept = {free: stage.send(free, hold=True) for _, free in kinds.values()}
    left = {}
    for domain in every:
        lab.signed.publish_tlsa(domain.mx, hop.HONEST)
        domain.mx.become(hop.STRIPPED)
    for fail, pair in kinds.items():
        for domain in pair:
            fail(lab, domain.mx)
    says = [(bound, TEMP) for bound, _ in kinds.values()] + [(free, 'dane') for _, free in kinds.values()]
    together([lambda domain=domain, answer=answer: map_says(stage, domain, answer) for domain, answer in says])
    for bound, free in kinds.values():
        left[bound] = stage.send(bound)
        stage.deferred(left[bound], UNANSWERED)
        since = stage.release(kept[free])
        stage.deferred(kept[free], ITS_OWN, since)
    lab.gate.restart(mta_enforces='no')
    for bound, free in kinds.values():
        stage.refused(stage.send(bound), bound, 'starttls-not-supported', rf'{bound.mx.name} .*')
        stage.nothing_at(bound.mx, free.mx)
    for domain in every:
        honest_again(lab, domain.mx)
        domain.mx.become(hop.HONEST)
    for domain in every:
        resolver_sees(lab, f'_25._tcp.{domain.mx.name}', 'TLSA', ' 3 0 1 ')
    mended(lab, stage, *every)
    for bound, _ in kinds.values():
        stage.accepted(stage.send(bound))
    goes_out(stage, [(attempt, domain.mx) for domain, attempt in (*kept.items(), *left.items())])
    for domain in every:
        stage.verified(domain.mx)


@test
def dane_one_lookup_of_two(lab, stage):
    """The TLSA lookup of one of two hosts fails: mail goes to the other host, dane-only if that has TLSA records."""
    for name, answers in (('with', ('^dane-only$', '^dane-only$')), ('without', (None, '^dane$'))):
        for domain, answer in zip(domains(lab, f'half-{name}', ('enforce', None)), answers):
            backup = backup_hop(lab, domain)
            if name == 'with':
                lab.signed.publish_tlsa(backup, hop.HONEST)
            servfail(lab, domain.mx)
            map_says(stage, domain, answer or SECURE.format(backup.name))
            stage.encrypted(stage.send(domain), backup)
            if name == 'with' or answer is None:
                stage.verified(backup)
            stage.nothing_at(domain.mx)


@test
def dane_lookup_unsigned_domain(lab, stage):
    """A TLSA lookup fails for a host of an unsigned domain: that has no effect."""
    free, bound = (lab.domain(name, mx=f'mx.{name}.signed', policy=policy)
                   for name, policy in (('idle-free', False), ('idle-bound', True)))
    for domain in (free, bound):
        servfail(lab, domain.mx)
    map_says(stage, free, None)
    map_says(stage, bound, SECURE.format(bound.mx.name))
    for domain in (free, bound):
        stage.encrypted(stage.send(domain), domain.mx)


@test
def dane_resolver_gone(lab, stage):
    """The resolver fails, then only the gate's access to it: under an enforce policy mail waits until both are back."""
    between = lab.signed.forwarder
    lab.gate.restart(own_clock=True, dns_servers=between.address)
    domain, = domains(lab, 'gone', ('enforce',))
    lab.signed.publish_tlsa(domain.mx, hop.HONEST)
    held = stage.send(domain, hold=True)
    stage.accepted(held)
    stage.turn(domain.mx, hop.STRIPPED, f'no resolver, and STARTTLS is stripped at {domain.mx.name}')
    lab.signed.resolver.stop()
    lab.gate.set_clock(LATER_S)
    try:
        map_says(stage, domain, 'temporary error: ')
        since = stage.release(held)
        stage.deferred(held, 'Host not found, try again', since)
    finally:
        between.lie_always(crooked.silent)
        lab.signed.start_resolver()
    since = stage.relay.log.size()
    stage.flush()
    stage.deferred(held, UNANSWERED, since)
    stage.nothing_at(domain.mx)
    between.be_honest()
    domain.mx.become(hop.HONEST)
    goes_out(stage, [(held, domain.mx)], seconds=30)
    stage.verified(domain.mx)
