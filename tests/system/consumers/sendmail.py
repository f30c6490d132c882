"""Tests for Sendmail only: its macros, tables, timeouts, quarantine and submission program."""

import functools
import re
import time

from lab import hop
from lab.mta import Attempt, Client
from lab.proc import run, wait_for
from lab.story import expect, expect_match

from . import TESTS
from .everywhere import each

# As on a site that sets no timeouts: Sendmail waits 10 s for replies.
MILTER_PLAIN = 'S=inet:8462@127.0.0.1, F=T'


def test(function):
    """A test whose stage uses Sendmail."""
    @functools.wraps(function)
    def one(lab, stage):
        relay = lab.consumer('sendmail')
        try:
            function(lab, stage.at(relay))
        finally:
            relay.route(mailertable={}, virtusertable={})
            relay.attach()
    TESTS.append(one)
    return one


@test
def sendmail_macros(lab, stage):
    """No confMILTER_MACROS is needed: the filter requests its macros, and the log has queue id and host name."""
    lab.gate.restart(milter_tag='all')
    domain = lab.domain('dotted')
    attempt = stage.send(domain)
    arrival = stage.encrypted(attempt, domain.mx)
    stage.explain(domain, rf'{attempt.queue_id}: frontend=milter domain=dotted\.example ')
    expect_match('the tag', r'^domain=dotted\.example; policy=enforce; verdict=pass', arrival.headers('X-STS-Gate')[0])


@test
def sendmail_virtusertable(lab, stage):
    """An address that virtusertable expands is judged by the expanded address."""
    domain = lab.domain('expanded', conduct=hop.STRIPPED)
    stage.relay.route(virtusertable={'alias@virtual.example': domain.address()})
    attempt = stage.send('alias@virtual.example')
    answer = attempt.answer('alias@virtual.example')
    expect_match('the answer', r'^451 4\.7\.5 <expanded\.example> .*\[starttls-not-supported\]', answer)
    stage.nothing_at(domain.mx)


@test
def sendmail_mailertable(lab, stage):
    """A next hop from mailertable is judged instead of the recipient's domain; none of several may be bad."""
    lab.gate.restart(mta_enforces='no')
    stage.relay.attach(tls_map=False)
    bad, good = lab.domain('smart-bad', conduct=hop.STRIPPED), lab.domain('smart-good')
    routed = {'one': f'esmtp:[{bad.mx.name}]', 'list': f'esmtp:{good.name}:{bad.name}',
              'brackets': f'esmtp:[{good.mx.name}]:{bad.name}', 'fine': f'esmtp:{good.name}'}
    # a policy for the host in brackets
    own = lab.domain('mx.smart-bad', policy=False)
    own.publish_policy(mx=[bad.mx.name])
    own.publish_record()
    stage.relay.route(mailertable={f'{name}.routed.example': value for name, value in routed.items()})
    for name in ('one', 'list', 'brackets'):
        recipient = f'user@{name}.routed.example'
        expect_match(f'the answer on {routed[name]}', r'^451 4\.7\.5 <\S*smart-bad\.example> .*starttls-not-supp',
                     stage.send(recipient).answer(recipient))
    fine = stage.send('user@fine.routed.example')
    stage.encrypted(fine, good.mx)
    stage.nothing_at(bad.mx)


@test
def sendmail_clock(lab, stage):
    """First contacts with a silent resolver: a message waits milter_wait in total, well before Sendmail gives up."""
    stage.relay.attach(milter_options=MILTER_PLAIN)
    domains = [lab.domain(f'slow-{number}', policy=False) for number in range(4)]
    since = stage.relay.log.size()
    lab.dns.of_gate.freeze()
    begun = time.monotonic()
    try:
        attempt = stage.relay.send([domain.address() for domain in domains])
    finally:
        lab.dns.of_gate.thaw()
    took = time.monotonic() - begun
    stage.tell('relay', f'answered after {took:.1f} s')
    expect('seconds', '4 to 8', round(took, 1), 3.5 < took < 8)
    stage.accepted(attempt)
    lost = stage.relay.log.find(re.compile('timeout before data read|to error state'), since)
    expect('complaints of Sendmail', [], lost)


