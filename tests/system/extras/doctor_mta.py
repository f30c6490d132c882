"""doctor's checks of the MTA: on the lab's relays, and on copies of their settings with one mistake each."""

import json
import os
import shutil

from lab import relay
from lab.proc import run
from lab.story import expect, expect_match
from lab.world import PLACE

from . import test

COPY = f'{PLACE}/doctor-postfix'

POSTFIX_MISTAKES = (
    ({'smtpd_milters': ''}, 'warn postfix-milter'),
    ({'smtpd_milters': relay.DEFAULT_MILTER_SOCKET, 'milter_default_action': 'reject'}, 'fail postfix-action'),
    ({'smtpd_milters': relay.DEFAULT_MILTER_SOCKET, 'milter_command_timeout': '4s'}, 'fail postfix-timeouts'),
    ({'smtp_tls_policy_maps': ''}, 'fail postfix-map'),
    ({'smtp_tls_policy_maps': f'static:may {relay.MAP}'}, 'fail postfix-map-order'),
    ({'smtp_tls_policy_maps': f'{relay.MAP}-tlsrpt'}, 'fail postfix-dialect'),
    ({'smtp_tls_security_level': 'none'}, 'fail postfix-level'),
    ({'smtp_tls_CAfile': ''}, 'fail postfix-ca'),
    ({'smtp_tls_mandatory_protocols': '>=TLSv1.3'}, 'warn postfix-protocols'),
    ({'smtp_dns_support_level': 'enabled'}, 'fail postfix-dane'),
    ({'smtp_delivery_status_filter': ''}, 'warn postfix-bounces'),
    ({'relayhost': '[smart.example]:587'}, 'warn postfix-routes'),
    ({'relay_domains': '$myhostname inside.example'}, 'warn postfix-domains'),
)
SENDMAIL_MISTAKES = (
    ('O CACertPath=', '#O CACertPath=', 'fail sendmail-ca'),
    ('O CACertFile=', '#O CACertFile=', 'fail sendmail-ca'),
    ('Ksts socket -d5 -T<TMPF> inet:8461', 'Ksts socket -d5 -T<TMPF> inet:5461', 'fail sendmail-map'),
    ('R:30s', 'R:3s', 'fail sendmail-timeouts'),
    (' F=T,', ' F=R,', 'fail sendmail-milter'),
    ('\nDS', '\nDSesmtp:[smart.example]', 'fail sendmail-routes'),
)


def edit(**settings):
    """Changes the copy.  Postfix waits two seconds before it reads a file that is being changed: so it is made older."""
    run('postconf', '-c', COPY, '-e', *(f'{name}={value}' for name, value in settings.items()))
    os.utime(f'{COPY}/main.cf', (1, 1))


def examine(lab, *words):
    """The warnings and failures of a run, and its exit status."""
    status, out, err = lab.gate.tool('doctor', '--json', *words)
    expect('words on stderr', '', err)
    bad = [one for one in json.loads(out)['checks'] if one['result'] in ('warn', 'fail')]
    expect('exit status', 2 if any(one['result'] == 'fail' for one in bad) else 1 if bad else 0, status)
    return bad


def found(lab, *words):
    return [f'{one["result"]} {one["check"]}' for one in examine(lab, *words)]


@test
def doctor_postfix(lab, stage):
    """doctor finds nothing wrong with the relay's Postfix, and names the one mistake in each copy of its settings."""
    lab.relay.attach()
    own = ('-o', 'dnssec=auto', '-o', 'own_hosts=relay.example', '--postfix', COPY)
    for settings, wanted in (({}, None), *POSTFIX_MISTAKES):
        shutil.rmtree(COPY, ignore_errors=True)
        shutil.copytree('/etc/postfix', COPY)
        edit(**{'smtp_dns_support_level': 'dnssec', **settings})
        bad = found(lab, *own, 'postfix')
        stage.tell('doctor', f'{settings}: {bad}')
        expect(f'what doctor finds with {settings}', True, bad == [] if wanted is None else wanted in bad)
    domain = lab.domain('overruled')
    stage.learn(domain)
    edit(smtp_tls_policy_maps=f'inline:{{{{{domain.ascii} = may}}}}, {relay.MAP}')
    bad = examine(lab, *own, 'postfix-map-order')
    expect_match('the finding about a table ahead', rf'weakens .*: "{domain.ascii} \(may\)"', bad[0]['finding'])
    edit(smtp_tls_policy_maps=f'inline:{{{{stranger.example = may}}}}, {relay.MAP}')
    expect('findings about a table that weakens nothing', [], found(lab, *own, 'postfix-map-order'))
    edit(smtp_tls_policy_maps=f'hash:/nonexistent, {relay.MAP}')
    bad = examine(lab, *own, 'postfix-map-order')
    expect_match('the finding about a table that cannot be opened', 'replaces the domain', bad[0]['finding'])
    edit(relay_domains=f'inline:{{{{{domain.ascii} = yes}}, {{stranger.example = yes}}}}')
    bad = examine(lab, *own, 'postfix-domains')
    expect_match('the finding about a table of own domains', rf'strangers: {domain.ascii}$', bad[0]['finding'])
    edit(relay_domains='')
    run('postconf', '-c', COPY, '-F', 'smtp/unix/chroot=y')
    bad = examine(lab, '-o', 'socketmap_socket=unix:/run/stsgate/map', *own, 'postfix')
    expect_match('the finding without a map', 'nothing binds the delivery', bad[0]['finding'])
    edit(smtp_tls_policy_maps='socketmap:unix:/run/stsgate/map:postfix')
    bad = examine(lab, '-o', 'socketmap_socket=unix:/run/stsgate/map', *own, 'postfix')
    expect_match('the finding in a chroot', 'chrooted in /var/spool/postfix and cannot reach', bad[0]['finding'])


@test
def doctor_sendmail(lab, stage):
    """doctor finds nothing wrong with a Sendmail whose rule is corrected, and names the mistake in each other sendmail.cf."""
    mta = lab.consumer('sendmail')
    mta.attach()
    # what the sendmail.cf of another tree names must be in this tree, too
    os.makedirs('/etc/mail', exist_ok=True)
    shutil.copy(mta.path('/etc/mail/lab-ca.pem'), '/etc/mail')
    with open('/etc/mail/mailertable', 'w', encoding='ascii') as file:
        file.write('# no routes\n')
    made = mta.path('/etc/mail/sendmail.cf')
    copy = f'{PLACE}/doctor-sendmail.cf'
    check = ('--sendmail', copy, 'sendmail')
    shutil.copy(made, copy)
    stage.tell('doctor', f'as m4 makes it: {found(lab, *check)}')
    expect('what doctor finds', ['warn sendmail-wildcard'], found(lab, *check))
    run('sh', '-c', examine(lab, *check)[0]['remedy'].partition('restart Sendmail: ')[2])
    expect('after its remedy', [], found(lab, *check))
    with open(copy, encoding='utf-8') as file:
        text = file.read()
    for right, wrong, wanted in SENDMAIL_MISTAKES:
        expect(f'{right} in sendmail.cf', True, right in text)
        with open(copy, 'w', encoding='utf-8') as file:
            file.write(text.replace(right, wrong))
        expect(f'what doctor finds with {wrong}', [wanted], found(lab, *check))
