"""doctor's checks of machine, network, store and sockets: all well, and then one thing broken at a time."""

import json
import os
import shutil

from lab import hop
from lab.proc import run
from lab.story import expect, expect_match
from lab.world import PLACE

from . import test

JAIL = f'{PLACE}/doctor-jail'


def examine(lab, *words):
    """{check: [finding...]}, and the exit status."""
    status, out, err = lab.gate.tool('--json', 'doctor', *words)
    expect('words on stderr', '', err)
    found = {}
    for one in json.loads(out)['checks']:
        found.setdefault(one['check'], []).append(one)
    return found, status


def names(lab, stage, what, check, result, pattern, *words):
    """The check, run alone, has this result, and its finding matches."""
    found, status = examine(lab, check, *words)
    stage.tell('doctor', f'{what}: ' + '; '.join(f'{one["result"]} {one["finding"]}' for one in found[check]))
    expect(f'exit status with {what}', {'ok': 0, 'skip': 0, 'warn': 1, 'fail': 2}[result], status)
    worst = [one for one in found[check] if one['result'] == result]
    expect_match(f'{check} with {what}', pattern, worst[0]['finding'] if worst else None)
    expect(f'a remedy for {what}', result in ('warn', 'fail'), worst[0]['remedy'] is not None)


@test
def doctor_breaks(lab, stage):
    """doctor finds nothing wrong with the lab's relay; when one thing is broken, its check says so."""
    domain = lab.domain('doctored')
    backup = lab.new_hop('backup.doctored.example')
    domain.hops[backup.name] = backup
    domain.publish_policy()
    domain.set_mx(domain.mx, backup)
    stage.encrypted(stage.send(domain), domain.mx)
    found, _ = examine(lab, 'machine', 'network', 'outbound', 'store', 'sockets')
    bad = [(name, one['finding']) for name, all_ in found.items() for one in all_
           if one['result'] in ('warn', 'fail') and name not in ('clock', 'events')]
    expect('what doctor finds on a sound relay', [], bad)
    for check in ('https-out', 'smtp-out', 'milter', 'socketmap', 'http', 'daemon', 'settings-in-use', 'version',
                  'store-owner'):
        expect(f'result of {check}', 'ok', found[check][0]['result'])
    expect_match('who was tried', 'the user postfix', found['socketmap'][0]['finding'])

    store = f'unix:{lab.gate.store}/map'
    names(lab, stage, "a socket where Postfix's user may not go", 'socketmap', 'fail', 'user postfix may not connect',
          '-o', f'socketmap_socket={store}')
    shutil.copytree('/etc/postfix', JAIL)
    run('postconf', '-c', JAIL, '-F', 'smtp/unix/chroot=y')
    names(lab, stage, 'a socket outside the chroot', 'socketmap', 'fail', 'chroot and cannot reach unix:/run/stsgate/map',
          '-o', 'socketmap_socket=unix:/run/stsgate/map', '--postfix', JAIL)
    names(lab, stage, 'a port of another program', 'milter', 'fail', 'another program answers',
          '-o', 'milter_socket=inet:25@127.0.0.1')
    names(lab, stage, 'a port where nobody listens', 'delegation', 'fail', 'nothing listens',
          '-o', 'delegation_socket=inet:8469@127.0.0.1', '-o', 'delegation_domain=recipient')
    names(lab, stage, 'no file of authorities', 'authorities', 'fail', 'cannot be read',
          '-o', 'fetch_ca_file=/nonexistent/ca.pem')
    names(lab, stage, 'an exempt domain', 'exemptions', 'warn', domain.ascii, '-o', f'exempt_domains={domain.ascii}')
    names(lab, stage, 'another value in the file', 'settings-in-use', 'warn', 'probe_ttl_ok', '-o', 'probe_ttl_ok=1h')
    lab.gate.tool('override', 'set', '*', 'pass', '--for', '1h', '--reason', 'a test')
    names(lab, stage, 'an override for all domains', 'overrides', 'warn', 'pass for all domains until .*: "a test"')
    names(lab, stage, 'an override for all domains', 'http', 'ok', '/healthz: ok$')
    lab.gate.tool('override', 'clear', '*')
    names(lab, stage, 'no override', 'overrides', 'ok', 'none')
    os.chmod(lab.gate.config, 0o666)
    names(lab, stage, 'a settings file for everybody', 'settings', 'fail', 'every user')
    os.chmod(lab.gate.config, 0o644)

    for one in domain.hops.values():
        one.become(hop.STRIPPED)
    names(lab, stage, 'STARTTLS removed everywhere', 'smtp-out', 'fail', 'none offers STARTTLS',
          '--domain', domain.ascii)
    for one in domain.hops.values():
        one.become(hop.DOWN)
    names(lab, stage, 'port 25 blocked', 'smtp-out', 'fail', 'none of 2 hosts can be reached', '--domain', domain.ascii)
    lab.dns.of_gate.freeze()
    names(lab, stage, 'a dead resolver', 'resolver', 'fail', 'does not answer')
    lab.dns.of_gate.thaw()

    lab.gate.kill()
    names(lab, stage, 'a daemon that was killed', 'daemon', 'fail', 'was killed or has crashed')
    names(lab, stage, 'sockets without a daemon', 'milter', 'skip', 'does not run')
    lab.gate.start()
