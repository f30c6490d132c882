"""The daemon: its sockets, signals, settings and rights."""

import http.client
import json
import os
import pwd
import re
import stat

from lab import gate, hop, net
from lab.proc import run, wait_for
from lab.story import expect, expect_match
from lab.world import PLACE

from . import test


@test
def map_answers(lab, stage):
    """The reply to postmap -q for each kind of key."""
    domain = lab.domain('mapped', policy=False)
    domain.publish_policy(mx=['mx.mapped.example', '*.pool.example'])
    domain.publish_record()
    testing = lab.domain('maptest', mode='testing')
    secure = 'secure match=mx.mapped.example:.pool.example servername=hostname'
    wanted = {domain.ascii: secure, 'MAPPED.example': secure, '[mapped.example]:25': secure,
              testing.ascii: None, '.mapped.example': None, '[10.0.0.1]': None,
              'nowhere.example': None, 'sub.mapped.example': None}
    for key, answer in wanted.items():
        expect(f'map answer to {key}', answer, lab.relay.map_answer(key))
    attributes = [f'policy_type=sts policy_domain={domain.ascii}',
                  '{ policy_string = version: STSv1 }', '{ policy_string = mode: enforce }',
                  '{ policy_string = mx: mx.mapped.example }', '{ policy_string = mx: *.pool.example }',
                  'mx_host_pattern=mx.mapped.example mx_host_pattern=*.pool.example']
    for name in ('postfix', 'QUERY', 'zone', 'sts', 'postfix-tlsrpt', 'QUERYwithTLSRPT'):
        map_ = f'socketmap:inet:127.0.0.1:8461:{name}'
        answer = lab.relay.map_answer(domain.ascii, map_)
        if 'TLSRPT' in name.upper():
            expect(f'start of the answer of {name}', True, answer.startswith(secure + ' '))
            for part in attributes:
                expect(f'{part} in the answer of {name}', True, part in answer)
        else:
            expect(f'answer of {name}', secure, answer)
        expect(f'testing, by {name}', None, lab.relay.map_answer(testing.ascii, map_))


@test
def health(lab, stage):
    """/healthz returns 200 while the daemon serves."""
    connection = http.client.HTTPConnection('127.0.0.1', 9461, timeout=5)
    connection.request('GET', '/healthz')
    expect('status', 200, connection.getresponse().status)
    connection.close()


@test
def unix_sockets(lab, stage):
    """Milter and map on UNIX sockets, with owner and mode, also in place of stale sockets."""
    place = f'{PLACE}/sockets'
    os.makedirs(place, exist_ok=True)
    owner = pwd.getpwnam(gate.USER)
    os.chown(place, owner.pw_uid, owner.pw_gid)
    settings = {'milter_socket': f'unix:{place}/milter', 'socketmap_socket': f'unix:{place}/map',
                'socket_owner': 'postfix', 'socket_mode': '0660'}
    lab.gate.restart(**settings)
    lab.gate.restart(**settings)
    for name in ('milter', 'map'):
        seen = os.stat(f'{place}/{name}')
        expect(f'owner of {name}', 'postfix', pwd.getpwuid(seen.st_uid).pw_name)
        expect(f'mode of {name}', '0o660', oct(stat.S_IMODE(seen.st_mode)))
    lab.relay.attach(milter_socket=f'unix:{place}/milter',
                     map_=f'socketmap:unix:{place}/map:postfix')
    good, bad = lab.domain('unix-good'), lab.domain('unix-bad', conduct=hop.STRIPPED)
    stage.encrypted(stage.send(good), good.mx)
    stage.refused(stage.send(bad), bad, 'starttls-not-supported')


@test
def privileges_dropped(lab, stage):
    """Started as root, the daemon runs as its user, without root's groups and capabilities."""
    with open(f'/proc/{lab.gate.process.pid}/status', encoding='ascii') as file:
        status = dict(line.split(':', 1) for line in file)
    user = pwd.getpwnam(gate.USER)
    expect('user ids', [str(user.pw_uid)] * 4, status['Uid'].split())
    expect('group ids', [str(user.pw_gid)] * 4, status['Gid'].split())
    expect('root among the groups', False, '0' in status['Groups'].split())
    expect('capabilities', 0, int(status['CapEff'], 16))
    for entry in os.scandir(lab.gate.store):
        expect(f'owner of {entry.name}', user.pw_uid, entry.stat().st_uid)
        expect(f'{entry.name} open to others', 0, entry.stat().st_mode & 0o007)


