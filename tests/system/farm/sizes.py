"""The long form of the tests of the farm: ten thousand domains, and what sharing costs and saves by the number of relays."""

import contextlib
import random
import statistics
import threading
import time

from extras.silence import DelegationClient, domains, publish, resolver
from lab.farm import farm
from lab.story import expect

from .asking import answers, answers_of_all, expect_bound, fetches

SIZES = (1, 4, 16)
POLICIES = 400
HOSTS = 40
MANY = 10000
RELAYS = 16


def ask_all_maps(nodes, names):
    """The seconds until all nodes have answered all names, each in an order of its own."""
    begun = time.monotonic()
    threads = [threading.Thread(target=answers, args=(node, random.sample(names, len(names)))) for node in nodes]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return time.monotonic() - begun


def accepted(node, names):
    """Each recipient is accepted by policy delegation, which rests on a probe."""
    with contextlib.closing(DelegationClient(0, node.delegation_port)) as client:
        for name in names:
            client.ask(name)
            reply = b''
            while not reply.endswith(b'\n\n'):
                reply += client.socket.recv(4096)
            expect(f'{node.process.name} about {name}', b'action=DUNNO\n\n', reply)


def entry_bytes(shared, names):
    return statistics.mean(shared.ask('MEMORY', 'USAGE', f'farm:entry:{name}') for name in names)


def policies_by_size(lab, stage, size):
    names = domains(f'by-{size}', POLICIES)
    with resolver(lab, publish(lab, names)) as server, farm(size, dns_servers=server, lookup_timeout='60s') as made:
        before = fetches(lab)
        cold = ask_all_maps(made.nodes, names)
        cold_fetches = fetches(lab) - before
        for found in answers_of_all(made.nodes, names):
            expect_bound('answers', found)
        for one in made.nodes:
            one.restart(fresh=True)
        made.wait_linked()
        before = fetches(lab)
        warm = ask_all_maps(made.nodes, names)
        for name, value in {'cold_fetches': cold_fetches / POLICIES, 'cold_seconds': cold,
                            'warm_fetches': (fetches(lab) - before) / POLICIES, 'warm_seconds': warm,
                            'policy_bytes': entry_bytes(made.shared, names)}.items():
            stage.measured(f'farm.{size}.{name}', f'{value:.2f}')


def probes_by_size(lab, stage, size):
    made_domains = [lab.domain(f'probed-{size}-{number}') for number in range(HOSTS)]
    names = [one.name for one in made_domains]
    with farm(size, delegation_domain='recipient', lookup_timeout='60s') as made:
        for one in made.nodes:
            one.restart(delegation_socket=f'inet:{one.delegation_port}@127.0.0.1')
        made.wait_linked()
        for one in made.nodes:
            accepted(one, names)
        probes = sum(one.mx.connections for one in made_domains)
        stage.measured(f'farm.{size}.probes', f'{probes / HOSTS:.2f}')


def farm_by_size(lab, stage):
    """Fetches, probes and bytes by the number of relays."""
    for size in SIZES:
        policies_by_size(lab, stage, size)
        probes_by_size(lab, stage, size)


def farm_of_ten_thousand(lab, stage):
    """Ten thousand domains cost a farm of sixteen relays one fetch each; a relay without a store knows them all at once."""
    names = domains('many', MANY)
    with resolver(lab, publish(lab, names)) as server, farm(RELAYS, dns_servers=server, lookup_timeout='60s') as made:
        before = fetches(lab)
        seconds = ask_all_maps(made.nodes, names)
        stage.measured('cold', f'{fetches(lab) - before} fetches of {MANY} policies by {RELAYS} relays, {seconds:.0f} s')
        expect('fetches', f'{MANY} and at most one in a hundred more', fetches(lab) - before,
               MANY <= fetches(lab) - before <= MANY * 101 // 100)
        lab.policy_hosts.stop()
        made.nodes[0].restart(fresh=True)
        made.wait_linked(made.nodes[:1])
        begun = time.monotonic()
        expect_bound('answers of a new relay', answers(made.nodes[0], names))
        stage.measured('a new relay', f'{time.monotonic() - begun:.0f} s for {MANY} domains, one question after the other')


BENCH = [farm_by_size, farm_of_ten_thousand]
