"""What an operator decides on one relay holds on all."""

import re
import time

from extras.silence import domains, publish, resolver
from lab.farm import Path, farm
from lab.proc import wait_for
from lab.story import expect

from . import test
from .asking import answers, answers_of_all, expect_bound

RELAYS = 16
PUSHED_S = 10                    # on a machine as busy as may be; without the push it would take up to 30 s


def released(node, name):
    """Whether the map of this relay binds the MTA to nothing."""
    return answers(node, [name])[name].startswith('NOTFOUND')


def until_all(made, what, holds, nodes=None, seconds=30):
    """The seconds until it holds for all relays."""
    begun = time.monotonic()
    for one in nodes or made.nodes:
        wait_for(f'{what}: {one.process.name}', lambda one=one: holds(one), seconds)
    return time.monotonic() - begun


def decide(node, *words):
    status, out, err = node.tool('override', *words)
    expect(f'status of stsgate override {" ".join(words)} ({out}{err})', 0, status)


@test
def farm_decides_once(lab, stage):
    """An override that is set or cleared on one of sixteen relays holds on all at once, also on one that was away."""
    name, = names = domains('decided', 1)
    with resolver(lab, publish(lab, names)) as server, farm(RELAYS, dns_servers=server, lookup_timeout='30s') as made:
        for found in answers_of_all(made.nodes, names):
            expect_bound('answers', found)
        away = made.nodes[7]
        away.terminate()
        others = [one for one in made.nodes if one is not away]
        decide(made.nodes[3], 'set', name, 'pass', '--for', '1h', '--reason', 'mail must flow')
        took = until_all(made, 'released', lambda one: released(one, name), others)
        stage.measured('an override reaches 15 relays', f'{took:.1f} s')
        expect('seconds', f'at most {PUSHED_S}', took, took <= PUSHED_S)
        away.start()
        until_all(made, 'released', lambda one: released(one, name), [away])
        listed = away.tool('override', 'list')[1]
        expect('the list names the author\'s relay', True, 'relay3' in listed)
        decide(away, 'clear', name)
        took = until_all(made, 'bound', lambda one: not released(one, name))
        stage.measured('its end reaches 16 relays', f'{took:.1f} s')
        expect('seconds', f'at most {PUSHED_S}', took, took <= PUSHED_S)


@test
def farm_forgets_once(lab, stage):
    """A domain that is forgotten on one relay is forgotten on all."""
    name, = names = domains('forgotten', 1)
    with resolver(lab, publish(lab, names)) as server, farm(3, valkey=True, dns_servers=server, lookup_timeout='30s') as made:
        for found in answers_of_all(made.nodes, names):
            expect_bound('answers', found)
        time.sleep(1.1)              # times are whole seconds
        expect('stsgate forget', 0, made.nodes[1].tool('forget', name)[0])
        until_all(made, 'forgotten', lambda one: name not in one.tool('list')[1])


@test
def farm_settles_a_conflict(lab, stage):
    """Two halves that cannot reach each other decide differently: the later decision wins, and the log says so."""
    name, = names = domains('conflict', 1)
    path = Path(6381)
    try:
        with resolver(lab, publish(lab, names)) as server, farm(4, dns_servers=server, lookup_timeout='30s') as made:
            near, far = made.nodes[:2], made.nodes[2:]
            for one in far:
                one.restart(fleet_server='inet:6381@127.0.0.1')
            made.wait_linked(far)
            for found in answers_of_all(made.nodes, names):
                expect_bound('answers', found)
            path.cut()
            wait_for('the far half notices', lambda: not any(one.linked() for one in far), 20)
            decide(near[0], 'set', name, 'pass', '--for', '1h', '--reason', 'earlier')
            time.sleep(1.1)
            decide(far[0], 'set', name, 'tag', '--for', '1h', '--reason', 'later')
            path.heal()
            until_all(made, 'the later one wins', lambda one: 'later' in one.tool('override', 'list')[1], seconds=90)
            expect('earlier decisions that are left', [],
                   [one.process.name for one in made.nodes if 'earlier' in one.tool('override', 'list')[1]])
            found = [one.process.name for one in made.nodes if one.log.find(re.compile(r'relay0.*relay2|relay2.*relay0'))]
            expect('relays whose log names both', 'some', found, bool(found))
    finally:
        path.close()