def weight(value):
    """How Sendmail's rules split the value: colons, dots and the like are tokens of their own."""
    return len(value) + 1 + sum(1 if char == ' ' else 2 if char in '.:%@!^/[]+' else 0 for char in value)


@test
def sendmail_longest_answer(lab, stage):
    """Policies of 256 names: the map lists as many as Sendmail can take, and the certificate is verified."""
    for length in (2, 20, 63):
        domain = lab.domain(f'many-{length}', policy=False)
        names = [f'{"m" * (length - 2)}{chr(97 + number // 26)}{chr(97 + number % 26)}.x' for number in range(255)]
        domain.publish_policy(mx=[domain.mx.name, *names])
        domain.publish_record()
        answer = stage.relay.map_answer(domain.ascii)
        told = len(re.search('match=([^ ]*)', answer).group(1).split(':'))
        stage.tell('map', f'{told} of {len(names) + 1} names, {len(answer)} octets with a weight of {weight(answer)}')
        expect('weight', 'little less than the bound of 1090', weight(answer), 1000 < weight(answer) <= 1090)
        stage.encrypted(stage.send(domain), domain.mx)
        stage.verified(domain.mx)


@test
def sendmail_quarantine(lab, stage):
    """milter_on_fail = quarantine: the message is in Sendmail's quarantine, with the reason, until it is released."""
    lab.gate.restart(milter_on_fail='quarantine')
    domain = lab.domain('quarantined-there', conduct=hop.STRIPPED)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.on_hold(attempt)
    expect_match('the output of `mailq -qQ`', rf'QUARANTINE: stsgate: domain={domain.ascii}; policy=enforce; ',
                 stage.relay.run('sendmail', '-bp', '-qQ')[1])
    stage.flush()
    stage.on_hold(attempt)
    stage.nothing_at(domain.mx)
    domain.mx.become(hop.HONEST)
    stage.release(attempt)
    arrival = stage.encrypted(attempt, domain.mx)
    expect_match('the tag', 'verdict=fail-enforce', arrival.headers('X-STS-Gate')[0])


@test
def sendmail_submission_program(lab, stage):
    """sendmail(1): only the refused recipient waits in the MSP, and is delivered from there after the attack."""
    good, bad = lab.domain('msp-good'), lab.domain('msp-bad', conduct=hop.STRIPPED)
    stage.relay.submit([good.address(), bad.address()])
    lab.wait_arrival(good.mx)
    waits = wait_for('the MSP logs the other recipient', lambda: stage.relay.log.find(
        re.compile(r'to=.*msp-bad\.example.*stat=Deferred: 451 4\.7\.5 .*starttls-not-supported'), stage.relay_mark))
    stage.tell('queued', stage.relay.what(waits[-1]))
    stage.nothing_at(bad.mx)
    expect('messages with the MSP', 1, stage.relay.waiting_with_msp())
    bad.mx.become(hop.HONEST)

    def gone():
        stage.relay.flush_msp()
        return stage.relay.waiting_with_msp() == 0
    wait_for('the MSP has handed it over', gone, 20, pause=1)
    stage.tell('arrived', lab.wait_arrival(bad.mx))
    expect('how it came', [True], [bool(arrival.protocol) for arrival in bad.mx.arrivals])


@test
def sendmail_without_gate(lab, stage):
    """F=T: without the gate no message is accepted, and a message that it could not judge stays with the client."""
    domain = lab.domain('unjudged')
    lab.gate.kill()
    refused = stage.relay.send([domain.address()])
    stage.tell('answer', refused.lines[1])
    expect_match('MAIL', r'^S: 451 4\.3\.2 ', refused.lines[1])
    lab.gate.start()
    stage.encrypted(stage.send(domain), domain.mx)


BOTH = 'sendmail', 'sendmail-next'
# From stsgated(8) and README: two rules replace one that never matches.
CORRECTION = r's/^R \*\.\($={cert_altnames}\)/R$+\t\t\t$: *.$1\nR\1/'


def corrected(text):
    """sendmail.cf with the corrected rule for wildcards."""
    made = run('sed', CORRECTION, text=text)[1]
    expect('whether anything was put right', True, made != text)
    return made


