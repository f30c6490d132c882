"""Exim with the files of packaging/examples: the map decides when the mail is routed. There is no milter."""

import os
import shutil
import socketserver
import threading

from lab import evil, hop
from lab.gate import USER
from lab.story import expect, expect_match

from .everywhere import each, goes_out, override

EXIMS = 'exim', 'exim-next'
ATTACKS = {'stripped': hop.STRIPPED, 'refused': evil.REFUSED_502, 'wrong-name': hop.WRONG_NAME,
           'untrusted': hop.UNTRUSTED, 'expired': hop.EXPIRED}
LOST = 'a TLS session is required'


def came_verified(lab, stage, attempt, *domains):
    """Over TLS, after Exim has checked the certificate."""
    for domain in domains:
        stage.relay.wait_fate(attempt.queue_id, 'sent', domain.address())
        arrival = lab.wait_arrival(domain.mx)
        stage.tell('arrived', arrival)
        expect(f'how the message came to {domain.mx.name}', 'over TLS', arrival.protocol, arrival.protocol is not None)
        stage.verified(domain.mx)


def waits(stage, attempt, domain, pattern, since=0):
    """The message waits for this reason, and nothing of it has left."""
    line = stage.relay.wait_fate(attempt.queue_id, 'deferred', domain.address(), since)
    stage.tell('queued', stage.relay.what(line))
    expect_match(f'why mail for {domain.name} waits', pattern, line)
    stage.nothing_at(*domain.hops.values())


def came_unencrypted(lab, stage, attempt, domain):
    """As the MTA's own default allows."""
    stage.relay.wait_fate(attempt.queue_id, 'sent', domain.address())
    arrival = lab.wait_arrival(domain.mx)
    stage.tell('arrived', arrival)
    expect(f'how the message came to {domain.name}', None, arrival.protocol)


@each(*EXIMS)
def bound(lab, stage, name):
    """Honest mail is delivered over verified TLS; attacked mail of the same message waits, and goes out afterwards."""
    good, plain = lab.domain(f'{name}-good'), lab.domain(f'{name}-plain', policy=False, conduct=hop.STRIPPED)
    idn, trial = lab.domain(f'{name}-gr\u00fcn'), lab.domain(f'{name}-trial', mode='testing', conduct=hop.STRIPPED)
    attacked = [(lab.domain(f'{name}-{how}', conduct=conduct), how) for how, conduct in ATTACKS.items()]
    attempt = stage.send(f'User@{good.name.upper()}', good.address('other'), plain, trial, idn,
                         *(domain for domain, _ in attacked))
    for domain in (plain, trial):
        came_unencrypted(lab, stage, attempt, domain)
    came_verified(lab, stage, attempt, good, idn)
    for domain, how in attacked:
        wanted = LOST if how in ('stripped', 'refused') else stage.relay.NOT_VERIFIED
        waits(stage, attempt, domain, f'T=stsgate_smtp .*{wanted}')
        domain.mx.become(hop.HONEST)
    goes_out(stage, [(domain, attempt) for domain, _ in attacked])


@each(*EXIMS)
def hosts_of_the_policy(lab, stage, name):
    """Only MX hosts that the policy names get mail, whatever their preference; if there is none, the mail waits."""
    stranger = lab.new_hop(f'mx.evil-{name}.example')
    added, star, many, forged, null, gone, own = (
        lab.domain(f'{name}-{how}') for how in ('added', 'star', 'many', 'forged', 'null', 'gone', 'own'))
    for domain in (forged, null, gone, own):
        stage.learn(domain)
    lab.dns.set(null.ascii, 'MX', '0 .')
    lab.dns.remove(gone.ascii)
    lab.dns.set(own.ascii, 'MX', f'0 {stage.relay.name}.')
    added.set_mx(stranger, added.mx)
    forged.set_mx(stranger)
    deep = lab.new_hop(f'a.b.{star.ascii}')
    star.publish_policy(mx=[f'*.{star.ascii}'])
    star.set_mx(deep, star.mx)
    # an answer of some 50,000 octets
    many.publish_policy(mx=[*(f'mx-{number}.{many.ascii}' for number in range(1700)), many.mx.name])
    attempt = stage.send(added, star, many, forged, null, gone, own)
    came_verified(lab, stage, attempt, added, star, many)
    for domain in (forged, null, gone, own):
        waits(stage, attempt, domain, f'R=stsgate_no_host .*{stage.relay.NOT_NAMED}')
    stage.nothing_at(stranger, deep)
    stage.tell('relay', f'a domain without a policy that really has {stranger.name}')
    other = lab.domain(f'{name}-other', policy=False)
    other.set_mx(stranger)
    stage.relay.wait_fate(stage.send(other).queue_id, 'sent')
    for domain in (forged, null, gone, own):
        domain.set_mx(domain.mx)
    goes_out(stage, [(domain, attempt) for domain in (forged, null, gone, own)])


@each(*EXIMS)
def alias_of_a_host(lab, stage, name):
    """A mail host's name that is an alias is the name that the policy and the certificate must have."""
    stranger = lab.new_hop(f'mx.evil-alias-{name}.example')
    honest, forged = lab.domain(f'{name}-alias'), lab.domain(f'{name}-alias-forged')
    for domain, target in ((honest, honest.mx), (forged, stranger)):
        domain.publish_policy(mx=[f'www.{domain.ascii}'])
        lab.dns.set(domain.ascii, 'MX', f'10 www.{domain.ascii}.')
        lab.dns.set(f'www.{domain.ascii}', 'CNAME', f'{target.name}.')
    honest.mx.become(hop.WILDCARD)
    attempt = stage.send(honest, forged)
    waits(stage, attempt, forged, stage.relay.NOT_VERIFIED)
    stage.nothing_at(stranger)
    stage.relay.wait_fate(attempt.queue_id, 'sent', honest.address())
    expect('arrivals in the clear', [], [one for one in honest.mx.arrivals if not one.protocol])


