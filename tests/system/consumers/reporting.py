"""TLS reports (RFC 8460): sessions are counted, and reports are sent and signed, by real MTAs set up from README's lines."""

import re
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from lab import hop, reports
from lab.proc import run, wait_for
from lab.relay import NAME_NEXT, ROOT_NEXT
from lab.story import expect, expect_match

from . import test
from .everywhere import each

SPOOL = f'{ROOT_NEXT}/var/spool/postfix'
SECTION = re.compile(r'\nTLS REPORTS\n(.*?)\n\n\n', re.DOTALL)


def readme_lines(heading):
    """The indented lines of README's section on TLS reports below a line with this beginning."""
    with open('/documents/README', encoding='utf-8') as file:
        section = SECTION.search(file.read()).group(1)
    found = re.search(rf'^{heading}.*\n((?:    .*\n)+)', section, re.MULTILINE)
    return [line.strip() for line in found.group(1).splitlines()]


def readme_settings(heading):
    return dict(re.split(r' *= *', line, maxsplit=1) for line in readme_lines(heading))


def collector_settings(relay):
    """README's lines of stsgate.conf, for a relay in a tree of its own, beside others on one machine."""
    settings = readme_settings('stsgate.conf')
    return {**settings,
            'tlsrpt_socket': relay.path(settings['tlsrpt_socket']),
            'report_from': settings['report_from'].replace('example.com', relay.name),
            'report_smtp': f'{relay.loopback}:25'}


def publish_key(lab, domain):
    """Makes the key and publishes its record by README's commands."""
    *make, show = readme_lines('a key and print its TXT record')
    for command in make:
        run('sh', '-ec', command)
    record = run('sh', '-ec', show)[1].strip()
    parts = ' '.join(f'"{record[at:at + 250]}"' for at in range(0, len(record), 250))
    lab.dns.set(f'{readme_settings("stsgate.conf")["report_dkim_selector"]}._domainkey.{domain}', 'TXT', parts)


def make_directory(relay):
    """README's command, with the tree's own number of Postfix's group."""
    with open(relay.path('/etc/group'), encoding='ascii') as file:
        group = re.search(r'^postfix:x:(\d+)', file.read(), re.MULTILINE).group(1)
    command, = readme_lines('Make the directory')
    run('sh', '-ec', command.replace('-g postfix', f'-g {group}').replace('/var/spool/postfix', SPOOL))


@contextmanager
def collecting(lab, stage, **how):
    """Debian 13's relay, chrooted as there, with README's lines for TLS reports."""
    relay = stage.relay
    make_directory(relay)
    publish_key(lab, relay.name)
    lab.gate.restart(fresh=True, as_service=True, **how, **collector_settings(relay))
    relay.run('postconf', '-F', 'smtp/unix/chroot=y')
    relay.run('postfix', 'check')        # copies the files that libc reads into the chroot
    relay.set(**readme_settings('main.cf'))
    try:
        yield relay
    finally:
        relay.run('postconf', '-F', 'smtp/unix/chroot=n')
        relay.set(smtp_tlsrpt_enable='no', smtp_tls_policy_maps=relay.map_)
        lab.gate.restart(fresh=True)     # after a day that is over, nothing is counted for an earlier one


def told(relay, domain, since=0):
    """(successful, failed) sessions with a domain that Postfix says it has reported."""
    found = relay.log.find(re.compile(rf'TLSRPT: status=\w+, domain={re.escape(domain.ascii)},'), since)
    failed = sum('status=failure' in line for line in found)
    return len(found) - failed, failed


def left_in_queue(stage, domain, conduct, words, **how):
    """A message that is accepted before the mail host turns bad, and then waits."""
    attempt = stage.send(domain, hold=True)
    stage.accepted(attempt)
    stage.turn(domain.mx, conduct, words)
    since = stage.release(attempt)
    stage.relay.wait_fate(attempt.queue_id, 'deferred', since=since)


