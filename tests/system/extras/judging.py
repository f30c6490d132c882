"""What the gate judges, and how."""

import re

from lab import ca, evil, hop
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import milter_only, tags, test


@test
def milter_only_evil_mx(lab, stage):
    """Milter only: one evil MX among good ones defers the domain's mail; mail for the honest domain passes."""
    milter_only(lab)
    good, domain = lab.domain('alone'), lab.domain('lone-evil')
    evil = lab.new_hop('mx.evil-third.example')
    domain.set_mx(domain.mx, evil)
    stage.refused(stage.send(domain), domain, 'mx-not-in-policy', f'{evil.name} .*')
    stage.nothing_at(domain.mx, evil)
    stage.encrypted(stage.send(good), good.mx)


@test
def milter_only_leaves_delivery_open(lab, stage):
    """Milter only: the cells PLAIN TEXT of the threat model are true; with the map the same mail waits."""
    milter_only(lab)
    cases = {lab.domain('lone-later'): hop.STRIPPED, lab.domain('lone-502'): evil.REFUSED_502}
    queued = [(domain, stage.send(domain, hold=True)) for domain in cases]
    aliased = lab.domain('lone-aliased', conduct=hop.STRIPPED)
    for domain, conduct in cases.items():
        domain.mx.become(conduct)
    for domain, attempt in queued:
        stage.accepted(attempt)
        stage.release(attempt)
    lab.relay.set(virtual_alias_maps=f'inline:{{ someone@alias.example={aliased.address()} }}',
                  virtual_alias_domains='alias.example')
    try:
        stage.accepted(stage.send('someone@alias.example'))
        for domain in (*cases, aliased):
            expect(f'how the message came to {domain.mx.name}', None, lab.wait_arrival(domain.mx).protocol)
        stage.learn(aliased)
        lab.relay.attach()
        bound = stage.send('someone@alias.example')
        stage.accepted(bound)
        stage.deferred(bound, 'TLS is required, but was not offered')
    finally:
        lab.relay.set(virtual_alias_maps='', virtual_alias_domains='')


@test
def milter_only_unreachable(lab, stage):
    """Milter only: a hop that cannot be probed makes the recipient wait."""
    milter_only(lab)
    domain = lab.domain('lone-down', conduct=hop.DOWN)
    stage.refused(stage.send(domain), domain, 'hop-unreachable|not-yet-checked')


@test
def unreachable_is_left_to_the_mta(lab, stage):
    """With the map: mail for an unreachable hop is accepted, and delivered when the hop is back."""
    domain = lab.domain('down', conduct=hop.DOWN)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.deferred(attempt, 'Connection refused')
    domain.mx.become(hop.HONEST)
    stage.flush()
    expect('tags', [], tags(stage.encrypted(attempt, domain.mx)))


@test
def certificate_untrusted(lab, stage):
    """A certificate that no trusted authority has signed."""
    domain = lab.domain('untrusted', conduct=hop.UNTRUSTED)
    stage.refused(stage.send(domain), domain, 'certificate-not-trusted')
    stage.nothing_at(domain.mx)


@test
def certificate_revoked(lab, stage):
    """Revoked certificates of a mail host and a policy host: reported at first, then enforced; a new certificate is good."""
    lab.dns.set(ca.CRL_HOST, 'A', lab.new_address())
    good, domain = (lab.domain(name, conduct=hop.REVOCABLE) for name in ('kept', 'revoked'))
    fetched = lab.domain('fetched', policy=False)
    lab.authority.revoke(domain.mx.certificates.file(hop.REVOCABLE))
    lab.authority.revoke(lab.policy_hosts.name_list(fetched.ascii))
    lab.policy_hosts.publish_list()
    fetched.publish_policy()
    fetched.publish_record()
    lab.gate.restart(revocation='report')
    mark = lab.gate.log.size()
    event = re.compile(rf'event=certificate-revoked .*mx={domain.mx.name} .*{ca.CRL_HOST}')
    attempt = stage.send(good, domain, fetched)
    for one in (good, domain, fetched):
        stage.encrypted(attempt, one.mx)
    stage.tell('log', wait_for('the event', lambda: lab.gate.log.find(event, mark), 10)[0])
    stage.encrypted(stage.send(domain), domain.mx, 2)
    lab.gate.restart(revocation='enforce')
    wait_for('a refusal', lambda: not stage.send(domain).queue_id, 10)
    stage.refused(stage.send(domain), domain, 'certificate-revoked', f'{domain.mx.name} .*')
    stage.why(domain.name, 'certificate-revoked')
    expect_match('query', r'revocation: revoked at 20.*\n *list: http', stage.tool('query', domain.name, status=1))
    expect_match('query', 'revocation: good until 20', stage.tool('query', good.name))
    expect_match('query', 'sts-webpki-invalid.*\n.*revoked the certificate', stage.tool('query', fetched.name))
    stage.encrypted(stage.send(good), good.mx, 2)
    expect('events about others', [], [line for line in lab.gate.log.find(re.compile('event=certificate-revoked'), mark)
                                       if good.mx.name in line])
    domain.mx.become(hop.REISSUED)
    stage.tool('refresh', domain.name)
    stage.accepted(stage.send(domain))


