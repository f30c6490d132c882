"""What a message can ask for (RFC 8689): REQUIRETLS, or delivery even without TLS.  What each MTA honours, and what the gate does."""

from extras.delegation import delegation, put_off
from lab import hop, reports
from lab.mta import Attempt, Client
from lab.story import expect, expect_match

from . import test
from .everywhere import each
from .reporting import collecting, told

NO = ('TLS-Required: No',)
LISTED = 'alarms@relay.example'
STRIPPED = 'starttls-not-supported'


def in_the_clear(lab, stage, domain, count=1):
    arrival = lab.wait_arrival(domain.mx, count)
    stage.tell('arrived', arrival)
    expect('how the message came: as its sender asked', None, arrival.protocol)


@test
def header_and_delegation(lab, stage):
    """Policy delegation cannot see header fields: the recipient is deferred in spite of tls_required_no = headers."""
    domain = lab.domain('asks-delegation', conduct=hop.STRIPPED)
    with delegation(lab, tls_required_no='headers', tls_required_no_senders=LISTED):
        put_off(stage.send(domain, headers=NO, sender=LISTED), domain.address(), domain.ascii)


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
    """Postfix 3.11: a message with REQUIRETLS goes over verified TLS to another Postfix 3.11 and from there on, still with REQUIRETLS."""
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


@test
def requiretls_under_attack(lab, stage):
    """Postfix 3.11: under attack RCPT is put off as ever, but an accepted message with REQUIRETLS comes back, whatever its header says."""
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
def requiretls_of_local_message(lab, stage):
    """Postfix 3.11: sendmail(1) can demand REQUIRETLS, which no milter sees at RCPT, and Postfix keeps to it at delivery."""
    stage = newest(lab, stage)
    met, unmet = lab.domain('demands-local'), lab.domain('demands-local-unmet', policy=False)
    met.mx.requiretls = True
    option = ('-O', 'requiretls=yes')
    stage.encrypted(stage.relay.submit([met.address()], options=option), met.mx)
    expect_match('the MAIL command', ' REQUIRETLS', met.mx.envelopes[0][1])
    bounced(stage, stage.relay.submit([unmet.address()], options=option), r'!requiretls:nocertmatch, dsn=5\.7\.10, ')
    stage.nothing_at(unmet.mx)