@test
def reload(lab, stage):
    """SIGUSR1 applies new settings; bad settings change nothing and are reported with file and line."""
    domain = lab.domain('reloaded', conduct=hop.STRIPPED)
    stage.refused(stage.send(domain), domain, 'starttls-not-supported')
    lab.gate.settings['mode'] = 'monitor'
    lab.gate.write()
    lab.gate.reload()
    wait_for('monitor mode', lambda: lab.relay.send([domain.address()]).queue_id, pause=0.3)
    with open(lab.gate.config, 'a', encoding='utf-8') as file:
        file.write('milter_wait = soon\n')
    since = lab.gate.log.size()
    lab.gate.reload()
    wait_for('a complaint about milter_wait', lambda: lab.gate.log.find(
        re.compile(r'stsgate\.conf.*\b\d+\b.*milter_wait|milter_wait.*stsgate\.conf'), since))
    expect('still running', True, lab.gate.process.running())
    stage.accepted(stage.send(domain))


@test
def clean_stop(lab, stage):
    """SIGTERM ends the daemon soon, with status 0, and it starts again with its store."""
    domain = lab.domain('stopped')
    stage.learn(domain)
    expect('exit status', 0, lab.gate.terminate())
    lab.policy_hosts.stop()
    domain.hide_record()
    lab.gate.start()
    stage.learn(domain)


@test
def refuses_bad_settings(lab, stage):
    """-t and start refuse unknown settings and bad values with EX_CONFIG, file and line."""
    path = f'{PLACE}/bad.conf'
    for line, word in (('no_such_setting = 1', 'no_such_setting'), ('mode = perhaps', 'mode'),
                       ('milter_wait = 4 parsecs', 'milter_wait')):
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'# a comment\n{line}\n')
        for flags in (['-t'], ['-f']):
            status, out, err = run(gate.DAEMON, *flags, '-c', path, check=False)
            expect(f'exit status for {line}', os.EX_CONFIG, status)
            expect_match('the complaint', rf'bad\.conf\W+(line )?2\b.*{word}', out + err)


@test
def refuses_trouble_at_start(lab, stage):
    """A port in use, an unreadable CA file and an unwritable store are reported and prevent the start."""
    base = ['-f', '-c', lab.gate.config]
    for override in ('probe_ca_file=/nonexistent/ca.pem', 'store_path=/proc/stsgate',
                     f'metrics_socket=inet:53@{net.DNS}'):
        status, out, err = run(gate.DAEMON, *base, '-o', 'milter_socket=inet:8472@127.0.0.1',
                               '-o', 'socketmap_socket=inet:8471@127.0.0.1',
                               '-o', 'metrics_socket=', '-o', f'store_path={lab.gate.store}/other',
                               '-o', override, check=False)
        expect_match(f'exit status with {override}', r'^(6[4-9]|7[0-8])$', status)
        value = override.partition('=')[2].partition('@')[0]
        expect_match('the complaint', re.escape(value.removeprefix('inet:')), out + err)


@test
def tool_tells(lab, stage):
    """stsgate query returns the verdict as its exit status: 0 pass, 1 would be deferred."""
    good, bad = lab.domain('asked'), lab.domain('asked-bad', conduct=hop.STRIPPED)
    for domain, wanted, words in ((good, 0, 'pass'), (bad, 1, 'starttls-not-supported')):
        status, out, err = lab.gate.tool('query', domain.ascii)
        stage.tell('query', out + err)
        expect(f'exit status for {domain.name}', wanted, status)
        expect_match('the story', words, out)


@test
def lint_judges_domains(lab, stage):
    """stsgate lint domain checks real servers: all is well, or a policy host and a mail host with a mistake each."""
    good, bad = lab.domain('linted'), lab.domain('linted-bad', conduct=hop.EXPIRED)
    bad.publish_policy(body='version: STSv1\nmode: enforced\nmx: mx.other.example\nmax_age: 604800\n')
    lines = {good: (0, [r'ok       record +_mta-sts\.linted\.example has one valid record, id 1,',
                        r'ok       https ', r'ok       policy +the policy is valid: 1 mx pattern$',
                        r'ok       mx-names ', r'ok       host +mx\.linted\.example offers STARTTLS with TLSv1\.3',
                        r'warn     tls-reports ']),
             bad: (1, [r'ok       record ', r'fail     policy +bad-mode, line 2: enforced: ',
                       r'fail     host +mx\.linted-bad\.example .*\[certificate-expired\]'])}
    for domain, (wanted, patterns) in lines.items():
        status, out, err = lab.gate.tool('lint', 'domain', domain.ascii)
        stage.tell('lint', out + err)
        expect(f'exit status for {domain.name}', wanted, status)
        for pattern in patterns:
            expect_match('a line', rf'(?m)^{pattern}', out)
    expect('nothing of them is stored', False, 'linted' in lab.gate.tool('list')[1])


