"""System tests beyond the demo: one docstring sentence each says what must hold."""

import http.client
import os
import pwd
import re
import socket
import stat
import threading
import time

from lab import gate, hop, net
from lab.proc import run, wait_for
from lab.story import expect, expect_match
from lab.world import PLACE

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def tags(arrival):
    return arrival.headers('X-STS-Gate')


def milter_only(lab, **settings):
    """The form without the map: the gate alone judges, at RCPT."""
    lab.gate.restart(mta_enforces='no', **settings)
    lab.relay.attach(tls_map=False)


# what is judged, and how

@test
def milter_only_evil_mx(lab, stage):
    """Milter only: one evil MX among good ones puts the domain off; the honest domain passes."""
    milter_only(lab)
    good, domain = lab.domain('alone'), lab.domain('lone-evil')
    evil = lab.new_hop('mx.evil-third.example')
    domain.set_mx(domain.mx, evil)
    stage.refused(stage.send(domain), domain, 'mx-not-in-policy', f'{evil.name} .*')
    stage.nothing_at(domain.mx, evil)
    stage.encrypted(stage.send(good), good.mx)


@test
def milter_only_unreachable(lab, stage):
    """Milter only: a hop that cannot be looked at keeps the recipient waiting."""
    milter_only(lab)
    domain = lab.domain('lone-down', conduct=hop.DOWN)
    stage.refused(stage.send(domain), domain, 'hop-unreachable|not-yet-checked')


@test
def unreachable_is_left_to_the_mta(lab, stage):
    """With the map: an unreachable hop is accepted for, and the message goes out when it is back."""
    domain = lab.domain('down', conduct=hop.DOWN)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.deferred(attempt, 'Connection refused')
    domain.mx.become(hop.HONEST)
    stage.flush()
    expect('tags', [], tags(stage.encrypted(attempt, domain.mx)))


@test
def certificate_untrusted(lab, stage):
    """A certificate that no trusted authority vouches for."""
    domain = lab.domain('untrusted', conduct=hop.UNTRUSTED)
    stage.refused(stage.send(domain), domain, 'certificate-not-trusted')
    stage.nothing_at(domain.mx)


@test
def tls_too_old(lab, stage):
    """A hop that speaks TLS 1.1 at best is told apart from one that breaks the handshake."""
    domain = lab.domain('oldtls', conduct=hop.OLD_TLS)
    stage.refused(stage.send(domain), domain, 'tls-too-old')
    stage.nothing_at(domain.mx)


@test
def ipv6_hop(lab, stage):
    """A hop with an IPv6 address only is probed and delivered to."""
    domain, bad = lab.domain('six', v6=True), lab.domain('six-bad', v6=True, conduct=hop.STRIPPED)
    stage.encrypted(stage.send(domain), domain.mx)
    stage.refused(stage.send(bad), bad, 'starttls-not-supported')


@test
def second_mx_is_enough(lab, stage):
    """With the map: one good hop passes although the first MX is unreachable."""
    domain = lab.domain('two', policy=False)
    second = lab.new_hop('mx2.two.example')
    domain.set_mx(domain.mx, second)
    domain.hops[second.name] = second
    domain.publish_policy()
    domain.publish_record()
    domain.mx.become(hop.DOWN)
    stage.encrypted(stage.send(domain), second)


@test
def implicit_mx(lab, stage):
    """A domain without MX records is its own mail host."""
    domain = lab.domain('implicit', policy=False)
    itself = lab.new_hop('implicit.example')
    domain.set_mx()
    domain.publish_policy(mx=[itself.name])
    domain.publish_record()
    stage.encrypted(stage.send(domain), itself)


@test
def null_mx(lab, stage):
    """A domain that takes no mail: nothing to enforce, the MTA says so itself."""
    domain = lab.domain('nullmx')
    lab.dns.set(domain.ascii, 'MX', '0 .')
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.tell('relay', lab.relay.wait_fate(attempt.queue_id, 'bounced'))


