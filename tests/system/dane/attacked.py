"""Attacks on a domain's hosts, or on the records that name them, with both DANE and MTA-STS."""

from lab import hop
from lab.story import expect

from . import test
from .steps import SECURE, backup_hop, domains, goes_out, map_says, mended, resolver_sees


@test
def dane_forged_mx(lab, stage):
    """A forged MX leads to an attacker's own signed host with good TLSA records: the domain's policy applies."""
    evil = lab.new_hop('mx.evil.signed')
    lab.signed.publish_tlsa(evil, hop.HONEST)
    early, late = lab.domain('forged-early'), lab.domain('forged-late')
    held = stage.send(late, hold=True)
    stage.accepted(held)
    for domain in (early, late):
        stage.tell('attack', f'{domain.name} MX 10 {evil.name}')
        domain.set_mx(evil)
    resolver_sees(lab, late.ascii, 'MX', evil.name)
    refused = stage.send(early)
    stage.refused(refused, early, 'mx-not-in-policy', rf'{evil.name} .*')
    for domain in (early, late):
        map_says(stage, domain, SECURE.format(domain.mx.name))
    since = stage.release(held)
    stage.deferred(held, 'Server certificate not verified', since)
    stage.nothing_at(evil, early.mx, late.mx)
    for domain in (early, late):
        domain.set_mx(domain.mx)
        resolver_sees(lab, domain.ascii, 'MX', domain.mx.name)
    mended(lab, stage, early, late)
    stage.encrypted(stage.send(early), early.mx)
    goes_out(stage, [(held, late.mx)])
    stage.nothing_at(evil)


@test
def dane_never_rescued(lab, stage):
    """No TLSA record matches, although the certificate satisfies MTA-STS: nothing is delivered until one matches."""
    bound, late, free = (*domains(lab, 'rescue', ('enforce', 'testing')), *domains(lab, 'rescue', (None,)))
    kept = []
    for domain in (bound, late, free):
        lab.signed.publish_tlsa(domain.mx, hop.HONEST)
        map_says(stage, domain, '^dane-only$')
        if domain is not bound:
            kept.append((stage.send(domain, hold=True), domain.mx))
        stage.turn(domain.mx, hop.REISSUED, f'{domain.mx.name} shows another certificate, good by all but TLSA')
    stage.refused(stage.send(bound), bound, 'tlsa-invalid', rf'{bound.mx.name} .*')
    for attempt, _ in kept:
        since = stage.release(attempt)
        stage.deferred(attempt, 'Server certificate not verified', since)
    stage.nothing_at(bound.mx, late.mx, free.mx)
    for domain in (bound, late, free):
        domain.mx.become(hop.HONEST)
    mended(lab, stage, bound)
    stage.encrypted(stage.send(bound), bound.mx)
    goes_out(stage, kept)
    for domain in (bound, late, free):
        stage.verified(domain.mx)


@test
def dane_for_every_domain(lab, stage):
    """default_level = verify: TLSA records bind a domain without a policy; the certificate may be any that they match."""
    lab.gate.restart(default_level='verify')
    alone, = domains(lab, 'level', (None,), conduct=hop.UNTRUSTED)
    mixed, = domains(lab, 'level-mixed', (None,))
    backup = backup_hop(lab, mixed)
    lab.signed.publish_tlsa(alone.mx, hop.UNTRUSTED)
    lab.signed.publish_tlsa(mixed.mx, hop.HONEST)
    without, = domains(lab, 'level-without', (None,), conduct=hop.UNTRUSTED)
    for domain, answer in ((alone, '^dane-only$'), (mixed, '^dane-only$'),
                           (without, '^verify match=hostname servername=hostname$')):
        map_says(stage, domain, answer)
    stage.encrypted(stage.send(alone), alone.mx)
    stage.encrypted(stage.send(mixed), mixed.mx)
    stage.deferred(stage.send(without), 'Server certificate not verified')
    stage.nothing_at(without.mx, backup)


@test
def dane_stripped(lab, stage):
    """STARTTLS is stripped at a host with TLSA records and no policy: mail waits, and none goes in plain text."""
    domain, = domains(lab, 'plain', (None,))
    lab.signed.publish_tlsa(domain.mx, hop.HONEST)
    stage.turn(domain.mx, hop.STRIPPED, f'STARTTLS is stripped at {domain.mx.name}')
    attempt = stage.send(domain)
    stage.deferred(attempt, 'TLS is required, but was not offered')
    stage.nothing_at(domain.mx)
    expect('connections', True, domain.mx.connections > 0)
    domain.mx.become(hop.HONEST)
    goes_out(stage, [(attempt, domain.mx)])
    stage.verified(domain.mx)
