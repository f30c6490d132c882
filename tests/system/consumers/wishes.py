"""What a message can ask for (RFC 8689), REQUIRETLS or delivery even without TLS: what each MTA and the gate do."""

import re

from lab import hop, reports
from lab.mta import Attempt, Client
from lab.proc import wait_for
from lab.relay import TOLERATED
from lab.story import expect, expect_match

from . import test
from .everywhere import each
from .reporting import collecting, told

NO = ('TLS-Required: No',)
LISTED = 'alarms@relay.example'
STRIPPED = 'starttls-not-supported'
EVERY = ('postfix', 'postfix-next', 'postfix-newest', 'sendmail', 'sendmail-next')


def in_the_clear(lab, stage, domain, count=1):
    arrival = lab.wait_arrival(domain.mx, count)
    stage.tell('arrived', arrival)
    expect('how the message came: as its sender asked', None, arrival.protocol)


def counted(lab, what):
    return lab.gate.counter('stsgate_tls_required_total', what=what, front='milter')


@each(*EVERY)
def header_without_map(lab, stage, name):
    """tls_required_no = headers, no map: with one field `No` the message leaves; otherwise it waits as a whole."""
    good, bad, worse = (lab.domain(f'{name}-asks-{how}', conduct=how)
                        for how in (hop.HONEST, hop.STRIPPED, hop.EXPIRED))
    lab.gate.restart(mta_enforces='no', tls_required_no='headers')
    stage.relay.attach(tls_map=False)
    for headers in ((), (*NO, *NO), ('TLS-Required: Yes',)):
        attempt = stage.send(good, bad, worse, headers=headers)
        expect('a queue id', None, attempt.queue_id)
        reply = attempt.lines[attempt.lines.index('C: DATA') + 2:]
        stage.tell('answer', '\n'.join(reply))
        expect_match('the reply to the message', '^S: 451 4.7.5 ', reply[0])
        expect('the domains that it names', [bad.ascii, worse.ascii], re.findall('<(.*?)>', ' '.join(reply)))
    stage.nothing_at(bad.mx, worse.mx, good.mx)
    attempt = stage.send(good, bad, worse, headers=NO)
    stage.encrypted(attempt, good.mx)
    stage.relay.wait_fate(attempt.queue_id, 'sent', worse.address())
    in_the_clear(lab, stage, bad)
    stage.explain(bad, rf'{attempt.queue_id}: frontend=milter .*verdict=fail-enforce .*tls_required=no action=tag')
    stage.why(attempt.queue_id, 'TLS-Required: No')
    expect('messages by their wish', (1, 2), (counted(lab, 'honoured'), counted(lab, 'ignored')))


@each(*EVERY)
def sender_left_to_map(lab, stage, name):
    """tls_required_no = map: mail of listed senders, and of `<>` from here, is accepted; the rest is up to MTA and map."""
    domain = lab.domain(f'{name}-left', conduct=hop.STRIPPED)
    lab.gate.restart(tls_required_no_senders=f'<> {LISTED}')
    stage.refused(stage.send(domain, headers=NO), domain, STRIPPED)
    stage.refused(stage.send(domain, headers=NO, sender=''), domain, STRIPPED)
    plain = stage.send(domain, sender=LISTED)
    stage.deferred(plain, stage.relay.NOT_OFFERED)
    stage.nothing_at(domain.mx)
    for count, sender in enumerate(('', LISTED), 1):
        attempt = stage.send(domain, headers=NO, sender=sender, local=sender == '')
        if stage.relay.obeys_tls_required():
            in_the_clear(lab, stage, domain, count)
        else:
            stage.deferred(attempt, stage.relay.NOT_OFFERED)
            stage.nothing_at(domain.mx)
    expect('messages left to the MTA', 2, counted(lab, 'left-to-mta'))


@test
def header_ignored(lab, stage):
    """tls_required_no = ignore: a recipient is refused whoever the sender is, and the field is counted as ignored."""
    good, bad = lab.domain('asks-in-vain'), lab.domain('asks-in-vain-too', conduct=hop.STRIPPED)
    lab.gate.restart(tls_required_no='ignore', tls_required_no_senders=LISTED)
    attempt = stage.send(good, bad, sender=LISTED, headers=NO)
    stage.refused(attempt, bad, STRIPPED)
    stage.accepted(attempt)
    wait_for('the field is counted', lambda: counted(lab, 'ignored') == 1)


@each('postfix-next', 'postfix-newest')
def header_of_local_message(lab, stage, name):
    """sendmail(1): Postfix 3.10 delivers a local message with the field in the clear, and one without it waits."""
    domain = lab.domain(f'{name}-asks-local', conduct=hop.STRIPPED)
    attempt = stage.relay.submit([domain.address()], headers=NO)
    stage.relay.wait_fate(attempt.queue_id, 'sent')
    in_the_clear(lab, stage, domain)
    stage.deferred(stage.relay.submit([domain.address()]), stage.relay.NOT_OFFERED)