@test
def sessions_are_counted(lab, stage):
    """Postfix 3.10: for each domain the report has the sessions that Postfix reported, and what only stsgate can see."""
    stage = stage.at(lab.consumer('postfix-next'))
    good, failing, trial, broken, silent = (lab.domain(f'counted-{name}', mode=mode) for name, mode in (
        ('good', 'enforce'), ('failing', 'enforce'), ('trial', 'testing'), ('broken', 'enforce'), ('silent', 'enforce')))
    for domain in (good, failing, trial, broken):
        reports.ask(lab, domain.ascii)
    trial.mx.become(hop.EXPIRED)
    lab.policy_hosts.withdraw(broken.ascii)
    with collecting(lab, stage) as relay:
        since = relay.log.size()
        sent = [stage.send(domain) for domain in (good, good, good, good, trial, broken, silent)]
        for attempt in sent:
            relay.wait_fate(attempt.queue_id, 'sent')
        left_in_queue(stage, failing, hop.STRIPPED, f'STARTTLS is stripped at {failing.mx.name}')
        expect('what Postfix says it reported', [(4, 0), (0, 1), (1, 0), (1, 0), (0, 0)],
               [told(relay, domain, since) for domain in (good, failing, trial, broken, silent)])
        for domain, wanted in (
                (good, ({'sts': (4, 0)}, {})),
                (failing, ({'sts': (0, 1)}, {'starttls-not-supported': 1})),
                (trial, ({'no-policy-found': (1, 0), 'sts': (0, 1)}, {'certificate-expired': 1})),
                (broken, ({'no-policy-found': (1, 0), 'sts': (0, 1)}, {'sts-policy-fetch-error': 1})),
                (silent, None)):
            reports.wait_sums(lab, domain.ascii, wanted)
            stage.tell('counted', f'{domain.name}: {wanted}')
        counted = [lab.gate.counter(f'stsgate_tlsrpt_{what}_total') for what in ('datagrams', 'own_sessions', 'sessions')]
        expect('datagrams, own sessions, and sessions that were counted', [7, 2, 9], counted)


def seconds_until_noon(days):
    """From now to noon, in UTC, of the day that many days later."""
    now = datetime.now(timezone.utc)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return int((noon - now).total_seconds())


@test
def reports_are_sent(lab, stage):
    """A Debian 13 relay, set up from README's lines, sends correct signed reports about a failing and a testing-mode domain."""
    stage = stage.at(lab.consumer('postfix-next'))
    good, failing, trial = (lab.domain(f'reported-{name}', mode=mode) for name, mode in (
        ('good', 'enforce'), ('failing', 'enforce'), ('trial', 'testing')))
    trial.mx.become(hop.EXPIRED)
    reports.ask(lab, good.ascii)
    reports.ask(lab, failing.ascii, reports.ADDRESS, failing.address('tlsrpt'))
    reports.ask(lab, trial.ascii)
    reports.ask(lab, reports.BOX_DOMAIN)
    box = reports.Mailbox(lab)
    with collecting(lab, stage, own_clock=True) as relay:
        lab.gate.set_clock(seconds_until_noon(1))
        status, out, err = lab.gate.tool('doctor', 'tlsrpt', 'report-key', 'report-dns', own_clock=True)
        stage.tell('doctor', out + err)
        expect('doctor finds nothing wrong', 0, status)
        for attempt in (stage.send(good), stage.send(trial)):
            relay.wait_fate(attempt.queue_id, 'sent')
        left_in_queue(stage, failing, hop.STRIPPED, f'STARTTLS is stripped at {failing.mx.name}')
        for domain, wanted in ((good, {'sts': (1, 0)}), (failing, {'sts': (0, 1)}),
                               (trial, {'no-policy-found': (1, 0), 'sts': (0, 1)})):
            wait_for(f'the sums of {domain.name}',
                     lambda: (reports.sums(lab, domain.ascii, own_clock=True) or [None])[0] == wanted, 10, pause=0.3)
        stage.tell('clock', 'a day later, stsgated is started again')
        lab.gate.terminate()
        lab.gate.set_clock(seconds_until_noon(2))
        lab.gate.start()
        received = [reports.Received(octets) for octets in box.wait(2)]
        by_domain = {one.message['TLS-Report-Domain']: one for one in received}
        expect('domains with a report', {failing.ascii, trial.ascii}, set(by_domain))
        for domain in (failing, trial):
            one = by_domain[domain.ascii]
            expect_match('the envelope sender', rf'^<tlsrpt\+[a-z0-9]+@{NAME_NEXT}>$', one.message['Return-Path'])
            check(lab, stage, one, domain, NAME_NEXT, reports.ADDRESS)
        expect('the address of the failing domain itself gets the report past its policy', 1,
               len([one for one in lab.wait_arrival(failing.mx).recipients if one == failing.address('tlsrpt')]))
        nothing_of_its_own(lab, stage, relay)
    box.close()
    for domain in (good, failing, trial):
        lab.dns.remove(f'_smtp._tls.{domain.ascii}')


