"""Tests for every MTA."""

import functools
import gzip
import json
import re

from lab import hop
from lab.proc import wait_for
from lab.story import expect, expect_match
from lab.world import PLACE

from . import TESTS

BEFORE = {hop.STRIPPED: 'starttls-not-supported', hop.EXPIRED: 'certificate-expired',
          hop.WRONG_NAME: 'certificate-host-mismatch', hop.UNTRUSTED: 'certificate-not-trusted'}


def each(*names):
    """Makes one test for each of these consumers, with the consumer's name in front."""
    def make(function):
        for name in names:
            @functools.wraps(function)
            def one(lab, stage, name=name):
                function(lab, stage.at(lab.consumer(name)), name)
            one.__name__ = f'{name}_{function.__name__}'.replace('-', '_')
            one.__doc__ = f'{name}: {function.__doc__}'
            TESTS.append(one)
        return function
    return make


@each('postfix-next', 'postfix-newest', 'sendmail')
def honest(lab, stage, name):
    """Mail of an honest domain is delivered over verified TLS; the map has its policy and no others."""
    domain = lab.domain(f'{name}-honest')
    attempt = stage.send(domain)
    stage.encrypted(attempt, domain.mx)
    stage.explain(domain, 'verdict=pass')
    stage.verified(domain.mx)
    answer = stage.relay.map_answer(domain.ascii)
    stage.tell('map', answer)
    expect_match('the map', rf'^secure match={domain.mx.name} servername=hostname\b', answer)
    for other in (lab.domain(f'{name}-testing', mode='testing'), lab.domain(f'{name}-none', policy=False)):
        expect(f'the map on {other.name}', None, stage.relay.map_answer(other.ascii))


@each('postfix-next', 'postfix-newest', 'sendmail')
def attacked_at_rcpt(lab, stage, name):
    """STARTTLS stripped, bad certificates, an evil MX: that recipient is deferred, another one is not."""
    domains = {how: lab.domain(f'{name}-rcpt-{how}', conduct=how) for how in BEFORE}
    forged, evil = lab.domain(f'{name}-rcpt-forged'), lab.new_hop(f'mx.evil-{name}.example')
    stage.learn(forged)
    forged.set_mx(evil)
    good = lab.domain(f'{name}-rcpt-good')
    attempt = stage.send(*domains.values(), forged, good)
    for how, domain in domains.items():
        stage.refused(attempt, domain, BEFORE[how])
        stage.nothing_at(domain.mx)
    stage.refused(attempt, forged, 'mx-not-in-policy', rf'{evil.name} .*')
    stage.nothing_at(evil, forged.mx)
    stage.encrypted(attempt, good.mx)


@each('postfix-next', 'postfix-newest', 'sendmail')
def attacked_between(lab, stage, name):
    """The attack begins between RCPT and delivery: the mail waits in the queue and is delivered after the attack."""
    domains = {how: lab.domain(f'{name}-then-{how}') for how in BEFORE}
    forged, evil = lab.domain(f'{name}-then-forged'), lab.new_hop(f'mx.evil-then-{name}.example')
    held = [(domain, stage.send(domain, hold=True)) for domain in (*domains.values(), forged)]
    for _, attempt in held:
        stage.accepted(attempt)
        stage.on_hold(attempt)
    for how, domain in domains.items():
        stage.turn(domain.mx, how, f'{domain.mx.name}: {how}')
    stage.tell('attack', f'{forged.name} MX 10 {evil.name}')
    forged.set_mx(evil)
    since = stage.relay.log.size()
    for domain, attempt in held:
        stage.release(attempt)
        wanted = {forged: stage.relay.NOT_NAMED, domains[hop.STRIPPED]: stage.relay.NOT_OFFERED}
        stage.deferred(attempt, wanted.get(domain, stage.relay.NOT_VERIFIED), since)
        stage.nothing_at(*domain.hops.values())
    stage.nothing_at(evil)
    expect('messages that wait', {attempt.queue_id for _, attempt in held}, set(stage.relay.queue()))
    forged.set_mx(forged.mx)
    for domain, _ in held:
        domain.mx.become(hop.HONEST)
    goes_out(stage, held)
    stage.nothing_at(evil)