@test
def query_looks_anew(lab, stage):
    """A hop breaks after good evidence was stored: query shows it at once, query --stored shows the old evidence."""
    domain = lab.domain('broke-later')
    stage.encrypted(stage.send(domain), domain.mx)
    stage.turn(domain.mx, hop.STRIPPED, 'the MX host loses STARTTLS')

    def asked(wanted, *words):
        status, out, err = lab.gate.tool('query', domain.ascii, *words)
        stage.tell('query', out + err)
        expect(f'exit status of query {" ".join(words)}', wanted, status)
        return out
    old = asked(0, '--stored')
    expect_match('the issuer of the certificate', r'(?m)^ +issued by: .*CN=', old)
    expect_match('the stored verdict', r'(?m)^verdict   pass: .*, from evidence \d+s old$', old)
    out = asked(1)
    expect_match('the verdict', r'(?m)^verdict   fail-enforce: .*\[starttls-not-supported\], checked \ds ago$', out)
    expect_match('the duration of a step', r'(?m)^- probe of .*: offers no STARTTLS .*, \d+ ms$', out)
    expect_match('what Postfix would do', 'no mail host satisfies that now, so the message stays in the queue', out)
    letter = out.partition("A paragraph for the domain's postmaster:")[2]
    expect_match('the letter', 'offers no STARTTLS', ' '.join(letter.split()))
    expect('long lines of the letter', [], [line for line in letter.splitlines() if len(line) > 72])
    stage.turn(domain.mx, hop.DOWN, 'the MX host goes down')
    expect_match('the step', 'cannot be reached', asked(1))


@test
def stats_and_settings(lab, stage):
    """stats tells verdicts by reason, what waits, overrides, and a killed daemon; settings, what is not in use yet."""
    lab.gate.restart(fresh=True, metrics_socket='')
    good, bad, released = (lab.domain(name, conduct=conduct) for name, conduct in (
        ('stats-good', hop.HONEST), ('stats-bad', hop.STRIPPED), ('stats-released', hop.STRIPPED)))
    stage.encrypted(stage.send(good), good.mx)
    stage.refused(stage.send(bad), bad, 'starttls-not-supported')
    status, out, err = lab.gate.tool('override', 'set', released.ascii, 'pass', '--for', '1h', '--reason', 'a test')
    expect(f'exit status of override: {err}', 0, status)

    def stats():
        status, out, err = lab.gate.tool('stats', '--json')
        expect(f'exit status of stats: {err}', 0, status)
        return json.loads(out)

    def counted(kind, reason, of='day'):
        return sum(row[of] for row in stats()['verdicts'] if row['purpose'] == 'deliver' and
                   (row['verdict'], row['reason']) == (kind, reason))
    wait_for('counts of the refusal', lambda: counted('fail-enforce', 'starttls-not-supported') == 1, pause=0.5)
    wait_for('the domain that waits', lambda: [row['domain'] for row in stats()['waiting']] == [bad.ascii], pause=0.5)
    seen = stats()
    expect('passes', 1, counted('pass', 'ok'))
    expect('daemon', ('running', 'enforce', 0),
           tuple(seen['daemon'][name] for name in ('state', 'mode', 'settings_not_in_use')))
    expect('override', [(released.ascii, 'a test')], [(row['domain'], row['reason']) for row in seen['overrides']])
    expect('policies', 2, seen['store']['enforce'])
    settings_tell(lab, stage)
    lab.gate.kill()
    _, out, _ = lab.gate.tool('stats')
    stage.tell('stats', out.splitlines()[0])
    expect_match('the first line', r'^stsgated is not running: it ended unexpectedly; last seen at 20', out)
    lab.gate.start()
    wait_for('counts of the next daemon', lambda: stats()['daemon']['state'] == 'running', pause=0.3)
    expect('refusals of the day', 1, counted('fail-enforce', 'starttls-not-supported'))
    lab.gate.tool('override', 'clear', released.ascii)


def settings_tell(lab, stage):
    """A changed file is told from what the daemon uses, and the reload tells the change."""
    lab.gate.settings['mode'] = 'monitor'
    lab.gate.write()
    _, out, _ = lab.gate.tool('settings', 'mode')
    stage.tell('settings', out)
    expect_match('before the reload', r'(?m)^# mode: stsgated uses enforce; for the value below, reload', out)
    since = lab.gate.log.size()
    lab.gate.reload()
    wait_for('the change in the log', lambda: lab.gate.log.find(
        re.compile(r'reloaded the settings: mode: enforce -> monitor; mode monitor$', re.M), since))
    wait_for('the new settings', lambda: 'stsgated uses' not in lab.gate.tool('settings', 'mode')[1])
    expect_match('after the reload', r'(?m)^# stsgated has used its settings since 20\S+; its settings file is ',
                 lab.gate.tool('settings', 'mode')[1])