@test
def header_and_tls_reports(lab, stage):
    """Postfix 3.10: a message with the field leaves in the clear under attack, and no TLS report counts it."""
    stage = stage.at(lab.consumer('postfix-next'))
    domain = lab.domain('asks-report')
    reports.ask(lab, domain.ascii)
    with collecting(lab, stage) as relay:
        since = relay.log.size()
        attempt = stage.send(domain, headers=NO, hold=True)
        stage.turn(domain.mx, hop.STRIPPED, f'STARTTLS is stripped at {domain.mx.name}')
        stage.release(attempt)
        in_the_clear(lab, stage, domain)
        domain.mx.become(hop.HONEST)
        stage.encrypted(stage.send(domain), domain.mx, 2)
        expect('what Postfix says it reported', (1, 0), told(relay, domain, since))
        reports.wait_sums(lab, domain.ascii, ({'sts': (1, 0)}, {}))
    lab.dns.remove(f'_smtp._tls.{domain.ascii}')


@each('postfix', 'postfix-next', 'sendmail', 'sendmail-next')
def requiretls_unknown(lab, stage, name):
    """An MTA without REQUIRETLS refuses the parameter, so no message comes in whose demand it would forget."""
    domain = lab.domain(f'{name}-demands', policy=False)
    attempt = stage.send(domain, requiretls=True)
    stage.tell('answer', attempt.lines[1])
    expect_match('the reply to MAIL', r'^S: 555 5\.5\.4 .*REQUIRETLS', attempt.lines[1])
    stage.nothing_at(domain.mx)


def newest(lab, stage):
    return stage.at(lab.consumer('postfix-newest'))


def refused_in_the_clear(stage):
    """REQUIRETLS is offered after STARTTLS only (RFC 8689 2)."""
    attempt = Attempt()
    client = Client(attempt, stage.relay.address)
    client.ehlo()
    expect('REQUIRETLS without TLS', False, client.has_extn('requiretls'))
    expect('the reply to it', 555, client.talk('MAIL FROM:<sender@relay.example> REQUIRETLS')[0])
    client.close()


def bounced(stage, attempt, pattern, since=0):
    line = stage.relay.wait_fate(attempt.queue_id, 'bounced', since=since)
    stage.tell('bounced', stage.relay.what(line))
    expect_match('why the message comes back', pattern, line)


@test
def requiretls_passed_on(lab, stage):
    """Postfix 3.11: REQUIRETLS goes with the message, over verified TLS, to another Postfix 3.11 and on from there."""
    stage = newest(lab, stage)
    domain, last = lab.domain('demands'), lab.new_hop('inside.demands.example')
    last.requiretls = True
    refused_in_the_clear(stage)
    with stage.relay.in_place_of(domain.mx, last):
        attempt = stage.send(domain, requiretls=True)
        stage.accepted(attempt)
        expect_match('the delivery', ' tls=secure/requiretls, ', stage.relay.wait_fate(attempt.queue_id, 'sent'))
        stage.verified(domain.mx)
        lab.wait_arrival(last)
    expect_match('the MAIL command at the last host', ' REQUIRETLS', last.envelopes[0][1])
    stage.explain(domain, 'verdict=pass .*requiretls=met')


@test
def requiretls_unmet(lab, stage):
    """REQUIRETLS, no policy: tagged, and returned by Postfix 3.11 without a connection; or refused for good at RCPT."""
    stage = newest(lab, stage)
    domain, home = lab.domain('demands-unmet', policy=False), lab.domain('demands-home', policy=False)
    domain.mx.requiretls = True
    asked = {'requiretls': True, 'sender': home.address('author')}
    attempt = stage.send(domain, **asked)
    stage.explain(domain, 'requiretls=unmet action=tag')
    stage.why(attempt.queue_id, 'REQUIRETLS .*neither an enforce policy nor usable TLSA records')
    bounced(stage, attempt, r' tls=may\?/!requiretls:nocertmatch, dsn=5\.7\.10, ')
    stage.nothing_at(domain.mx)
    returned = lab.wait_arrival(home.mx)
    expect_match('the quoted tag', f'X-STS-Gate: domain={domain.ascii};[^:]* requiretls=unmet', returned.text)
    expect('the body in what is returned', False, 'The body of the message.' in returned.text)
    expect('REQUIRETLS for what is returned', [], [line for _, line in home.mx.envelopes if 'REQUIRETLS' in line])
    tolerated = lab.domain(TOLERATED, policy=False)
    tolerated.mx.requiretls = True
    arrival = stage.encrypted(stage.send(tolerated, **asked), tolerated.mx)
    expect_match('the MAIL command', ' REQUIRETLS', tolerated.mx.envelopes[0][1])
    expect_match('the tag', f'^domain={tolerated.ascii}; .*requiretls=unmet', arrival.headers('X-STS-Gate')[0])
    lab.gate.restart(requiretls='refuse')
    good = lab.domain('demands-met')
    good.mx.requiretls = True
    attempt = stage.send(domain, good, **asked)
    answer = attempt.answer(domain.address())
    expect_match('RCPT is refused for good', rf'^550 5\.7\.30 <{domain.ascii}> REQUIRETLS ', answer)
    stage.encrypted(attempt, good.mx)
    stage.nothing_at(domain.mx)