@each(*EXIMS)
def map_out_of_reach(lab, stage, name):
    """Without stsgated, or while it cannot answer, no mail leaves for other sites; the log says why."""
    kept, plain = lab.domain(f'{name}-kept'), lab.domain(f'{name}-kept-plain', policy=False)
    lab.gate.kill()
    attempt = stage.send(kept, plain)
    for domain in (kept, plain):
        waits(stage, attempt, domain, f'R=stsgate_ask defer .*{stage.relay.NO_MAP}')
    lab.gate.restart(lookup_timeout='0')
    since = stage.relay.log.size()
    stage.relay.retry(attempt.queue_id)
    waits(stage, attempt, kept, 'stsgate: TEMP first-contact, see stsgate why', since)
    goes_out(stage, [(kept, attempt)])
    stage.verified(kept.mx)


class Answer(socketserver.StreamRequestHandler):
    """Answers a question with the bytes that its server has for the domain."""

    def handle(self):
        question = self.rfile.read().decode()
        self.wfile.write(self.server.answers[question.rpartition(' ')[2].rstrip(',')])


def netstring(text):
    return f'{len(text)}:{text},'.encode()


PORT = 8499
VERIFY = netstring('OK verify match=hostname servername=hostname')
# What no map of stsgated answers, or only a part of what it answers.
UNKNOWN = {'level': netstring('OK encrypt'), 'names': netstring('OK secure match= servername=hostname'),
           'word': netstring('PERM no'), 'plain': b'NOTFOUND \n', 'cut': netstring('NOTFOUND ')[:-1],
           'short': netstring('OK dane-only')[:9], 'empty': b''}


@each(*EXIMS)
def any_answer(lab, stage, name):
    """With `verify` a valid certificate for the mail host is enough; any unknown or cut answer holds the mail."""
    good = lab.domain(f'{name}-verify', policy=False)
    bad = lab.domain(f'{name}-verify-bad', policy=False, conduct=hop.WRONG_NAME)
    odd = {lab.domain(f'{name}-{how}', policy=False): answer for how, answer in UNKNOWN.items()}
    stage.relay.set(STSGATE_MAP=f'inet:127.0.0.1:{PORT}')
    with socketserver.ThreadingTCPServer(('127.0.0.1', PORT), Answer) as server:
        server.answers = {domain.ascii: answer for domain, answer in {good: VERIFY, bad: VERIFY, **odd}.items()}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            attempt = stage.send(good, bad, *odd)
            came_verified(lab, stage, attempt, good)
            waits(stage, attempt, bad, stage.relay.NOT_VERIFIED)
            for domain in odd:
                waits(stage, attempt, domain, 'R=stsgate_ask defer .*: stsgate: ')
        finally:
            server.shutdown()
            stage.relay.set()


@each(*EXIMS)
def default_level(lab, stage, name):
    """default_level = verify: also a domain without a policy gets mail over verified TLS only."""
    lab.gate.restart(default_level='verify')
    good, clear, own = (lab.domain(f'{name}-all-{how}', policy=False, conduct=how)
                        for how in (hop.HONEST, hop.STRIPPED, hop.UNTRUSTED))
    attempt = stage.send(good, clear, own)
    came_verified(lab, stage, attempt, good)
    waits(stage, attempt, clear, stage.relay.NOT_OFFERED)
    waits(stage, attempt, own, stage.relay.NOT_VERIFIED)


@each(*EXIMS)
def wishes(lab, stage, name):
    """Exim knows neither REQUIRETLS nor `TLS-Required: No` (RFC 8689): it refuses the first, and ignores the second."""
    domain = lab.domain(f'{name}-waives', conduct=hop.STRIPPED)
    refused = stage.send(domain, requiretls=True)
    stage.tell('answer', refused.lines[1])
    expect_match('the reply to MAIL', '^S: 501 .*REQUIRETLS', refused.lines[1])
    attempt = stage.send(domain, headers=['TLS-Required: No'])
    waits(stage, attempt, domain, stage.relay.NOT_OFFERED)


@each(*EXIMS)
def released(lab, stage, name):
    """An override releases mail that waits, on record; the map's UNIX socket needs no socket_owner."""
    domain = lab.domain(f'{name}-released', conduct=hop.STRIPPED)
    place = stage.relay.path('/run/stsgate')
    os.makedirs(place, exist_ok=True)
    shutil.chown(place, USER, USER)
    lab.gate.restart(socketmap_socket=f'unix:{place}/map')
    stage.relay.set(STSGATE_MAP='/run/stsgate/map')
    try:
        attempt = stage.send(domain)
        waits(stage, attempt, domain, LOST)
        override(stage, 'set', domain.ascii, 'pass', '--for', '1h', '--reason', 'agreed on the phone')
        stage.relay.retry(attempt.queue_id)
        came_unencrypted(lab, stage, attempt, domain)
    finally:
        lab.gate.tool('override', 'clear', domain.ascii)
        stage.relay.set()
