"""Policy delegation alone, behind Postfix's check_policy_service."""

import re
from contextlib import contextmanager

from lab import hop
from lab.story import expect, expect_match

from . import tags, test

RESTRICTIONS = 'check_policy_service { inet:127.0.0.1:8463, timeout=20s }, permit_mynetworks, reject'


@contextmanager
def delegation(lab, domain='recipient', **settings):
    """Neither milter nor map: the policy service does everything."""
    lab.gate.restart(mta_enforces='no', delegation_socket='inet:8463@127.0.0.1', delegation_domain=domain,
                     **settings)
    lab.relay.attach(milter=False, tls_map=False)
    lab.relay.set(smtpd_recipient_restrictions=RESTRICTIONS)
    try:
        yield
    finally:
        lab.relay.set(smtpd_recipient_restrictions='')


def put_off(attempt, recipient, domain):
    expect_match('RCPT is put off', rf'^45\d 4\.7\.5 <{re.escape(recipient)}>: Recipient address rejected: '
                 rf'<{re.escape(domain)}> MTA-STS policy \(enforce\): \S+ offers no STARTTLS '
                 r'\[starttls-not-supported\]; will be retried$', attempt.answer(recipient))


@test
def delegation_defers(lab, stage):
    """Policy delegation: whatever the header asks for, the attacked recipient is deferred with the milter's reply."""
    good, bad = lab.domain('asked-good'), lab.domain('asked-bad', conduct=hop.STRIPPED)
    other = lab.domain('asked-none', policy=False)
    # a policy request has no header fields
    with delegation(lab, tls_required_no='headers'):
        attempt = stage.send(good, bad, other, headers=['TLS-Required: No'])
        put_off(attempt, bad.address(), bad.ascii)
        for domain in (good, other):
            expect('tags', [], tags(lab.wait_arrival(domain.mx)))
        stage.nothing_at(bad.mx)
        expect('deferred', 1, lab.gate.counter('stsgate_delegation_replies_total', action='defer'))
        expect('accepted', 2, lab.gate.counter('stsgate_delegation_replies_total', action='accept'))


@test
def delegation_tags(lab, stage):
    """Policy delegation, milter_on_fail = tag: one header for the message, without the domains."""
    one, two = (lab.domain(name, conduct=hop.STRIPPED) for name in ('asked-tag', 'asked-tag-too'))
    with delegation(lab, milter_on_fail='tag'):
        attempt = stage.send(one, two)
        stage.accepted(attempt)
        for domain in (one, two):
            expect('tags', ['policy=enforce; verdict=fail-enforce; reason=starttls-not-supported'],
                   tags(lab.wait_arrival(domain.mx)))
        stage.why(attempt.queue_id, f'delegation  fail-enforce  {two.ascii}', 'tagged it')


@test
def delegation_holds(lab, stage):
    """Policy delegation, milter_on_fail = quarantine: accepted and held."""
    domain = lab.domain('asked-hold', conduct=hop.STRIPPED)
    with delegation(lab, milter_on_fail='quarantine'):
        attempt = stage.send(domain)
        stage.accepted(attempt)
        stage.on_hold(attempt)
        stage.nothing_at(domain.mx)


@test
def delegation_monitor(lab, stage):
    """Policy delegation, mode = monitor: judged and logged, neither delayed nor tagged."""
    domain = lab.domain('asked-watched', conduct=hop.STRIPPED)
    with delegation(lab, mode='monitor'):
        since = lab.gate.log.size()
        stage.accepted(stage.send(domain))
        expect('tags', [], tags(lab.wait_arrival(domain.mx)))
        expect('logged', 1, len(lab.gate.log.find(
            re.compile(rf'frontend=delegation domain={domain.ascii} .* action=accept would=defer'), since)))


@test
def delegation_smart_host(lab, stage):
    """Policy delegation with a smart host: the smart host's policy counts, not that of the recipient's domain."""
    smart = lab.domain('asked-smart', policy=False)
    itself = lab.new_hop('asked-smart.example', port=587, conduct=hop.STRIPPED)
    smart.publish_policy(mx=[itself.name])
    smart.publish_record()
    with delegation(lab, domain='[asked-smart.example]:587'):
        lab.relay.set(relayhost='[asked-smart.example]:587')
        try:
            put_off(stage.send('user@anybody.example'), 'user@anybody.example', 'asked-smart.example')
        finally:
            lab.relay.set(relayhost='')