@test
def requiretls_under_attack(lab, stage):
    """Postfix 3.11 under attack: RCPT is put off as ever; what was accepted comes back, whatever its header says."""
    stage = newest(lab, stage)
    domain = lab.domain('demands-attacked')
    domain.mx.requiretls = True
    held = [stage.send(domain, requiretls=True, hold=True, headers=headers) for headers in ((), NO)]
    stage.turn(domain.mx, hop.STRIPPED, f'STARTTLS is stripped at {domain.mx.name}')
    refused = lab.domain('demands-refused', conduct=hop.STRIPPED)
    stage.refused(stage.send(refused, requiretls=True), refused, STRIPPED)
    for attempt in held:
        stage.release(attempt)
        bounced(stage, attempt, r'!requiretls:nostarttls, dsn=5\.7\.30, ')
    stage.nothing_at(domain.mx, refused.mx)


@test
def requiretls_and_header(lab, stage):
    """tls_required_no = headers: REQUIRETLS outweighs the field, as a parameter or as the field of Postfix 3.11."""
    stage = newest(lab, stage)
    domain = lab.domain('demands-both', conduct=hop.STRIPPED)
    lab.gate.restart(tls_required_no='headers')
    # With the parameter the header can release nothing, so nothing waits for it.
    attempt = stage.send(domain, requiretls=True, headers=NO)
    expect_match('the reply to RCPT', rf'^451 4\.7\.5 <{domain.ascii}> ', attempt.answer(domain.address()))
    attempt = stage.send(domain, headers=(*NO, 'Require-TLS-ESMTP: yes'))
    expect('the code of the reply to RCPT', 250, attempt.answers[domain.address()][0])
    expect_match('the reply to the message', rf'^S: 451 4\.7\.5 <{domain.ascii}> ', attempt.lines[-1])
    stage.nothing_at(domain.mx)


@test
def requiretls_of_local_message(lab, stage):
    """Postfix 3.11: sendmail(1) can demand REQUIRETLS; no milter sees that at RCPT, but Postfix keeps to it."""
    stage = newest(lab, stage)
    met, unmet = lab.domain('demands-local'), lab.domain('demands-local-unmet', policy=False)
    met.mx.requiretls = True
    option = ('-O', 'requiretls=yes')
    stage.encrypted(stage.relay.submit([met.address()], options=option), met.mx)
    expect_match('the MAIL command', ' REQUIRETLS', met.mx.envelopes[0][1])
    bounced(stage, stage.relay.submit([unmet.address()], options=option), r'!requiretls:nocertmatch, dsn=5\.7\.10, ')
    stage.nothing_at(unmet.mx)


@test
def requiretls_from_filter(lab, stage):
    """Postfix 3.11: the field that REQUIRETLS leaves in a message demands it again after a content filter."""
    stage = newest(lab, stage)
    domain = lab.domain('demands-filtered')
    domain.mx.requiretls = True
    stage.encrypted(stage.send(domain, headers=('Require-TLS-ESMTP: yes',)), domain.mx)
    stage.verified(domain.mx)
    expect_match('the MAIL command', ' REQUIRETLS', domain.mx.envelopes[0][1])


@test
def requiretls_and_default_level(lab, stage):
    """default_level = verify: Postfix 3.11 delivers REQUIRETLS without a policy, verified; the gate tags it."""
    stage = newest(lab, stage)
    domain = lab.domain('demands-verify', policy=False)
    domain.mx.requiretls = True
    lab.gate.restart(default_level='verify')
    attempt = stage.send(domain, requiretls=True)
    arrival = stage.encrypted(attempt, domain.mx)
    stage.verified(domain.mx)
    expect_match('the delivery', ' tls=verify/requiretls, ', stage.relay.fate(attempt.queue_id))
    expect_match('the tag', 'requiretls=unmet', arrival.headers('X-STS-Gate')[0])
