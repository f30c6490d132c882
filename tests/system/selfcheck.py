"""Checks of the lab itself, with a relay without stsgate: what an attacker achieves then."""

from lab import crooked, hop, net
from lab.proc import run, wait_for
from lab.signed import LAPSED, tlsa
from lab.story import expect, expect_match

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def ask(name, kind, server=net.DNS_OF_GATE):
    """The lab's DNS as a forwarding libunbound sees it, by unbound-host(1)."""
    with open('/lab-run/forward.conf', 'w', encoding='ascii') as file:
        file.write('server:\n module-config: "iterator"\n'
                   f'forward-zone:\n name: "."\n forward-addr: {server}\n')
    return run('unbound-host', '-v', '-C', '/lab-run/forward.conf', '-t', kind, name)[1].strip()


@check
def dns_forwards(lab, stage):
    """libunbound accepts the lab's DNS as a forwarder: data, no data, no such name, changes."""
    domain = lab.domain('dns')
    expect_match('MX', r'dns\.example mail is handled by 10 mx\.dns\.example\.',
                 ask('dns.example', 'MX'))
    expect_match('TXT', r'"v=STSv1; id=1;"', ask('_mta-sts.dns.example', 'TXT'))
    expect_match('no data', 'has no TXT record', ask('dns.example', 'TXT'))
    expect_match('no name', 'not found: 3', ask('nowhere.example', 'A'))
    lab.dns.set(domain.ascii, 'MX', '5 evil.example.')
    expect_match('a changed MX', r'handled by 5 evil\.example\.', ask('dns.example', 'MX'))
    lab.dns.of_gate.stop()
    lab.dns.of_gate.start()
    expect_match('after a restart', r'handled by 5 evil', ask('dns.example', 'MX'))


@check
def policy_over_https(lab, stage):
    """A policy host answers on port 443 with its own certificate, and can be stopped."""
    domain = lab.domain('web')
    command = ('openssl', 's_client', '-quiet', '-verify_return_error', '-verify_hostname',
               'mta-sts.web.example', '-servername', 'mta-sts.web.example', '-CAfile',
               lab.authority.file, '-connect', f'{domain.policy_address}:443')
    request = ('GET /.well-known/mta-sts.txt HTTP/1.0\r\nHost: mta-sts.web.example\r\n\r\n')
    _, out, _ = run(*command, text=request)
    expect_match('the answer', r'(?s)200 OK.*text/plain.*mode: enforce', out)
    lab.policy_hosts.stop()
    status, _, _ = run(*command, text=request, check=False)
    expect('s_client fails', True, status != 0)


def plain(lab, stage, name, conduct, **how):
    domain = lab.domain(name, conduct=conduct, **how)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    lab.relay.wait_fate(attempt.queue_id, 'sent')
    arrival = lab.wait_arrival(domain.mx)
    stage.tell('arrived', arrival)
    return arrival


@check
def plain_honest(lab, stage):
    """Without stsgate an honest hop gets the message encrypted."""
    expect_match('protocol', 'TLSv1.3', plain(lab, stage, 'p-honest', hop.HONEST).protocol)


@check
def plain_stripped(lab, stage):
    """Without stsgate a hop with stripped STARTTLS gets the message in plain text: the attack works."""
    expect('protocol', None, plain(lab, stage, 'p-stripped', hop.STRIPPED).protocol)


@check
def plain_certificates(lab, stage):
    """Without stsgate any certificate is accepted."""
    for conduct in (hop.EXPIRED, hop.WRONG_NAME, hop.UNTRUSTED):
        expect_match('protocol', 'TLSv1', plain(lab, stage, f'p-{conduct}', conduct).protocol)


@check
def old_tls(lab, stage):
    """A hop can be limited to TLS 1.0 and 1.1."""
    domain = lab.domain('p-old', conduct=hop.OLD_TLS)
    _, out, _ = run('openssl', 's_client', '-starttls', 'smtp', '-tls1_1', '-cipher',
                         'ALL:@SECLEVEL=0', '-connect', f'{domain.mx.address}:25', check=False,
                         text='')
    expect_match('TLS 1.1', 'TLSv1.1', out)
    status, _, _ = run('openssl', 's_client', '-starttls', 'smtp', '-tls1_2', '-connect',
                       f'{domain.mx.address}:25', check=False, text='')
    expect('TLS 1.2 fails', True, status != 0)


@check
def hold_and_release(lab, stage):
    """A message can be held between RCPT and delivery while a hop is down."""
    domain = lab.domain('p-hold')
    attempt = stage.send(domain, hold=True)
    stage.on_hold(attempt)
    domain.mx.become(hop.DOWN)
    since = stage.release(attempt)
    stage.deferred(attempt, 'Connection refused', since)
    domain.mx.become(hop.HONEST)
    stage.flush()
    stage.encrypted(attempt, domain.mx)