def goes_out(stage, held):
    """A queue run skips messages under delivery, and DNS answers live a second, so another run may be needed."""
    def gone():
        stage.relay.flush()
        return not stage.relay.queue()
    wait_for('the queue is empty', gone, 20, pause=1)
    for domain, attempt in held:
        stage.encrypted(attempt, domain.mx)


@each('postfix', 'postfix-next', 'postfix-newest', 'sendmail')
def better_hop_cut_off(lab, stage, name):
    """The better hop is blocked at delivery: a good hop after it gets the mail, an evil one between gets none."""
    domain = lab.domain(f'{name}-cut')
    evil = lab.new_hop(f'mx.evil-cut-{name}.example')
    backup = lab.new_hop(f'backup.{domain.ascii}')
    domain.hops[backup.name] = backup
    domain.publish_policy()
    domain.set_mx(domain.mx, backup)
    attempt = stage.send(domain, hold=True)
    stage.accepted(attempt)
    stage.turn(domain.mx, hop.DOWN, f'{domain.mx.name} is cut off, and {evil.name} is put before {backup.name}')
    domain.set_mx(domain.mx, evil, backup)
    stage.release(attempt)
    stage.encrypted(attempt, backup)
    stage.nothing_at(evil, domain.mx)


@each('postfix', 'postfix-next', 'postfix-newest', 'sendmail')
def gate_killed_between(lab, stage, name):
    """The gate is killed between RCPT and delivery: the mail waits, under attack or not, until the gate is back."""
    calm, attacked = lab.domain(f'{name}-calm'), lab.domain(f'{name}-alone')
    held = [(domain, stage.send(domain, hold=True)) for domain in (calm, attacked)]
    for _, attempt in held:
        stage.accepted(attempt)
    stage.tell('gate', 'stsgated is killed with -9')
    lab.gate.kill()
    stage.turn(attacked.mx, hop.STRIPPED, f'STARTTLS is stripped at {attacked.mx.name}')
    since = stage.relay.log.size()
    for _, attempt in held:
        stage.release(attempt)
        stage.deferred(attempt, stage.relay.NO_MAP, since)
    stage.nothing_at(calm.mx, attacked.mx)
    refused = stage.send(calm)
    expect_match('the relay without its milter', '^S: 451 ', refused.lines[1])
    lab.gate.start()
    stage.tell('gate', 'stsgated is started')
    since = stage.relay.log.size()
    stage.flush()
    stage.encrypted(held[0][1], calm.mx)
    stage.deferred(held[1][1], stage.relay.NOT_OFFERED, since)
    stage.nothing_at(attacked.mx)
    attacked.mx.become(hop.HONEST)
    goes_out(stage, held)


@each('postfix', 'postfix-next', 'postfix-newest', 'sendmail')
def tls_required_no(lab, stage, name):
    """`TLS-Required: No` (RFC 8689): RCPT is refused all the same; at delivery Postfix 3.10 obeys it, others do not."""
    asked = ('TLS-Required: No',)
    domain, attacked = lab.domain(f'{name}-waives'), lab.domain(f'{name}-waives-late')
    domain.mx.become(hop.STRIPPED)
    stage.refused(stage.send(domain, headers=asked), domain, 'starttls-not-supported')
    attempt = stage.send(attacked, headers=asked, hold=True)
    stage.accepted(attempt)
    stage.turn(attacked.mx, hop.STRIPPED, f'STARTTLS is stripped at {attacked.mx.name}')
    since = stage.release(attempt)
    if stage.relay.obeys_tls_required():
        stage.relay.wait_fate(attempt.queue_id, 'sent')
        arrival = lab.wait_arrival(attacked.mx)
        stage.tell('arrived', arrival)
        expect('how the message came: as its sender asked', None, arrival.protocol)
    else:
        stage.deferred(attempt, stage.relay.NOT_OFFERED, since)
        stage.nothing_at(attacked.mx)
        attacked.mx.become(hop.HONEST)
        goes_out(stage, [(attacked, attempt)])


