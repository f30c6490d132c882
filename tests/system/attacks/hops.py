"""What an attacker, or a broken host, does on port 25."""

import re

from lab import evil, hop, relay
from lab.story import expect, expect_match

from . import attack
from .siege import Siege, play


def conduct(lab, name, how, reason, **more):
    """An attack in which the only MX host of a domain misbehaves."""
    more.setdefault('about', r'mx\.\S+ .*')
    return Siege(lab.domain(name), lambda domain: domain.mx.become(how),
                 lambda domain: domain.mx.become(hop.HONEST), reason,
                 later=lab.domain(f'{name}-later'), **more)


NOT_VERIFIED = 'Server certificate not (verified|trusted)'


@attack
def hop_without_starttls(lab, stage):
    """STARTTLS is stripped from an MX host's EHLO reply, or refused when requested."""
    play(lab, stage,
         conduct(lab, 'strips', hop.STRIPPED, 'starttls-not-supported',
                 about=r'mx\.strips\.example offers no STARTTLS',
                 queued='TLS is required, but was not offered'),
         conduct(lab, 'refuses', evil.REFUSED_454, 'starttls-refused',
                 about=r'mx\.refuses\.example offers STARTTLS but refuses it',
                 queued='TLS is required, but host .* refused to start TLS: 454'))


@attack
def hop_refuses_starttls_for_good(lab, stage):
    """STARTTLS is refused with 502: Postfix would bounce its mail, but README's status filter prevents that."""
    play(lab, stage, conduct(lab, 'refuses-ever', evil.REFUSED_502, 'starttls-refused',
                             queued='TLS is required, but host .* refused to start TLS: 502'))
    domain = lab.domain('bounces')
    attempt = stage.send(domain, hold=True)
    domain.mx.become(evil.REFUSED_502)
    lab.relay.set(smtp_delivery_status_filter='')
    try:
        stage.release(attempt)
        stage.tell('relay', lab.relay.wait_fate(attempt.queue_id, 'bounced'))
        stage.nothing_at(domain.mx)
    finally:
        lab.relay.set(smtp_delivery_status_filter=relay.STATUS_FILTER)


@attack
def hop_with_injected_replies(lab, stage):
    """Plain text follows the reply to STARTTLS: refused at RCPT; at delivery Postfix drops the text."""
    play(lab, stage, conduct(lab, 'injects', evil.INJECTED, 'starttls-injection'))


@attack
def hop_with_bad_certificate(lab, stage):
    """Bad certificates: self-signed, unknown authority, expired, not yet valid, wrong names."""
    kinds = {hop.SELF_SIGNED: 'certificate-not-trusted', hop.UNTRUSTED: 'certificate-not-trusted',
             hop.EXPIRED: 'certificate-expired', hop.NOT_YET_VALID: 'certificate-not-yet-valid',
             hop.WRONG_NAME: 'certificate-host-mismatch',
             hop.WILDCARD_DEEP: 'certificate-host-mismatch',
             hop.WILDCARD_PARTIAL: 'certificate-host-mismatch'}
    play(lab, stage, *(conduct(lab, f'shows.{how}', how, reason, queued=NOT_VERIFIED)
                       for how, reason in kinds.items()))


@attack
def hop_named_by_common_name_only(lab, stage):
    """A certificate has its name as common name only: Postfix accepts that, so with the map it holds no mail."""
    mark = lab.gate.log.size()
    play(lab, stage, conduct(lab, 'shows.cn-only', hop.CN_ONLY, 'certificate-host-mismatch', left='ok'))
    event = re.compile(r'event=hop-below-standard domain=shows\.cn-only\.example .*certificate-host-mismatch')
    expect('the event of it', event.pattern, '', bool(lab.gate.log.find(event, mark)))


@attack
def hop_with_bad_handshake(lab, stage):
    """Bad handshakes: cut, old versions, NULL, anonymous and export ciphers, keys of 512 bits."""
    kinds = {evil.CUT: 'validation-failure', hop.OLD_TLS: 'tls-too-old',
             hop.NO_CIPHER: 'validation-failure', hop.ANONYMOUS: 'validation-failure',
             evil.EXPORT: 'validation-failure'}
    play(lab, stage, *(conduct(lab, how, how, reason, queued='Cannot start TLS: handshake failure')
                       for how, reason in kinds.items()),
         conduct(lab, hop.WEAK_KEY, hop.WEAK_KEY, 'certificate-key-too-weak', queued=NOT_VERIFIED))


@attack
def hop_that_does_not_get_on(lab, stage):
    """The handshake gets no answer, or EHLO a line a minute: inconclusive, so left to the map."""
    kinds = {evil.MUTE: 'Cannot start TLS: handshake failure', evil.LINE_A_MINUTE: 'timed out'}
    play(lab, stage, *(conduct(lab, how, how, 'hop-timeout', verdict='defer', left='hop-timeout',
                               refresh=True, queued=queued) for how, queued in kinds.items()))


