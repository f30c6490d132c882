"""TLS reports (RFC 8460): how reports get past stsgate itself."""

import json
import re
import shutil
import socket

from lab import gate, hop
from lab.proc import wait_for
from lab.story import expect

from .everywhere import each

FROM = 'tlsrpt@relay.example'
SENDER = 'tlsrpt+4cJ2xQ@relay.example'
# From TLS REPORTS in stsgated(8), for a Postfix that does not know `TLS-Required: No`.
TRANSPORTS = r'regexp:{{/^tlsrpt\+/ tlsrpt:}}'
SERVICE = ('tlsrpt/unix=tlsrpt unix - - y - - smtp -o smtp_tls_policy_maps= -o smtp_tls_security_level=may '
           '-o smtp_tlsrpt_enable=no')


def refused(stage, domain, **how):
    answer = stage.send(domain, **how).answers[domain.address()]
    expect('the code of the answer', 451, answer[0])


@each('postfix', 'postfix-next', 'sendmail')
def own_report_passes(lab, stage, name):
    """A report to a domain whose mail hosts fail passes, but only from this machine, and is neither tagged nor counted."""
    lab.gate.restart(report_from=FROM, milter_tag='all')
    domain, stranger = lab.domain(f'{name}-told', conduct=hop.STRIPPED), lab.domain(f'{name}-told-once')
    refused(stage, domain, sender=SENDER)
    refused(stage, domain, sender=FROM, local=True)
    judged = lab.gate.counter('stsgate_verdicts_total', purpose='deliver')
    old_postfix = name == 'postfix' and not stage.relay.obeys_tls_required()
    if old_postfix:
        stage.relay.run('postconf', '-M', SERVICE)
        stage.relay.run('/usr/lib/postfix/configure-instance.sh', '-')     # the files that libc reads in its chroot
        stage.relay.set(sender_dependent_default_transport_maps=TRANSPORTS)
    try:
        for to in (stranger, domain):
            attempt = stage.send(to, sender=SENDER, local=True, headers=['TLS-Required: No'])
            stage.accepted(attempt)
            if name == 'sendmail' and to == domain:
                stage.deferred(attempt, stage.relay.NOT_OFFERED)
                continue
            stage.relay.wait_fate(attempt.queue_id, 'sent')
            arrival = lab.wait_arrival(to.mx)
            stage.tell('arrived', arrival)
            expect('tags', [], arrival.headers('X-STS-Gate'))
    finally:
        if old_postfix:
            stage.relay.run('postconf', '-MX', 'tlsrpt/unix')
            stage.relay.set(sender_dependent_default_transport_maps='')
    expect('verdicts', 0, lab.gate.counter('stsgate_verdicts_total', purpose='deliver') - judged)
    known = lab.gate.tool('show', stranger.name)[0] == 0
    expect('the domain that got only a report is known', name == 'sendmail', known)


def fed(socket_path, domain, address):
    """A session that failed, as libtlsrpt tells the collector."""
    text = json.dumps({'dpv': '1', 'd': domain, 'pr': f'v=TLSRPTv1; rua={address}', 'policies': [
        {'policy-type': 9, 'policy-domain': domain, 'failure-details': [{'c': 201}], 't': 1, 'f': 1}]})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(text.encode('ascii'), socket_path)


def bounce_lines(lab):
    """The lines for main.cf and master.cf in stsgated(8), for this relay."""
    with open('/documents/man/stsgated.8', encoding='utf-8') as file:
        text = file.read().partition('bounces: begin')[2].partition('bounces: end')[0]
    blocks = re.findall(r'\.Bd -literal.*\n((?:[^.].*\n)+)\.Ed', text)
    text = ''.join(blocks).replace(r'\e', '\\').replace(r'example\.com', r'relay\.example')
    text = text.replace('argv=stsgate', f'argv={gate.TOOL} -c {lab.gate.config}')
    main, master = text.split('\ntlsrptbounce ', 1)
    settings = [line.partition(' = ') for line in main.splitlines()]
    return {name: value for name, _, value in settings}, f'tlsrptbounce {master}\n'


@each('postfix')
def bounced_report(lab, stage, name):
    """The lines of stsgated(8): a report that cannot be delivered comes back, and its address gets no further reports."""
    path = f'{lab.gate.dir}/tlsrpt'
    reports = {'tlsrpt': 'collect', 'tlsrpt_socket': path, 'report_from': FROM, 'report_organization': 'Lab'}
    settings, service = bounce_lines(lab)
    with open('/etc/postfix/master.cf', encoding='ascii') as file:
        before = file.read()
    shutil.chown(lab.gate.dir, gate.USER)
    lab.gate.restart(own_clock=True)
    lab.gate.terminate()
    lab.gate.settings.update(reports)
    lab.gate.set_clock(-2 * 86400)  # the reports of yesterday may not be due yet
    lab.gate.start()
    for domain in (f'{name}-told-twice.example', f'{name}-told-once.example'):
        fed(path, domain, 'mailto:tls@nowhere.test')
    lab.gate.terminate()
    stage.relay.write('/etc/postfix/master.cf', before + service)
    stage.relay.set(**settings)
    stage.relay.run('postfix', 'reload')
    try:
        lab.gate.set_clock(0)
        lab.gate.start()
        stage.tell('bounced', wait_for('the address is suppressed', lambda: suppressed(lab), seconds=20))
        status, out, _ = lab.gate.tool('report', 'send')
        expect('`report send` after that', (0, ''), (status, out))
    finally:
        stage.relay.write('/etc/postfix/master.cf', before)
        stage.relay.set(**dict.fromkeys(settings, ''))
        stage.relay.run('postfix', 'reload')


def suppressed(lab):
    status, out, err = lab.gate.tool('report', 'list', '--json')
    if status != 0:
        raise RuntimeError(err)
    states = [address['state'] for report in json.loads(out)['reports'] for address in report['addresses']]
    return states if set(states) == {'suppressed'} else None