@each('postfix', 'postfix-next', 'postfix-newest', 'sendmail')
def audited(lab, stage, name):
    """mode = monitor: audit of the MTA's own log, plain or compressed, names whose mail enforce would delay."""
    lab.gate.restart(mode='monitor')
    since = stage.relay.log.size()
    good, bad = lab.domain(f'{name}-fit'), lab.domain(f'{name}-unfit', conduct=hop.STRIPPED)
    testing = lab.domain(f'{name}-trial', mode='testing', conduct=hop.EXPIRED)
    plain = lab.domain(f'{name}-plain', policy=False)
    everybody = (good, bad, testing, plain)
    for to in (everybody, (plain,)):
        attempt = stage.send(*to)
        for domain in to:
            stage.relay.wait_fate(attempt.queue_id, 'sent', domain.address())
    text = '\n'.join(stage.relay.log.lines(since)) + '\n'
    with open(f'{PLACE}/audit.log', 'w', encoding='utf-8') as file:
        file.write(text)
    with open(f'{PLACE}/audit.packed', 'wb') as file:
        file.write(gzip.compress(text.encode()))
    status, out, err = lab.gate.tool('audit', '--maillog', f'{PLACE}/audit.log')
    expect('status of audit', (1, ''), (status, err))
    for pattern in (rf'(?m)^{bad.ascii} +1 enforce +fail-enforce +starttls-not-supported +{bad.mx.name}$',
                    rf'(?m)^{testing.ascii} +1 testing +fail-testing +certificate-expired +{testing.mx.name}$',
                    rf'(?m)^{good.ascii} +1 enforce +pass ', r'(?m)^without a policy +1 +2 +40.0 %$',
                    rf'(?m)^1 domain \(20.0 % of the messages\) would be delayed; look first at: {bad.ascii}\.$'):
        expect_match('the output of audit', pattern, out)
    status, out, err = lab.gate.tool('audit', '--maillog', '--json', f'{PLACE}/audit.packed')
    results = {one['domain']: (one['result'], one['sent'], one['map']) for one in json.loads(out)['domains']}
    expect('results from the compressed log', {
        bad.ascii: ('delayed', 1, 'secure'), testing.ascii: ('testing-fails', 1, 'NOTFOUND'),
        good.ascii: ('satisfied', 1, 'secure'), plain.ascii: ('no-policy', 2, 'NOTFOUND')}, results)


@each('postfix', 'postfix-next', 'postfix-newest', 'sendmail')
def every_domain_verified(lab, stage, name):
    """default_level = verify: a domain without a policy gets mail over verified TLS only; audit shows whose would wait."""
    relay, plain = stage.relay, {'policy': False}
    good, clear = lab.domain(f'{name}-all', **plain), lab.domain(f'{name}-all-clear', conduct=hop.STRIPPED, **plain)
    own = lab.domain(f'{name}-all-own', conduct=hop.UNTRUSTED, **plain)
    testing = lab.domain(f'{name}-all-testing', mode='testing', conduct=hop.STRIPPED)
    exempt = lab.domain(f'{name}-all-exempt', conduct=hop.STRIPPED, **plain)
    everybody = (good, clear, own, testing)
    with open(f'{PLACE}/audit.list', 'w', encoding='utf-8') as file:
        file.writelines(f'{domain.ascii}\n' for domain in everybody)
    status, out, _ = lab.gate.tool('audit', '--default-level', f'{PLACE}/audit.list')
    expect('status of audit', 1, status)
    for domain, reason in ((clear, BEFORE[hop.STRIPPED]), (own, BEFORE[hop.UNTRUSTED]), (testing, BEFORE[hop.STRIPPED])):
        expect_match('the output of audit', rf'(?m)^{domain.ascii} .* fail-enforce +{reason} +{domain.mx.name}$', out)
    expect_match('the output of audit', r'(?m)^would be delayed +3\n(.*\n)*without a policy +1$', out)
    lab.gate.restart(default_level='verify', exempt_domains=exempt.ascii)
    stage.encrypted(stage.send(good), good.mx)
    stage.verified(good.mx)
    stage.explain(good, 'frontend=socketmap .*verdict=bound reason=no-record action=(verify|secure)')
    waiting = stage.send(clear)
    stage.deferred(waiting, relay.NOT_OFFERED)
    stage.deferred(stage.send(own), relay.NOT_VERIFIED)
    stage.deferred(stage.send(testing), relay.NOT_OFFERED)
    stage.nothing_at(clear.mx, own.mx, testing.mx)
    status, out, _ = lab.gate.tool('query', clear.ascii)
    expect_match('the output of query', rf'no mail host satisfies it: {clear.mx.name} .*starttls-not-supported', out)
    stage.accepted(stage.send(exempt))
    expect('how the exempt domain got it', None, lab.wait_arrival(exempt.mx).protocol)
    override(stage, 'set', clear.ascii, 'pass', '--for', '1h', '--reason', 'they know')
    since = relay.log.size()
    relay.retry(waiting.queue_id)
    relay.wait_fate(waiting.queue_id, 'sent', since=since)
    expect('how the released message came', None, lab.wait_arrival(clear.mx).protocol)
    override(stage, 'clear', clear.ascii)
    literal = stage.send(f'user@[{testing.mx.address}]')
    stage.accepted(literal)
    expect('how it came to the address literal', None, lab.wait_arrival(testing.mx).protocol)