@test
def umlaut_domain(lab, stage):
    """A next hop with an Umlaut, in any case, is judged by the policy of its A-label."""
    good, bad = lab.domain('grün'), lab.domain('böse', conduct=hop.STRIPPED)
    stage.refused(stage.send(bad), bad, 'starttls-not-supported')
    stage.encrypted(stage.send('user@GRÜN.example'), good.mx)
    stage.explain(good, 'verdict=pass')


@test
def address_literal(lab, stage):
    """A recipient at an address literal has no policy and is delivered."""
    domain = lab.domain('literal', conduct=hop.STRIPPED)
    attempt = stage.send(f'user@[{domain.mx.address}]')
    stage.accepted(attempt)
    lab.wait_arrival(domain.mx)


@test
def no_policy(lab, stage):
    """A domain without a policy is nobody's business: delivered, untagged, even in the clear."""
    domain = lab.domain('nopolicy', policy=False, conduct=hop.STRIPPED)
    stage.accepted(stage.send(domain))
    expect('tags', [], tags(lab.wait_arrival(domain.mx)))


@test
def policy_of_an_untrusted_host(lab, stage):
    """A policy whose host shows an untrusted certificate counts as none (RFC 8461 3.3)."""
    domain = lab.domain('weakhost', policy=False, conduct=hop.STRIPPED)
    body = 'version: STSv1\nmode: enforce\nmx: mx.weakhost.example\nmax_age: 86400\n'
    lab.policy_hosts.publish(domain.ascii, body, authority=lab.strangers)
    domain.publish_policy()
    domain.publish_record()
    stage.accepted(stage.send(domain))
    lab.wait_arrival(domain.mx)


@test
def mode_none(lab, stage):
    """A policy of mode none asks for nothing."""
    domain = lab.domain('modenone', mode='none', conduct=hop.STRIPPED)
    stage.accepted(stage.send(domain))
    expect('tags', [], tags(lab.wait_arrival(domain.mx)))
    expect('map', None, lab.relay.map_answer(domain.ascii))


@test
def delegated_record(lab, stage):
    """A record behind a CNAME counts (RFC 8461 3.1)."""
    domain = lab.domain('delegated', conduct=hop.STRIPPED)
    domain.hide_record()
    lab.dns.set('_mta-sts.host.example', 'TXT', '"v=STSv1; id=9;"')
    lab.dns.set(f'_mta-sts.{domain.ascii}', 'CNAME', '_mta-sts.host.example.')
    stage.refused(stage.send(domain), domain, 'starttls-not-supported')


@test
def smart_host(lab, stage):
    """Mail routed to [host]:port is judged by the policy of that host, without an MX lookup."""
    smart = lab.domain('smart', policy=False)
    itself = lab.new_hop('smart.example', port=587)
    smart.publish_policy(mx=[itself.name])
    smart.publish_record()
    lab.relay.set(transport_maps='inline:{ routed.example=smtp:[smart.example]:587 }')
    try:
        stage.encrypted(stage.send('user@routed.example'), itself)
        stage.explain(smart, 'verdict=pass')
    finally:
        lab.relay.set(transport_maps='')


@test
def exempt_domain(lab, stage):
    """Domains in exempt_domains are not judged, neither at RCPT nor by the map."""
    lab.gate.restart(exempt_domains='spared.example, .below.example')
    domain = lab.domain('spared', conduct=hop.STRIPPED)
    stage.accepted(stage.send(domain))
    expect('tags', [], tags(lab.wait_arrival(domain.mx)))
    expect('map', None, lab.relay.map_answer(domain.ascii))


# what is done about it

@test
def per_recipient(lab, stage):
    """One message to three domains: only the attacked one is put off, the others get theirs."""
    good, bad = lab.domain('one-good'), lab.domain('one-bad', conduct=hop.STRIPPED)
    other = lab.domain('one-none', policy=False)
    attempt = stage.send(good, bad, other)
    stage.refused(attempt, bad, 'starttls-not-supported')
    for domain in (good, other):
        expect_match(f'RCPT to {domain.name}', '^250 ', attempt.answer(domain.address()))
        lab.wait_arrival(domain.mx)
    stage.nothing_at(bad.mx)


