"""Who can write into the shared store, and whom the relays believe."""

import hmac
import json
import secrets
import time

from extras.silence import domains, publish, resolver
from lab import policyhost
from lab.farm import farm
from lab.proc import wait_for
from lab.story import expect

from . import test
from .asking import answers, answers_of_all, expect_bound, fetches
from .deciding import decide, released, until_all

DAY_S = 86400


def sealed(key, place, content, node='stranger', at=None, schema=1):
    """A value as a relay with this key writes it."""
    payload = json.dumps({'schema': schema, 'node': node, 'at': int(time.time()) if at is None else at, **content})
    raw = bytes.fromhex(key)
    name = hmac.new(raw, b'stsgate fleet key', 'sha256').hexdigest()[:8]
    mac = hmac.new(raw, f'{place}\0{payload}'.encode(), 'sha256').hexdigest()
    return f'stsgate1 {name} {mac} {payload}'


def weak(name):
    """The export of an entry whose policy asks for nothing."""
    now = int(time.time()) - 60
    text = policyhost.policy_text('none', [f'mx.{name}'])
    return {'domain': name, 'record': {'checked_at': now, 'outcome': 'ok', 'id': '1'},
            'policy': {'id': '1', 'fetched_at': now, 'text': text}}


def lies(made, name, other):
    """What somebody without the key can put in the place of a domain's entry: words, and a value of another domain."""
    place = f'farm:entry:{name}'
    copied = made.shared.ask('GET', f'farm:entry:{other}')
    return {'words': 'OK', 'half': copied[:40], 'copied': copied, 'long': 'x' * 3000000,
            'foreign': sealed(secrets.token_hex(32), place, weak(name)),
            'later': sealed(made.key, place, weak(name), schema=99)}


def large(made, node):
    """Fields of hashes that are too long: the link stays up, and decisions still reach the others."""
    for place, count in (('nodes', 6), ('decisions', 25)):  # the second would break the link
        for number in range(count):
            made.shared.ask('HSET', f'farm:{place}', f'override large{number}.example', 'x' * 3000000)
    since = node.log.size()
    node.restart()
    made.wait_linked([node])
    decide(node, 'set', 'decided.example', 'pass', '--for', '1h', '--reason', 'beside large values')
    until_all(made, 'the override', lambda one: 'decided.example' in one.tool('override', 'list')[1])
    expect('losses of the link', [], [line for line in node.log.lines(since) if 'nothing is shared' in line])


@test
def farm_believes_no_stranger(lab, stage):
    """Somebody without the key writes into the shared store: what they write is ignored and counted, and changes no answer."""
    names = domains('lied', 8)
    with resolver(lab, publish(lab, names)) as server, farm(2, dns_servers=server, lookup_timeout='30s') as made:
        one, two = made.nodes
        expect_bound('answers of the first', answers(one, names[:1]))
        wait_for('its entry is shared', lambda: made.shared.ask('EXISTS', f'farm:entry:{names[0]}'))
        for name, (what, value) in zip(names[1:], lies(made, names[1], names[0]).items()):
            made.shared.ask('SET', f'farm:entry:{name}', value)
            ignored = two.counter('stsgate_fleet_ignored_total')
            expect_bound(f'answer beside a lie ({what})', answers(two, [name]))
            expect(f'the lie is counted ({what})', True, two.counter('stsgate_fleet_ignored_total') > ignored)
            expect('the shared store is up', 1, two.counter('stsgate_fleet_up'))
        # an empty value is as good as none, and a turn that never ends is nobody's
        made.shared.ask('SET', f'farm:entry:{names[-1]}', '')
        made.shared.ask('SET', f'farm:lease:{names[-1]}', 'stranger')
        expect_bound('answer beside nothing', answers(two, names[-1:]))
        large(made, two)


@test
def farm_lets_nobody_weaken(lab, stage):
    """A relay with the key shares a weaker policy: no live enforce policy yields to it."""
    name, = names = domains('weakened', 1)
    with resolver(lab, publish(lab, names)) as server, farm(2, dns_servers=server, lookup_timeout='30s') as made:
        expect_bound('answers', answers(made.nodes[0], names))
        place = f'farm:entry:{name}'
        made.shared.ask('SET', place, sealed(made.key, place, weak(name)))
        made.nodes[0].tool('refresh', name)
        expect_bound('answers beside the weaker policy', answers(made.nodes[0], names))


@test
def farm_changes_its_key(lab, stage):
    """The key is replaced in three steps while the farm works: no value is lost on the way."""
    names = domains('keys', 3)
    with resolver(lab, publish(lab, names)) as server, farm(2, dns_servers=server, lookup_timeout='30s') as made:
        one, two = made.nodes
        new = secrets.token_hex(32)

        def keys(*lines):
            made.secret('key', '\n'.join(lines))
            for node in made.nodes:
                since = node.log.size()
                node.reload()
                wait_for('reloaded', lambda node=node, since=since: [
                    line for line in node.log.lines(since) if 'reload' in line])

        for name, lines in zip(names, [(made.key, new), (new, made.key), (new,)]):
            keys(*lines)
            before = fetches(lab)
            expect_bound('answer of the first', answers(one, [name]))
            wait_for('its entry is shared', lambda name=name: made.shared.ask('EXISTS', f'farm:entry:{name}'))
            expect_bound('answer of the second', answers(two, [name]))
            expect('fetches', 1, fetches(lab) - before)
        expect('values of a foreign key', 0, two.counter('stsgate_fleet_ignored_total', kind='foreign'))


@test
def farm_beside_a_wrong_clock(lab, stage):
    """A relay whose clock is a day ahead: the others believe neither its entries nor its decisions, and bind as before."""
    names = domains('clock', 3)
    with resolver(lab, publish(lab, names)) as server, farm(3, dns_servers=server, lookup_timeout='30s') as made:
        wrong, *right = made.nodes
        wrong.terminate()
        wrong.own_clock = True
        wrong.set_clock(DAY_S)
        wrong.start()
        made.wait_linked([wrong])
        expect_bound('answer of the wrong one', answers(wrong, names[:1]))
        decide(right[0], 'set', names[2], 'pass', '--for', '1h', '--reason', 'true time')
        wrong.tool('override', 'set', names[1], 'pass', '--for', '1h', '--reason', 'from the future', own_clock=True)
        until_all(made, 'the true override', lambda one: released(one, names[2]), right)
        time.sleep(3)
        for found in answers_of_all(right, names[:2]):
            expect_bound('answers of the others', found)


@test
def farm_of_two_versions(lab, stage):
    """Relays of a later version write members that this one does not know: what it knows is used, later schemas are ignored."""
    names = domains('versions', 2)
    with resolver(lab, publish(lab, names)) as server, farm(1, dns_servers=server, lookup_timeout='30s') as made:
        lab.policy_hosts.stop()
        place, = [f'farm:entry:{name}' for name in names[:1]]
        now = int(time.time()) - 60
        entry = {'domain': names[0], 'mood': 'good', 'record': {'checked_at': now, 'outcome': 'ok', 'id': '1', 'since': 3},
                 'policy': {'id': '1', 'fetched_at': now, 'text': policyhost.policy_text('enforce', [f'mx.{names[0]}'])}}
        made.shared.ask('SET', place, sealed(made.key, place, {**entry, 'weather': [1, 2]}))
        expect_bound('answer by the later version\'s entry', answers(made.nodes[0], names[:1]))