@test
def requiretls_offered(lab, stage):
    """query shows whether a host offers REQUIRETLS inside TLS. A host that never ends that reply is as good as without the question."""
    offers, lacks = lab.domain('requiretls-offered'), lab.domain('requiretls-absent')
    offers.mx.requiretls = True
    expect_match('query', r'satisfies the policy \[ok\](.*\n)+.*STARTTLS, TLSv.*, REQUIRETLS offered\n',
                 stage.tool('query', offers.name))
    expect_match('query', r'STARTTLS, TLSv.*, no REQUIRETLS\n', stage.tool('query', lacks.name))
    for conduct in (evil.MUTE_INSIDE, evil.FLOOD_INSIDE):
        domain = lab.domain(f'requiretls-{conduct}', conduct=conduct)
        told = stage.tool('query', domain.name)
        expect_match('query', r'satisfies the policy \[ok\]', told)
        expect('words about REQUIRETLS', [], [line for line in told.splitlines() if 'REQUIRETLS' in line])
        stage.accepted(stage.send(domain, hold=True))


@test
def tls_too_old(lab, stage):
    """A hop limited to TLS 1.1 is distinguished from a hop that breaks the handshake."""
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
    """A domain that accepts no mail and has no policy: nothing to enforce, the MTA itself reports it."""
    domain = lab.domain('nullmx', policy=False)
    lab.dns.set(domain.ascii, 'MX', '0 .')
    attempt = stage.send(domain)
    stage.accepted(attempt)
    stage.tell('relay', lab.relay.wait_fate(attempt.queue_id, 'bounced'))


@test
def umlaut_domain(lab, stage):
    """A next hop with an Umlaut, in upper or lower case, is judged by the policy of its A-label."""
    good, bad = lab.domain('grün'), lab.domain('böse', conduct=hop.STRIPPED)
    stage.refused(stage.send(bad), bad, 'starttls-not-supported')
    stage.encrypted(stage.send('user@GRÜN.example'), good.mx)
    stage.explain(good, 'verdict=pass')


@test
def next_hop_names(lab, stage):
    """A service name that only the MTA knows, and a domain that only UTS 46 accepts: the policy applies."""
    service, emoji = lab.domain('service', conduct=hop.STRIPPED), lab.domain('☃', conduct=hop.STRIPPED)
    stage.learn(service)
    lab.relay.set(known_tcp_ports='smtp=25, odd-mail=25',
                  transport_maps='inline:{ service.example=smtp:service.example:odd-mail }')
    try:
        stage.refused(stage.send(service), service, 'next-hop-unreadable')
        lab.relay.attach(milter=False)
        attempt = stage.send(service)
        stage.accepted(attempt)
        stage.deferred(attempt, 'TLS configuration problem')
        stage.nothing_at(service.mx)
    finally:
        lab.relay.attach()
        lab.relay.set(known_tcp_ports='smtp=25', transport_maps='')
    stage.refused(stage.send(emoji), emoji, 'starttls-not-supported')
    emoji.mx.become(hop.HONEST)
    lab.gate.restart(fresh=True)
    stage.encrypted(stage.send(emoji), emoji.mx)


@test
def address_literal(lab, stage):
    """A recipient at an address literal has no policy, and the mail is delivered."""
    domain = lab.domain('literal', conduct=hop.STRIPPED)
    attempt = stage.send(f'user@[{domain.mx.address}]')
    stage.accepted(attempt)
    lab.wait_arrival(domain.mx)


@test
def no_policy(lab, stage):
    """A domain without a policy: mail is delivered untagged, even in plain text."""
    domain = lab.domain('nopolicy', policy=False, conduct=hop.STRIPPED)
    stage.accepted(stage.send(domain))
    expect('tags', [], tags(lab.wait_arrival(domain.mx)))


@test
def policy_of_an_untrusted_host(lab, stage):
    """The policy of a policy host with an untrusted certificate does not count (RFC 8461 3.3)."""
    domain = lab.domain('weakhost', policy=False, conduct=hop.STRIPPED)
    body = 'version: STSv1\nmode: enforce\nmx: mx.weakhost.example\nmax_age: 86400\n'
    lab.policy_hosts.publish(domain.ascii, body, authority=lab.strangers)
    domain.publish_policy()
    domain.publish_record()
    stage.accepted(stage.send(domain))
    lab.wait_arrival(domain.mx)


@test
def mode_none(lab, stage):
    """A policy of mode none imposes nothing."""
    domain = lab.domain('modenone', mode='none', conduct=hop.STRIPPED)
    stage.accepted(stage.send(domain))
    expect('tags', [], tags(lab.wait_arrival(domain.mx)))
    expect('map', None, lab.relay.map_answer(domain.ascii))


@test
def delegated_record(lab, stage):
    """A record at the end of a CNAME counts (RFC 8461 3.1)."""
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