def held_then(stage, domain, conduct):
    """A message that is accepted, and then released when the host shows another certificate; returns the log's mark."""
    attempt = stage.send(domain, hold=True)
    stage.accepted(attempt)
    stage.turn(domain.mx, conduct, f'{domain.mx.name} shows: {conduct}')
    return attempt, stage.release(attempt)


@each(*BOTH)
def wildcard_certificate(lab, stage, name):
    """A good certificate by a wildcard: FEATURE(sts) never matches it, so the mail waits, and the gate reports that."""
    domain = lab.domain(f'{name}-star', conduct=hop.WILDCARD)
    attempt = stage.send(domain)
    stage.deferred(attempt, f'{domain.mx.name} not listed in SANs')
    stage.nothing_at(domain.mx)
    stage.explain(domain, 'frontend=milter .*verdict=pass')
    stage.explain(domain, f'event=wildcard-certificate .*: {domain.mx.name};')
    expect_match('the output of `stsgate query`', 'only by a wildcard, which Sendmail before 8.18.2 never matches',
                 lab.gate.tool('query', domain.ascii)[1])
    try:
        stage.tell('relay', 'the rule is corrected in sendmail.cf')
        stage.relay.attach(edit=corrected)
        stage.flush()
        stage.encrypted(attempt, domain.mx)
        stage.verified(domain.mx)
        deep, since = held_then(stage, domain, hop.WILDCARD_DEEP)
        stage.deferred(deep, f'{domain.mx.name} not listed in SANs', since)
        stage.tell('relay', 'NO_SAN_TST')
        stage.relay.attach(san_test=False)
        domain.mx.become(hop.WILDCARD)
        stage.flush()
        stage.encrypted(deep, domain.mx, count=2)
        # the drawback: a certificate for any name is accepted
        wrong, _ = held_then(stage, domain, hop.WRONG_NAME)
        stage.encrypted(wrong, domain.mx, count=3)
    finally:
        stage.relay.attach()


def pipelined(relay, *recipients):
    """Sends MAIL, all RCPT and DATA in one packet; returns the transcript."""
    attempt = Attempt()
    client = Client(attempt, relay.address)
    try:
        client.ehlo()
        commands = ['MAIL FROM:<sender@relay.example>', *(f'RCPT TO:<{one}>' for one in recipients), 'DATA']
        client.send(''.join(f'{one}\r\n' for one in commands))
        replies = [client.getreply() for _ in commands]
        if replies[-1][0] == 354:
            client.send('Subject: in one packet\r\n\r\nThe body of the message.\r\n.\r\n')
            replies.append(client.getreply())
    finally:
        client.close()
    return [f'{code} {text.decode("ascii", "replace")}' for code, text in replies]


@each(*BOTH)
def rejection_obeyed(lab, stage, name):
    """A recipient that the milter rejects is not in the message, even with pipelining or as the only recipient."""
    bad, good = lab.domain(f'{name}-rejected', conduct=hop.STRIPPED), lab.domain(f'{name}-taken')
    refusal = rf'^451 4\.7\.5 <{bad.ascii}> .*\[starttls-not-supported\]'
    first = stage.send(bad, good, bad.address('other'))
    stage.refused(first, bad, 'starttls-not-supported')
    stage.encrypted(first, good.mx)
    replies = pipelined(stage.relay, good.address(), bad.address())
    stage.tell('answer', '\n'.join(replies))
    for pattern, reply in zip((r'^250 ', r'^250 ', refusal, r'^354 ', r'^250 .* accepted'), replies, strict=True):
        expect_match('a reply to the packet', pattern, reply)
    lab.wait_arrival(good.mx, 2)
    alone = pipelined(stage.relay, bad.address())
    stage.tell('answer', '\n'.join(alone))
    for pattern, reply in zip((r'^250 ', refusal, r'^503 '), alone, strict=True):
        expect_match('a reply to the packet', pattern, reply)
    counted = stage.relay.log.find(re.compile(r': from=<sender@relay\.example>.* nrcpts='), stage.relay_mark)
    expect('recipients of each message', ['1', '1'], [re.search(r'nrcpts=(\d+)', line).group(1) for line in counted
                                                     if 'nrcpts=0' not in line])
    # nothing is left in the queue for later
    bad.mx.become(hop.HONEST)
    wait_for('the queue is empty', lambda: not stage.relay.queue())
    stage.flush()
    stage.nothing_at(bad.mx)
