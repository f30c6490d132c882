"""What an attacker, or a careless owner, does with MX answers and names."""

from lab import crooked, hop, net
from lab.policyhost import policy_text
from lab.story import expect, expect_match

from scenes import accepted_at_last

from . import attack
from .discovery import MX_AGE_S, STRIPPED, flush_until_arrived, logged, mend, pass_time, set_clocks, strip, tagged
from .siege import PORTS, Siege, play

UNVERIFIED = 'Server certificate not verified'
NO_TLS = 'TLS is required, but was not offered'


def later(lab):
    """The gates' stored MX answers are old enough to be looked up again."""
    set_clocks(lab, MX_AGE_S)


@attack
def mx_answer_forged(lab, stage):
    """MX answers forged: another host with a good certificate; or no MX, and the domain's address is the attacker's."""
    lab.restart_gates(own_clock=True)
    evil = lab.new_hop('mx.evil-answerer.example')
    named, empty = lab.domain('answered'), lab.domain('emptied')
    itself = lab.new_hop(empty.ascii)
    lab.dns.remove(empty.ascii)
    empty.set_mx(empty.mx)

    def real_mx(domain):
        domain.set_mx(domain.mx)
        later(lab)

    def emptied(domain):
        domain.set_mx()
        lab.dns.set(domain.ascii, 'A', itself.address)

    play(lab, stage,
         Siege(named, lambda domain: domain.set_mx(evil), real_mx, 'mx-not-in-policy',
               about=rf'{evil.name} .*', queued=UNVERIFIED, evil=(evil,), later=lab.domain('answered-later')),
         Siege(empty, emptied, real_mx, 'mx-not-in-policy', about=rf'{empty.ascii} .*', queued=UNVERIFIED,
               evil=(itself,)))


@attack
def mx_answer_withheld(lab, stage):
    """MX answers blocked for the gate: with the map mail is delivered encrypted, without it mail waits."""
    # libunbound gives up on a silent server after a little more than three seconds
    lab.restart_gates(dns_servers=net.DNS_CROOKED, own_clock=True, milter_wait='2s')

    def siege(name, lie, reason, **more):
        def relieved(domain):
            lab.crooked_dns.be_honest(domain.ascii, 'MX')
            later(lab)
        return Siege(lab.domain(name), lambda domain: lab.crooked_dns.lie(domain.ascii, 'MX', lie),
                     relieved, reason, 'defer', **more)
    play(lab, stage,
         siege('mx-servfail', crooked.servfail, 'mx-lookup-failed', left='mx-lookup-failed'),
         siege('mx-silent', crooked.silent, 'not-yet-checked', left='not-yet-checked'),
         siege('mx-nxdomain', crooked.nxdomain, 'no-such-domain'))


@attack
def null_mx_forged(lab, stage):
    """A forged, unsigned null MX is not believed under an enforce policy: mail waits, and none is bounced."""
    domain = lab.domain('nulled', conduct=hop.STRIPPED)
    stage.learn(domain)
    lab.dns.set(domain.ascii, 'MX', '0 .')
    stage.refused(stage.send(domain), domain, 'null-mx', r'the domain accepts no mail \(null MX\)')
    expect_match('what the gate knows', 'null-mx', lab.gate.tool('query', domain.ascii)[1])
    stage.nothing_at(domain.mx)


# The content of an MX record, and whether the policy allows it.  {evil} is the address of an evil host, {domain} the
# domain under attack.
ODD_MX = {
    'literal': '{evil}.',
    'single': 'mx.',
    'underscore': 'm_x.{domain}.',
    'deeper': 'mx.mx.{domain}.',
    'utf8': r'm\195\188x.{domain}.',
    'dotted': r'mx\.{domain}.',
    'wildcard': '*.{domain}.',
    'nul': r'mx.{domain}\000.',
}


@attack
def odd_mx_names(lab, stage):
    """MX names that are IP literals, single labels, or not host names: the policy never allows them."""
    lab.gate.restart(dns_servers=net.DNS_CROOKED)
    evil = lab.new_hop('mx')
    for name, form in ODD_MX.items():
        domain = lab.domain(f'odd-{name}')
        stage.learn(domain)
        record = f'10 {form.format(evil=evil.address, domain=domain.ascii)}'
        stage.tell('attack', f'{domain.name} MX {record}')
        lab.crooked_dns.lie(domain.ascii, 'MX', lambda question, record=record: crooked.reply(question, record))
        stage.refused(stage.send(domain), domain, 'mx-not-in-policy')
        lab.crooked_dns.be_honest()
        stage.nothing_at(evil, domain.mx)


@attack
def mx_names_in_other_forms(lab, stage):
    """An MX name in upper case, with or without final dot, and one with an Umlaut match the policy."""
    upper = lab.domain('uppermx')
    lab.dns.set(upper.ascii, 'MX', f'10 {upper.mx.name.upper()}.')
    umlaut = lab.domain('mäx')
    umlaut.publish_policy(mx=[umlaut.mx.name.upper()])
    for domain in (upper, umlaut):
        stage.encrypted(stage.send(domain), domain.mx)
        strip(domain)
        lab.gate.restart(fresh=True)
        stage.refused(stage.send(domain), domain, STRIPPED)


# --- CNAME loops