@check
def utf8_domain(lab, stage):
    """Mail to a domain with an Umlaut is delivered to its A-label."""
    arrival = plain(lab, stage, 'bücher', hop.HONEST)
    expect('recipient', ['user@bücher.example'], arrival.recipients)


@check
def v6(lab, stage):
    """A hop with an IPv6 address only."""
    plain(lab, stage, 'p-v6', hop.HONEST, v6=True)


@check
def local_submission(lab, stage):
    """sendmail(1) works."""
    domain = lab.domain('p-local')
    stage.encrypted(lab.relay.submit([domain.address()]), domain.mx)


def forwarded(name, kind, lab):
    """Results of a libunbound that validates by itself, through the validating resolver."""
    with open('/lab-run/validate.conf', 'w', encoding='ascii') as file:
        file.write(f'server:\n trust-anchor-file: "{lab.signed.anchor}"\n do-not-query-localhost: no\n'
                   f'forward-zone:\n name: "."\n forward-addr: {net.DNS_VALIDATING}\n')
    return run('unbound-host', '-v', '-C', '/lab-run/validate.conf', '-t', kind, name)[1].strip()


@check
def dnssec_states(lab, stage):
    """Names are secure, insecure or bogus as intended, both for a validating resolver and for one behind it."""
    lab.use_signed()
    both = lab.domain('states', tld='signed', policy=False), lab.domain('states', policy=False)
    lab.signed.publish_tlsa(both[0].mx, hop.HONEST)
    lab.signed.set('late.states.signed', 'CNAME', f'x.{LAPSED}.')
    lab.signed.set('stripped.states.signed', 'TXT', '"x"')
    lab.signed.upstream.lie('stripped.states.signed', 'TXT', lab.signed.upstream.without_signatures)
    lab.signed.set('failing.states.signed', 'TXT', '"x"')
    lab.signed.upstream.lie('failing.states.signed', 'TXT', crooked.servfail)
    wanted = {('states.signed', 'MX'): r'\(secure\)', ('_25._tcp.mx.states.signed', 'TLSA'): r'\(secure\)',
              ('states.example', 'MX'): r'\(insecure\)', ('none.states.signed', 'A'): r'not found.*\(secure\)',
              ('states.signed', 'A'): r'has no address \(secure\)', ('none.example', 'A'): r'not found.*\(insecure\)',
              ('late.states.signed', 'TLSA'): 'SERVFAIL|BOGUS', ('stripped.states.signed', 'TXT'): 'SERVFAIL|BOGUS',
              ('failing.states.signed', 'TXT'): 'SERVFAIL|BOGUS'}
    for (name, kind), pattern in wanted.items():
        seen = forwarded(name, kind, lab)
        stage.tell('dns', seen)
        expect_match(f'{name} {kind}', pattern, seen)
        expect(f'AD of {name} {kind}', pattern.endswith(r'\(secure\)') and 'not found' not in pattern,
               lab.signed.secure(name, kind))
    lab.signed.upstream.be_honest()
    wait_for('all is well again', lambda: lab.signed.secure('stripped.states.signed', 'TXT'))


def only_dane(lab, stage, relay):
    """A signed domain whose host shows its own self-made certificate, and one whose host shows another certificate."""
    lab.use_signed(relay)
    stage = stage.at(relay)
    relay.attach(milter=False, tls_map=False)
    relay.set(smtp_tls_security_level='dane-only')
    try:
        good, bad = (lab.domain(f'{name}-{relay.name.partition(".")[0]}', tld='signed', policy=False)
                     for name in ('matches', 'differs'))
        good.mx.become(hop.SELF_SIGNED)
        lab.signed.publish_tlsa(good.mx, hop.SELF_SIGNED)
        lab.signed.publish_tlsa(bad.mx, hop.REISSUED)
        stage.encrypted(stage.send(good), good.mx)
        stage.verified(good.mx)
        stage.deferred(stage.send(bad), 'Server certificate not (verified|trusted)')
        stage.nothing_at(bad.mx)
        lab.signed.publish_tlsa(bad.mx, tlsa(lab.authority.file, 2, 1, 1))
        bad.mx.become(hop.WITH_CA)
        def arrived():
            relay.flush()
            return bad.mx.arrivals
        wait_for('the message that waited', arrived, 20, pause=1)
        stage.verified(bad.mx)
    finally:
        relay.set(smtp_tls_security_level='may')
        relay.resolve(net.DNS)


@check
def dane_only(lab, stage):
    """Without stsgate Postfix at dane-only delivers if TLSA records match, and defers if none matches."""
    only_dane(lab, stage, lab.relay)


@check
def dane_only_next(lab, stage):
    """The same with Debian's next Postfix."""
    relay = lab.consumers['postfix-next']
    relay.start()
    only_dane(lab, stage, relay)