@each('postfix', 'sendmail')
def overridden(lab, stage, name):
    """An override releases waiting mail at once and on record, `tag` accepts and tags, and without it mail waits again."""
    domain = lab.domain(f'{name}-overridden')
    relay, to = stage.relay, domain.ascii
    waiting, later = stage.send(domain, hold=True), stage.send(domain, hold=True)
    stage.turn(domain.mx, hop.STRIPPED, f'STARTTLS is stripped at {domain.mx.name}')
    since = stage.release(waiting)
    stage.deferred(waiting, relay.NOT_OFFERED, since)
    used = lab.gate.counter('stsgate_override_uses_total', override='pass')
    override(stage, 'set', to, 'pass', '--for', '1h', '--reason', 'agreed on the phone')
    relay.retry(waiting.queue_id)
    stage.tell('relay', f'{waiting.queue_id} is tried again')
    relay.wait_fate(waiting.queue_id, 'sent', since=since)
    stage.tell('arrived', lab.wait_arrival(domain.mx))
    passed = stage.send(domain)
    stage.accepted(passed)
    relay.wait_fate(passed.queue_id, 'sent')
    stage.explain(domain, 'frontend=milter .*verdict=pass reason=override .*override=pass')
    stage.explain(domain, 'frontend=socketmap .*override=pass action=notfound')
    expect('uses that are counted', 3, lab.gate.counter('stsgate_override_uses_total', override='pass') - used,
           lab.gate.counter('stsgate_override_uses_total', override='pass') - used >= 3)
    lab.gate.tool('refresh', to)     # the good evidence is replaced
    override(stage, 'set', to, 'tag', '--for', '1h', '--reason', 'to see who is affected')
    tagged = stage.send(domain)
    stage.accepted(tagged)
    relay.wait_fate(tagged.queue_id, 'sent')
    tag = lab.wait_arrival(domain.mx, 3).headers('X-STS-Gate')[-1]
    stage.tell('tag', tag)
    expect_match('the tag', 'verdict=fail-enforce; reason=starttls-not-supported; .*override=tag$', tag)
    override(stage, 'clear', to)
    stage.refused(stage.send(domain), domain, 'starttls-not-supported')
    since = stage.release(later)
    stage.deferred(later, relay.NOT_OFFERED, since)
    wait_for('the log of stsgated on the override', lambda: lab.gate.log.find(
        re.compile(rf'event=override-cleared domain={to} .*cleared by'), stage.gate_mark), 10)
    stage.explain(domain, 'event=override-set .*until 20')
    _, events, _ = lab.gate.tool('events', to)
    expect_match('the events', r'(?s)override-set .*override-cleared ', events)


def override(stage, *words):
    status, out, err = stage.lab.gate.tool('override', *words)
    stage.tell('override', out + err)
    expect(f'override {words[0]}', 0, status)