def circle(lab, name):
    """Two names that are aliases of each other."""
    other = f'loop.{name}'
    lab.dns.remove(name)
    lab.dns.set(name, 'CNAME', f'{other}.')
    lab.dns.set(other, 'CNAME', f'{name}.')


@attack
def cname_loops(lab, stage):
    """CNAME loops at the record and at the policy host: the stored policy applies."""
    lab.restart_gates(own_clock=True)

    def record(domain):
        circle(lab, f'_mta-sts.{domain.ascii}')
        strip(domain)

    def record_back(domain):
        domain.hide_record()
        domain.publish_record()
        mend(domain)

    def policy_host(domain):
        circle(lab, f'mta-sts.{domain.ascii}')
        domain.publish_record('"v=STSv1; id=2;"')
        strip(domain)

    def policy_host_back(domain):
        lab.dns.remove(f'mta-sts.{domain.ascii}')
        lab.dns.set(f'mta-sts.{domain.ascii}', 'A', domain.policy_address)
        mend(domain)
    looped = lab.domain('looped-host')
    sieges = [Siege(lab.domain('looped-txt'), record, record_back, STRIPPED, queued=NO_TLS),
              Siege(looped, policy_host, policy_host_back, STRIPPED, queued=NO_TLS)]
    pass_time(lab, sieges)
    play(lab, stage, *sieges)
    logged(lab, stage, looped, 'the stored policy stays in force.*reason=sts-policy-fetch-error')


@attack
def cname_loops_of_mail_hosts(lab, stage):
    """CNAME loops at the domain's MX and at the MX host: Postfix bounces, nothing leaks; without map: 451."""
    at_domain, at_host = lab.domain('looped-mx'), lab.domain('looped-mxhost')
    for domain in (at_domain, at_host):
        stage.learn(domain)
    circle(lab, at_domain.ascii)
    circle(lab, at_host.mx.name)
    lab.open_side_doors()
    for domain, reason in ((at_domain, 'mx-lookup-failed'), (at_host, 'hop-address-lookup-failed')):
        attempt = stage.send(domain)
        stage.explain(domain, f'policy=enforce .*verdict=pass reason={reason}')
        stage.accepted(attempt)
        bounced = lab.relay.wait_fate(attempt.queue_id, 'bounced')
        stage.tell('relay', bounced)
        expect_match('why', 'Name server loop', bounced)
        alone = lab.relay.send([domain.address()], port=PORTS['alone'])
        stage.refused(alone, domain, reason)
        stage.nothing_at(domain.mx)


@attack
def cname_loops_at_first_contact(lab, stage):
    """The same loops without a stored policy: mail passes, and the log has the reason."""
    lab.gate.restart(milter_tag='all')
    for part, reason in (('_mta-sts', 'record-lookup-failed'), ('mta-sts', 'sts-policy-fetch-error')):
        domain = lab.domain(f'looped-new-{part.strip("_")}{len(part)}', conduct=hop.STRIPPED)
        circle(lab, f'{part}.{domain.ascii}')
        stage.accepted(stage.send(domain))
        flush_until_arrived(lab, domain.mx)
        tagged(domain, reason)


# --- long names

def long_name(length, end='.example'):
    """A name of this many octets, with labels as long as allowed."""
    rest = length - len(end)
    labels = []
    while rest > 0:
        size = min(63, rest) if rest != 65 else 62
        labels.append(chr(ord('a') + len(labels)) * size)
        rest -= size + 1
    name = '.'.join(labels) + end
    assert len(name) == length
    return name


@attack
def longest_names(lab, stage):
    """A domain of 244 octets with an MX host of 253 is protected; 253 leave no room for _mta-sts: mail passes."""
    protected = lab.domain(long_name(244).removesuffix('.example'), mx=long_name(253, '.mx.example'), policy=False)
    server = lab.new_policy_server(protected, policy_text('enforce', [protected.mx.name]))
    server.become('honest')
    lab.dns.set(server.host, 'A', server.address)
    protected.publish_record()
    strip(protected)
    stage.refused(stage.send(protected), protected, STRIPPED)
    stage.nothing_at(protected.mx)
    mend(protected)
    stage.encrypted(accepted_at_last(lab, stage, protected), protected.mx)
    for length in (245, 253):
        bare = lab.domain(long_name(length).removesuffix('.example'), mx=f'mx{length}.example', policy=False,
                          conduct=hop.STRIPPED)
        stage.accepted(stage.send(bare))
        flush_until_arrived(lab, bare.mx)
        expect(f'map answer to {length} octets', None, lab.relay.map_answer(bare.ascii))


# --- private networks

@attack
def private_hop(lab, stage):
    """An MX host in a private network, with probe_private = no: never probed; the map still binds delivery."""
    lab.restart_gates(probe_private='no')
    stripped = lab.domain('private-bad', conduct=hop.STRIPPED)
    attempt = stage.send(stripped, hold=True)
    stage.accepted(attempt)
    stage.explain(stripped, 'verdict=pass reason=hop-address-not-global')
    expect('connections of a probe', 0, stripped.mx.connections)
    since = stage.release(attempt)
    stage.deferred(attempt, NO_TLS, since)
    stage.nothing_at(stripped.mx)
    play(lab, stage, Siege(lab.domain('private'), lambda _: None, lambda _: lab.restart_gates(),
                           'hop-address-not-global', 'defer', left='hop-address-not-global', refresh=True))
