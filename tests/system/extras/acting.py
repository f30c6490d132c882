"""What the gate does with a verdict."""

import re

from lab import hop
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import milter_only, tags, test


@test
def per_recipient(lab, stage):
    """One message to three domains: only the attacked one is deferred, the others get the message."""
    good, bad = lab.domain('one-good'), lab.domain('one-bad', conduct=hop.STRIPPED)
    other = lab.domain('one-none', policy=False)
    attempt = stage.send(good, bad, other)
    stage.refused(attempt, bad, 'starttls-not-supported')
    for domain in (good, other):
        expect_match(f'RCPT to {domain.name}', '^250 ', attempt.answer(domain.address()))
        lab.wait_arrival(domain.mx)
    stage.nothing_at(bad.mx)


@test
def why_it_waits(lab, stage):
    """stsgate why: explains a rejected recipient by domain, and tagged mail by its queue id. A pass leaves no line."""
    lab.gate.restart(log_verdicts='changes')
    good, bad = lab.domain('why-good'), lab.domain('why-bad', conduct=hop.STRIPPED)
    stage.refused(stage.send(good, bad), bad, 'starttls-not-supported')
    lab.wait_arrival(good.mx)
    stage.why(bad.address(), 'the milter rejected the recipient for now', f'{bad.mx.name} offers no STARTTLS',
              f'stsgate override set {bad.ascii} pass')
    attempt = lab.relay.submit([bad.address()])
    stage.deferred(attempt, lab.relay.NOT_OFFERED)
    stage.why(attempt.queue_id, 'tagged it', f'queue ids {attempt.queue_id}', 'the MTA asks the map',
              f'stsgate override set {bad.ascii} pass')
    stage.why(bad.ascii, '(?s)tagged it.*rejected the recipient for now')
    expect('whose mail waits', True, bad.ascii in lab.gate.tool('list', '--held')[1])
    expect('lines about the good domain', [], lab.gate.log.find(re.compile(rf'frontend.*{good.ascii}'), stage.gate_mark))
    expect('exit status, if nothing is recorded', 1, lab.gate.tool('why', good.ascii)[0])


@test
def forged_tag_removed(lab, stage):
    """All tags that the sender wrote are removed, whatever their case."""
    domain = lab.domain('forgedtag')
    attempt = stage.send(domain, headers=('X-STS-Gate: verdict=pass; forged=1', 'X-Other: kept',
                                          'x-sts-gate: verdict=pass; forged=2'))
    arrival = stage.encrypted(attempt, domain.mx)
    expect('tags', [], tags(arrival))
    expect('other headers', ['kept'], arrival.headers('X-Other'))


@test
def monitor_delays_nothing(lab, stage):
    """mode = monitor: judged, logged and tagged, but accepted, and the map answers NOTFOUND."""
    lab.gate.restart(mode='monitor')
    domain = lab.domain('watched', conduct=hop.STRIPPED)
    stage.accepted(stage.send(domain))
    arrival = lab.wait_arrival(domain.mx)
    expect_match('the tag', 'verdict=fail-enforce; reason=starttls-not-supported', tags(arrival))
    expect('map', None, lab.relay.map_answer(domain.ascii))
    stage.explain(domain, 'verdict=fail-enforce')


@test
def on_fail_tag(lab, stage):
    """milter_on_fail = tag: accepted with a header; the map stops the message."""
    lab.gate.restart(milter_on_fail='tag')
    domain = lab.domain('tagged', conduct=hop.STRIPPED)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.deferred(attempt, 'TLS is required, but was not offered')
    domain.mx.become(hop.HONEST)
    stage.flush()
    expect_match('the tag', 'verdict=fail-enforce', tags(stage.encrypted(attempt, domain.mx)))


@test
def on_fail_quarantine(lab, stage):
    """milter_on_fail = quarantine: accepted and held."""
    lab.gate.restart(milter_on_fail='quarantine')
    domain = lab.domain('quarantined', conduct=hop.STRIPPED)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.on_hold(attempt)
    stage.why(attempt.queue_id, 'the milter put the message on hold', f'postsuper -H {attempt.queue_id}')
    stage.nothing_at(domain.mx)


@test
def tag_of_two_domains(lab, stage):
    """With recipients in two domains the tag names neither domain nor MX (blind copies)."""
    lab.gate.restart(milter_tag='all')
    first, second = lab.domain('bcc-one'), lab.domain('bcc-two')
    attempt = stage.send(first, second)
    stage.accepted(attempt)
    for domain in (first, second):
        for tag in tags(lab.wait_arrival(domain.mx)):
            expect_match('the tag', r'^policy=enforce; verdict=pass', tag)


@test
def local_submission(lab, stage):
    """sendmail(1): never refused; tagged, and the map keeps the message in the queue."""
    domain = lab.domain('fromhere', conduct=hop.STRIPPED)
    attempt = lab.relay.submit([domain.address()])
    stage.deferred(attempt, 'TLS is required, but was not offered')
    expect('messages left in maildrop', 0, lab.relay.maildrop())
    domain.mx.become(hop.HONEST)
    stage.flush()
    expect_match('the tag', 'verdict=fail-enforce', tags(stage.encrypted(attempt, domain.mx)))


@test
def local_submission_milter_only(lab, stage):
    """sendmail(1) without the map: a message that cannot be delivered safely, or not yet, is held until released."""
    milter_only(lab)
    attacked, down = lab.domain('heldhere', conduct=hop.STRIPPED), lab.domain('heldhere-down', conduct=hop.DOWN)
    held = {domain: lab.relay.submit([domain.address()]) for domain in (attacked, down)}
    for attempt in held.values():
        wait_for('the message is on hold', lambda: lab.relay.held(attempt.queue_id))
    expect('messages left in maildrop', 0, lab.relay.maildrop())
    stage.nothing_at(attacked.mx, down.mx)
    stage.explain(attacked, 'verdict=fail-enforce .*action=quarantine')
    stage.explain(down, 'verdict=defer .*action=quarantine')
    # no milter sees a message again when it is released
    stage.turn(down.mx, hop.HONEST, f'{down.mx.name} is back')
    stage.release(held[down])
    expect_match('the tag', 'verdict=defer', tags(stage.encrypted(held[down], down.mx)))


@test
def local_submission_in_monitor(lab, stage):
    """sendmail(1) without the map, mode = monitor: tagged, and never held."""
    milter_only(lab, mode='monitor')
    domain = lab.domain('watchedhere', conduct=hop.STRIPPED)
    lab.relay.submit([domain.address()])
    expect_match('the tag', 'verdict=fail-enforce', tags(lab.wait_arrival(domain.mx)))


@test
def submission_by_mail_programs(lab, stage):
    """A client that logged in gets no 451 with the map, which holds the message; without the map it gets a 451."""
    domain = lab.domain('mua', conduct=hop.STRIPPED)
    stage.refused(stage.send(domain), domain, 'starttls-not-supported')
    attempt = stage.send(domain, login='anna')
    stage.accepted(attempt)
    stage.deferred(attempt, lab.relay.NOT_OFFERED)
    stage.explain(domain, 'verdict=fail-enforce .*action=tag')
    milter_only(lab)
    stage.refused(stage.send(domain, login='anna'), domain, 'starttls-not-supported')
    stage.nothing_at(domain.mx)