@attack
def hop_that_floods(lab, stage):
    """The reply to EHLO is a megabyte, in lines or as one line: the probe never reaches the STARTTLS after it."""
    not_offered = 'TLS is required, but was not offered'
    # newer Postfix disconnects after a line of more than 2048 octets, older versions read on
    kinds = {evil.EHLO_LINES: not_offered, evil.EHLO_LINE: f'{not_offered}|while performing the EHLO handshake'}
    play(lab, stage, *(conduct(lab, how, how, 'hop-protocol-error', verdict='defer', refresh=True,
                               left='hop-protocol-error', queued=queued) for how, queued in kinds.items()))


@attack
def hop_added_by_forgery(lab, stage):
    """An evil host is added after the real MX, which is blocked, or takes over the real one's name."""
    adder, mover = lab.new_hop('mx.evil-below.example'), lab.new_hop('mx.evil-place.example')

    def add(domain):
        domain.set_mx(domain.mx, adder)
        domain.mx.become(hop.DOWN)

    def take_away(domain):
        domain.set_mx(domain.mx)
        domain.mx.become(hop.HONEST)

    play(lab, stage,
         Siege(lab.domain('below'), add, take_away, 'mx-not-in-policy', later=lab.domain('below-later'),
               about=r'mx\.evil-below\.example .*', left='hop-unreachable', queued=NOT_VERIFIED,
               evil=(adder,), refresh=True),
         Siege(lab.domain('place'), lambda domain: lab.dns.set(domain.mx.name, 'A', mover.address),
               lambda domain: lab.dns.set(domain.mx.name, 'A', domain.mx.address),
               'certificate-host-mismatch', later=lab.domain('place-later'), queued=NOT_VERIFIED,
               about=r'mx\.place\.example .*', evil=(mover,)))


def crowd(lab, pattern, count, address):
    """Names of MX hosts, all with one address."""
    names = [pattern.format(number) for number in range(count)]
    lab.dns.add_crowd(names, 'A', address)
    return names


def crowded(lab, domain, names):
    """Publishes an MX set with the domain's own host first, and all these names after it."""
    lab.dns.set(domain.ascii, 'MX', f'10 {domain.mx.name}.', *(f'20 {name}.' for name in names))


def domain_with_pool(lab, name):
    """A domain whose policy lists its MX host and every name below pool."""
    domain = lab.domain(name, policy=False)
    domain.publish_policy(mx=[domain.mx.name, f'*.pool.{domain.ascii}'])
    domain.publish_record()
    return domain


@attack
def two_hundred_hops_forged(lab, stage):
    """Two hundred MX hosts, evil ones and others that the policy allows; the real one is blocked."""
    evil_one, bystander = lab.new_hop('mx.evil-crowd.example'), lab.new_hop('mx.bystander.example')
    evil_names = crowd(lab, 'e{}.evil-crowd.example', 100, evil_one.address)

    def surround(domain):
        allowed = crowd(lab, f'b{{}}.pool.{domain.ascii}', 99, bystander.address)
        crowded(lab, domain, evil_names + allowed)
        domain.mx.become(hop.DOWN)

    def clear(domain):
        domain.set_mx(domain.mx)
        domain.mx.become(hop.HONEST)

    play(lab, stage,
         Siege(domain_with_pool(lab, 'many'), surround, clear, 'mx-not-in-policy',
               about=r'e\d+\.evil-crowd\.example .*', later=domain_with_pool(lab, 'many-later'),
               left='hop-unreachable', queued=NOT_VERIFIED, evil=(evil_one, bystander), refresh=True))


@attack
def two_hundred_hops_probed(lab, stage):
    """Two hundred good MX hosts at two addresses: each address is probed once, and mail is delivered encrypted."""
    lab.open_side_doors()
    domain = domain_with_pool(lab, 'pool')
    pool = lab.new_hop(f'*.pool.{domain.ascii}')
    crowded(lab, domain, crowd(lab, f'h{{}}.pool.{domain.ascii}', 199, pool.address))
    attempt = stage.send(domain, port=relay.PORT_ALONE, hold=True)
    stage.accepted(attempt)
    seen = [line for line in lab.side_gates['alone'].log.lines() if domain.ascii in line]
    stage.tell('log', seen[-1])
    expect_match('the log line of the gate `alone`', 'verdict=pass reason=ok', seen[-1])
    # The certificate of the other hosts covers all their names, and they share an address.
    expect('probes of the best and of the others', (1, 1), (domain.mx.connections, pool.connections))
    stage.release(attempt)
    lab.relay.wait_fate(attempt.queue_id, 'sent')
    # Postfix uses any hundred hosts of the answer, so the best may not be among them.
    arrivals = domain.mx.arrivals + pool.arrivals
    expect('how the message came', [True], [bool(arrival.protocol) for arrival in arrivals])
    expect('connections with the message', 3, domain.mx.connections + pool.connections)