@test
def forged_tag_removed(lab, stage):
    """Tags that the sender wrote are removed, all of them, in any case."""
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
    """milter_on_fail = tag: accepted with a header, and left to the map."""
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
    """sendmail(1): never refused; tagged, and the map keeps the message back."""
    domain = lab.domain('fromhere', conduct=hop.STRIPPED)
    attempt = lab.relay.submit([domain.address()])
    stage.deferred(attempt, 'TLS is required, but was not offered')
    expect('messages left in maildrop', 0, lab.relay.maildrop())
    domain.mx.become(hop.HONEST)
    stage.flush()
    expect_match('the tag', 'verdict=fail-enforce', tags(stage.encrypted(attempt, domain.mx)))


@test
def local_submission_milter_only(lab, stage):
    """sendmail(1) without the map: a message that cannot go safely is held."""
    milter_only(lab)
    domain = lab.domain('heldhere', conduct=hop.STRIPPED)
    attempt = lab.relay.submit([domain.address()])
    wait_for('the message is on hold', lambda: lab.relay.held(attempt.queue_id))
    expect('messages left in maildrop', 0, lab.relay.maildrop())
    stage.nothing_at(domain.mx)


# the map and the other sockets

@test
def map_answers(lab, stage):
    """What postmap -q gets for each kind of key."""
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


@test
def health(lab, stage):
    """/healthz says 200 while the daemon serves."""
    connection = http.client.HTTPConnection('127.0.0.1', 9461, timeout=5)
    connection.request('GET', '/healthz')
    expect('status', 200, connection.getresponse().status)
    connection.close()


@test
def unix_sockets(lab, stage):
    """Milter and map on UNIX sockets, with owner and mode, also over stale ones."""
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


# the daemon

@test
def privileges_dropped(lab, stage):
    """Started as root, it runs as its user, without root's groups and capabilities."""
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
    """SIGUSR1 takes new settings; bad ones change nothing and are named with file and line."""
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
    """SIGTERM ends it with status 0, soon, and it starts again on its store."""
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
    """A taken port, an unreadable CA file and an unwritable store are named, not worked around."""
    base = ['-f', '-c', lab.gate.config]
    for override in ('probe_ca_file=/nonexistent/ca.pem', 'store_path=/proc/stsgate',
                     f'metrics_socket=inet:53@{net.DNS}'):
        status, out, err = run(gate.DAEMON, *base, '-o', 'milter_socket=inet:8472@127.0.0.1',
                               '-o', 'socketmap_socket=inet:8471@127.0.0.1',
                               '-o', f'store_path={PLACE}/other-store', '-o', override, check=False)
        expect_match(f'exit status with {override}', r'^(6[4-9]|7[0-8])$', status)
        value = override.partition('=')[2].partition('@')[0]
        expect_match('the complaint', re.escape(value.removeprefix('inet:')), out + err)


@test
def daemon_down(lab, stage):
    """While the daemon is down nothing leaks: RCPT is put off, and what is queued stays queued."""
    domain = lab.domain('orphan')
    stage.learn(domain)
    attempt = stage.send(domain, hold=True)
    stage.accepted(attempt)
    lab.gate.kill()
    since = stage.release(attempt)
    stage.deferred(attempt, 'TLS configuration problem', since)
    refused = lab.relay.send([domain.address()])
    expect('a queue id while the milter is down', None, refused.queue_id)
    stage.nothing_at(domain.mx)
    lab.gate.start()
    stage.flush()
    stage.encrypted(attempt, domain.mx)