@each('postfix', 'sendmail')
def probes_are_counted(lab, stage, name):
    """An MTA that does not report its sessions: the report, which it delivers, has a session for each probe that mail caused."""
    relay = stage.relay
    good, bad, trial, box = (lab.domain(f'{name}-probed-{kind}', mode=mode, conduct=conduct, policy=kind != 'box')
                             for kind, mode, conduct in (
                                 ('good', 'enforce', hop.HONEST), ('bad', 'enforce', hop.UNTRUSTED),
                                 ('trial', 'testing', hop.STRIPPED), ('box', None, hop.HONEST)))
    reports.ask(lab, good.ascii)
    reports.ask(lab, bad.ascii, box.address('reports'))
    reports.ask(lab, trial.ascii, trial.address('reports'))
    publish_key(lab, relay.name)
    settings = collector_settings(relay)
    del settings['tlsrpt_socket']
    lab.gate.restart(fresh=True, own_clock=True, as_service=True, report_probes='all', **settings)
    for attempt in (stage.send(good), stage.send(good), stage.send(trial)):
        relay.wait_fate(attempt.queue_id, 'sent')
    stage.refused(stage.send(bad), bad, 'certificate-not-trusted')
    for domain, wanted in ((good, ({'sts': (1, 0)}, {})), (bad, ({'sts': (0, 1)}, {'certificate-not-trusted': 1})),
                           (trial, ({'sts': (0, 1)}, {'starttls-not-supported': 1}))):
        reports.wait_sums(lab, domain.ascii, wanted)
        stage.tell('counted', f'{domain.name}: {wanted}')
    lab.gate.terminate()
    lab.gate.set_clock(seconds_until_noon(1))
    lab.gate.start()
    for to, domain, count in ((box, bad, 1), (trial, trial, 2)):
        arrival = lab.wait_arrival(to.mx, count)
        stage.tell('arrived', arrival)
        expect_match('the envelope sender', rf'^tlsrpt\+[a-z0-9]+@{relay.name}$', arrival.sender)
        check(lab, stage, reports.Received(bytes(arrival.data)), domain, relay.name, to.address('reports'))
    lab.gate.restart(fresh=True)


def check(lab, stage, received, domain, submitter, address):
    """A report about a domain with one failed session is what the RFC demands."""
    message, report = received.message, received.report
    stage.tell('subject', message['Subject'])
    expect_match('the subject', rf'^Report Domain: {domain.ascii} Submitter: {submitter} Report-ID: <\S+@\S+>$',
                 message['Subject'])
    for name, wanted in (('From', f'tlsrpt@{submitter}'), ('To', address), ('TLS-Report-Submitter', submitter),
                         ('TLS-Required', 'No'), ('Auto-Submitted', 'auto-generated')):
        expect_match(f'the field {name}', re.escape(wanted), message[name])
    expect('tags', None, message['X-STS-Gate'])
    expect('the type', ('multipart/report', 'tlsrpt'), (message.get_content_type(), message.get_param('report-type')))
    expect('the types of the parts', ['text/plain', 'application/tlsrpt+gzip'],
           [part.get_content_type() for part in received.parts])
    expect_match('the text for people', domain.ascii, received.parts[0].get_content())
    expect_match('the name of the file', rf'^{submitter}!{domain.ascii}!\d+!\d+!\w+\.json\.gz$',
                 received.parts[1].get_filename())
    expect('one gzip member', True, received.is_one_member())
    expect('the contact', f'tlsrpt@{submitter}', report['contact-info'])
    failed = sum(one['summary']['total-failure-session-count'] for one in report['policies'])
    expect(f'failed sessions of {domain.name}', 1, failed)
    expect('the signature is good', True, received.has_signature(lab.gate.clock_environment()))
    changed = reports.Received(received.octets.replace(b'TLS-Report-Domain: ', b'TLS-Report-Domain: x'))
    expect('the signature of a changed report is good', False, changed.has_signature(lab.gate.clock_environment()))


def nothing_of_its_own(lab, stage, relay):
    """The deliveries of the reports were reported by nobody, judged by nobody, and will be in no report."""
    expect('reports in the queue of the relay', [], [
        one for one in relay.queue().values() if one['sender'].startswith('tlsrpt+')])
    expect('lines of stsgated about the mailbox', [], lab.gate.log.find(
        re.compile(rf'domain={reports.BOX_DOMAIN}\b'), stage.gate_mark))
    expect('sessions that Postfix reported with the mailbox', [], relay.log.find(
        re.compile(rf'TLSRPT: .*domain={reports.BOX_DOMAIN},')))
    _, out, _ = lab.gate.tool('report', 'list', own_clock=True)
    stage.tell('report', out)
    day = (datetime.now(timezone.utc) + timedelta(days=2)).strftime('%Y-%m-%d')
    expect('what was counted on the next day', [], [line for line in out.splitlines() if line.startswith(day)])
