"""What one relay has learned, the others know."""

import contextlib
import time

from extras.silence import DelegationClient, domains, publish, resolver
from lab import hop, net
from lab.farm import Path, farm
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import test
from .asking import answers, answers_of_all, expect_bound, fetches

RELAYS = 16
DOMAINS = 150
LIFE_S = 604800


@test
def farm_fetches_once(lab, stage):
    """Sixteen relays are asked about the same new domains at the same time: the farm fetches each policy once."""
    names = domains('farm', DOMAINS)
    with resolver(lab, publish(lab, names)) as server, farm(RELAYS, dns_servers=server, lookup_timeout='30s') as made:
        before = fetches(lab)
        for number, found in enumerate(answers_of_all(made.nodes, names)):
            expect_bound(f'answers of relay{number}', found)
        stage.measured('fetches', f'{fetches(lab) - before} of {DOMAINS} policies by {RELAYS} relays')
        expect('fetches', DOMAINS, fetches(lab) - before)
        life = int(made.shared.ask('PTTL', f'farm:entry:{names[0]}')) // 1000
        expect('life of a shared value in seconds', f'at most {LIFE_S}', life, 0 < life <= LIFE_S)


@test
def farm_warms_a_new_relay(lab, stage):
    """A new relay knows every domain that another one knows, although the policy hosts are down."""
    names = domains('warm', 20)
    with resolver(lab, publish(lab, names)) as server, farm(2, valkey=True, dns_servers=server) as made:
        old, new = made.nodes
        expect_bound('answers of the old relay', answers(old, names))
        wait_for('all entries are shared', lambda: all(made.shared.ask('EXISTS', f'farm:entry:{name}') for name in names))
        lab.policy_hosts.stop()
        expect_bound('answers of the new relay', answers(new, names))
        new.restart(fleet_server='')
        expect_bound('answers of the new relay alone, from its own store', answers(new, names))
        new.restart(fresh=True, fleet_server='', lookup_timeout='1s', fetch_timeout='1s')
        expect('answers of a new relay alone', 0, sum(answer.startswith('OK') for answer in answers(new, names[:3]).values()))


@test
def farm_without_shared_store(lab, stage):
    """The shared store is killed, hangs, is emptied and comes back: every answer is right all the time."""
    names, late = domains('lost', 12), domains('lost-late', 12)
    records = publish(lab, names + late)
    with resolver(lab, records) as server, farm(4, dns_servers=server, lookup_timeout='30s') as made:
        groups = [late[place:place + 3] for place in range(0, 12, 3)]
        expect_bound('answers', answers(made.nodes[0], names))
        made.shared.pause()
        for found in answers_of_all(made.nodes, names[:3] + groups[0]):
            expect_bound('answers while it hangs', found)
        made.shared.kill()
        for found in answers_of_all(made.nodes, names[3:6] + groups[1]):
            expect_bound('answers while it is down', found)
        made.shared.start()
        made.wait_linked()
        for found in answers_of_all(made.nodes, names[6:9] + groups[2]):
            expect_bound('answers of a farm that finds it empty', found)
        made.shared.ask('FLUSHALL')
        for found in answers_of_all(made.nodes, names + groups[3]):
            expect_bound('answers after FLUSHALL', found)


@test
def farm_cut_in_halves(lab, stage):
    """Half of the farm cannot reach the shared store: both halves answer right, and both fetch what is new."""
    names = domains('halves', 10)
    path = Path(6380)
    try:
        with resolver(lab, publish(lab, names)) as server, farm(8, dns_servers=server, lookup_timeout='30s') as made:
            far = made.nodes[4:]
            for one in far:
                one.restart(fleet_server='inet:6380@127.0.0.1')
            made.wait_linked(far)
            path.cut()
            wait_for('the far half notices', lambda: not any(one.linked() for one in far), 20)
            before = fetches(lab)
            for found in answers_of_all(made.nodes, names):
                expect_bound('answers of the halves', found)
            once = 1 + len(far)      # the near half shares, the others fetch for themselves
            expect('fetches', f'at most {once} of each', fetches(lab) - before, fetches(lab) - before <= once * len(names))
    finally:
        path.close()


def inquiry(node, name):
    """What policy delegation says about a recipient in this domain."""
    with contextlib.closing(DelegationClient(0, node.delegation_port)) as client:
        client.ask(name)
        reply = b''
        while not reply.endswith(b'\n\n'):
            reply += client.socket.recv(4096)
    return reply.decode('ascii', 'replace').strip()


@test
def farm_sees_together(lab, stage):
    """One of three relays is attacked: the others trust what one of them has seen good, and know what the attacked one sees."""
    domain = lab.domain('together')
    evil = lab.new_hop('attacker.together.example', hop.STRIPPED)
    lab.dns.common.set(domain.mx.name, 'A', evil.address)
    with farm(3, delegation_domain='recipient', lookup_timeout='30s') as made:
        attacked, first, second = made.nodes
        for one in made.nodes:
            one.restart(delegation_socket=f'inet:{one.delegation_port}@127.0.0.1',
                        **({'dns_servers': net.DNS} if one is attacked else {}))
        made.wait_linked()
        expect_match('the attacked relay', 'starttls-not-supported', inquiry(attacked, domain.name))
        time.sleep(1.1)  # of two probes within a second, the bad one counts as the later one
        expect('the first of the others', 'action=DUNNO', inquiry(first, domain.name))
        probes = domain.mx.connections
        expect('the second', 'action=DUNNO', inquiry(second, domain.name))
        expect('probes for the second', 0, domain.mx.connections - probes)
        told = second.tool('query', '--stored', domain.name)[1]
        expect_match('what the second says of the host', 'seen by relay relay1', told)
        expect_match('what it says of the attack', '1 of 2 other relays see this host bad', told)
        expect_match('the attacked relay still', 'starttls-not-supported', inquiry(attacked, domain.name))
        # without a map only a probe of its own stands between the mail and the attacker
        attacked.restart(fresh=True, mta_enforces='no', dns_servers=net.DNS,
                         delegation_socket=f'inet:{attacked.delegation_port}@127.0.0.1')
        made.wait_linked([attacked])
        expect_match('the attacked relay, new and without a map', 'starttls-not-supported', inquiry(attacked, domain.name))