@test
def killed_under_load(lab, stage):
    """kill -9 in the middle of traffic: the store opens, and every policy it told of still holds."""
    domains = [lab.domain(f'load{number}') for number in range(12)]
    done = threading.Event()
    answered = set()

    def ask(share):
        for domain in share:
            if done.is_set():
                return
            try:
                if lab.relay.map_answer(domain.ascii):
                    answered.add(domain.ascii)
                lab.relay.send([domain.address()])
            except (RuntimeError, OSError):
                return

    threads = [threading.Thread(target=ask, args=(domains[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    wait_for('some domains are known', lambda: len(answered) >= 4)
    lab.gate.kill()
    done.set()
    for thread in threads:
        thread.join()
    known = set(answered)
    lab.policy_hosts.stop()
    for domain in domains:
        domain.hide_record()
    lab.gate.start()
    stage.tell('known', f'{len(known)} policies before the kill')
    for name in sorted(known):
        expect_match(f'map answer to {name} after the restart', '^secure match=',
                     lab.relay.map_answer(name))


@test
def dead_dns(lab, stage):
    """The gate's DNS dead: unknown domains flow as RFC 8461 asks, known policies hold."""
    known, unknown = lab.domain('dead-known'), lab.domain('dead-unknown', policy=False)
    stage.learn(known)
    known.mx.become(hop.STRIPPED)
    stage.tell('attack', "the gate's DNS server takes questions and answers none")
    lab.dns.of_gate.freeze()
    stage.accepted(stage.send(unknown))
    attempt = stage.send(known)
    if attempt.queue_id:
        stage.deferred(attempt, 'TLS is required, but was not offered')
    else:
        expect_match('the answer', '^451 4.7.5 ', attempt.answer(known.address()))
    stage.nothing_at(known.mx)
    flush_until_arrived(lab, unknown.mx)


def flush_until_arrived(lab, one, seconds=75):
    """The map answers TEMP while a first contact lasts, so a message may need some queue runs."""
    def arrived():
        lab.relay.flush()
        return any(arrival.complete for arrival in one.arrivals)
    wait_for(f'a message at {one.name}', arrived, seconds, pause=2)


class Silence:
    """A policy host that takes connections on port 443 and never says a word."""

    def __init__(self, lab):
        self.address = lab.new_address()
        lab.policy_hosts.stop()
        self.listener = socket.create_server((self.address, 443), backlog=128)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def domain(self, lab, name):
        """A domain whose policy is on this host."""
        made = lab.domain(name, policy=False)
        lab.dns.set(f'mta-sts.{made.ascii}', 'A', self.address)
        made.publish_record()
        return made


def timed(lab, domain):
    """Seconds that one whole SMTP transaction takes."""
    begun = time.monotonic()
    attempt = lab.relay.send([domain.address()])
    expect(f'a message to {domain.name} is taken', True, attempt.queue_id is not None)
    return time.monotonic() - begun


@test
def slow_policy_host(lab, stage):
    """A policy host that never answers delays RCPT by milter_wait (4 s), and no longer."""
    with Silence(lab) as silence:
        took = timed(lab, silence.domain(lab, 'slow'))
    stage.tell('took', f'{took:.1f} s')
    expect('seconds at RCPT', 'from 3 to 6', round(took, 1), 3 <= took <= 6)


@test
def waiting_stalls_nobody(lab, stage):
    """While ten sessions wait for first contacts, others are answered at once."""
    quick = lab.domain('quick')
    stage.encrypted(stage.send(quick), quick.mx)
    times = []

    def hurry():
        for _ in range(5):
            times.append(timed(lab, quick))

    with Silence(lab) as silence:
        slow = [silence.domain(lab, f'slow{number}') for number in range(10)]
        threads = [threading.Thread(target=timed, args=(lab, domain)) for domain in slow]
        threads += [threading.Thread(target=hurry) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stage.tell('took', f'{max(times):.2f} s at most, of {len(times)} messages')
    expect('quick messages', 20, len(times))
    expect('seconds of the slowest quick message', 'under 2', round(max(times), 2), max(times) < 2)


@test
def tool_tells(lab, stage):
    """stsgate query tells the verdict by its exit status: 0 pass, 1 would be deferred."""
    good, bad = lab.domain('asked'), lab.domain('asked-bad', conduct=hop.STRIPPED)
    for domain, wanted, words in ((good, 0, 'pass'), (bad, 1, 'starttls-not-supported')):
        status, out, err = lab.gate.tool('query', domain.ascii)
        stage.tell('query', out + err)
        expect(f'exit status for {domain.name}', wanted, status)
        expect_match('the story', words, out)
