"""A thousand silent servers: questions about other domains are answered as if those servers did not exist."""

import contextlib
import os
import socket
import statistics
import time

from lab import dns, policyhost
from lab.proc import run, wait_for
from lab.story import expect, expect_match
from lab.world import PLACE

from . import test

SILENT = 1000
OTHERS = 20
PATIENCE_S = 30
LONG = {'fetch_timeout': '120s', 'probe_timeout': '120s'}
MAP_PORT, DELEGATION_PORT = 8461, 8463
NETWORKS = '10.200.0.0/14'       # all servers run on this machine
ROOM = 'server:\n    outgoing-range: 8192\n    num-queries-per-thread: 4096\n'
RECORD = ('TXT', '"v=STSv1; id=1;"')


def spread(number):
    """An address in a network of its own."""
    return f'10.{200 + number // 250}.{number % 250}.25'


class MapClient:
    """A connection to the socketmap at this port."""

    def __init__(self, port=MAP_PORT):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S)

    def close(self):
        self.socket.close()

    def ask(self, domain):
        question = f'postfix {domain}'.encode()
        self.socket.sendall(b'%d:%s,' % (len(question), question))

    def read(self):
        reply = b''
        while not reply.endswith(b','):
            more = self.socket.recv(4096)
            if not more:
                raise RuntimeError('the map hung up')
            reply += more
        return reply.partition(b':')[2].decode('ascii')[:-1]


class DelegationClient:
    """A connection to policy delegation at this port, from a client with its own address."""

    def __init__(self, number, port=DELEGATION_PORT):
        self.number = number
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S)

    def close(self):
        self.socket.close()

    def ask(self, domain):
        lines = ['request=smtpd_access_policy', 'protocol_state=RCPT', f'client_address={spread(self.number)}',
                 f'instance=silence.{self.number}', 'sender=me@sender.example', f'recipient=user@{domain}', '', '']
        self.socket.sendall('\n'.join(lines).encode())


def first_contacts(names):
    """The seconds that each of these first contacts took; each got an answer according to its policy."""
    seconds = []
    with contextlib.closing(MapClient()) as client:
        for name in names:
            begun = time.monotonic()
            client.ask(name)
            expect_match(f'answer of the map to {name}', '^OK secure match=', client.read())
            seconds.append(time.monotonic() - begun)
    return seconds


def figures(seconds):
    return f'median {statistics.median(seconds) * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms'


def size(gate):
    """Resident KiB, and descriptors."""
    with open(f'/proc/{gate.process.pid}/status', encoding='ascii') as file:
        resident = next(line for line in file if line.startswith('VmRSS:'))
    return int(resident.split()[1]), len(os.listdir(f'/proc/{gate.process.pid}/fd'))


def compare(lab, stage, others, silent, client, fetched=0, **settings):
    """First contacts alone; then the same with a gate that knows as little, while a thousand others
    wait, for which so many policies have been fetched."""
    lab.gate.restart(fresh=True, **LONG, **settings)
    stage.measured('alone', figures(first_contacts(others)))
    lab.gate.restart(fresh=True, **LONG, **settings)
    before = size(lab.gate)
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(silent):
            stack.enter_context(contextlib.closing(client(number))).ask(name)
        wait_for('policies are fetched',
                 lambda: lab.gate.counter('stsgate_policy_fetches_total') >= fetched, PATIENCE_S)
        # each question has a descriptor for its client and one for the silent server
        wait_for('nearly all wait', lambda: size(lab.gate)[1] - before[1] > 2 * SILENT * 98 // 100, PATIENCE_S)
        stage.measured('meanwhile', figures(first_contacts(others)))
        still, after = lab.gate.counter('stsgate_cases_open'), size(lab.gate)
    stage.measured('the gate', f'{still} questions under way; {after[0] - before[0]} KiB and '
                               f'{after[1] - before[1]} descriptors more than before')
    expect('questions under way at the end', f'nearly {SILENT}', still, still > SILENT * 98 // 100)


def domains(name, count):
    return [f'{name}-{number}.example' for number in range(count)]


@contextlib.contextmanager
def resolver(lab, records, zones=''):
    """A DNS server that has these names, and room for all waiting queries; its address is for dns_servers."""
    server = dns.DnsServer(lab.new_address(), f'{PLACE}/dns-silence-{lab.plan.count}', ROOM + zones)
    server.records = records
    server.start()
    try:
        yield server.address
    finally:
        server.stop()


@contextlib.contextmanager
def silent_hosts(port, kind=socket.SOCK_STREAM, count=SILENT):
    """At each of a thousand addresses, or of `count`, a server whose kernel accepts connections, and which never sends
    anything. Yields their sockets."""
    doors = []
    with contextlib.ExitStack() as stack:
        run('ip', 'route', 'add', 'local', NETWORKS, 'dev', 'lo')
        stack.callback(run, 'ip', 'route', 'del', 'local', NETWORKS, 'dev', 'lo')
        for number in range(count):
            one = stack.enter_context(socket.socket(socket.AF_INET, kind))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((spread(number), port))
            if kind == socket.SOCK_STREAM:
                one.listen(8)
            doors.append(one)
        yield doors


def publish(lab, names, at_once=100):
    """Policies of these domains; returns their records.  Many share a certificate, which saves time,
    and three addresses, because a network gets 64 fetches at a time, and nginx has room for 256."""
    place = lab.policy_hosts.dir
    addresses = [lab.new_address() for _ in range(3)]
    records = {}
    for first in range(0, len(names), at_once):
        some = names[first:first + at_once]
        address = addresses[first // at_once % len(addresses)]
        shared = lab.authority.issue([f'mta-sts.{name}' for name in some], f'{place}/cert/shared.{some[0]}')
        for name in some:
            os.symlink(shared, f'{place}/cert/mta-sts.{name}')
            lab.policy_hosts.publish(name, policyhost.policy_text('enforce', [f'mx.{name}']))
            records.update({f'_mta-sts.{name}': [RECORD], f'mta-sts.{name}': [('A', address)]})
    return records


@test
def silent_policy_hosts(lab, stage):
    """1000 policy hosts accept connections and stay silent: first contacts to other domains take as long as before."""
    others, silent = domains('others1', OTHERS), domains('silent1', SILENT)
    records = publish(lab, others)
    for number, name in enumerate(silent):
        records.update({f'_mta-sts.{name}': [RECORD], f'mta-sts.{name}': [('A', spread(number))]})
    with silent_hosts(443), resolver(lab, records) as server:
        compare(lab, stage, others, silent, lambda _: MapClient(), dns_servers=server)


@test
def silent_name_servers(lab, stage):
    """1000 zones have name servers that never answer: first contacts to other domains take as long as before."""
    others, silent = domains('others2', OTHERS), domains('silent2', SILENT)
    zones = ''.join(f'    local-zone: "{name}" transparent\n' for name in silent)
    zones += ''.join(f'forward-zone:\n    name: "{name}"\n    forward-addr: {spread(number)}\n'
                     for number, name in enumerate(silent))
    with silent_hosts(53, socket.SOCK_DGRAM), resolver(lab, publish(lab, others), zones) as server:
        compare(lab, stage, others, silent, lambda _: MapClient(), dns_servers=server)


@test
def silent_mail_hosts(lab, stage):
    """1000 mail hosts never greet: first contacts to other domains take as long as before."""
    others, silent = domains('others3', OTHERS), domains('silent3', SILENT)
    records = {**publish(lab, others), **publish(lab, silent)}
    for number, name in enumerate(silent):
        records.update({name: [('MX', f'10 mx.{name}.')], f'mx.{name}': [('A', spread(number))]})
    with silent_hosts(25), resolver(lab, records) as server:
        compare(lab, stage, others, silent, DelegationClient, SILENT, dns_servers=server, mta_enforces='no',
                delegation_socket=f'inet:{DELEGATION_PORT}@127.0.0.1', delegation_domain='recipient')
