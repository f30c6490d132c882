"""A farm: several gates on one machine, each with a store of its own, that share a Redis or Valkey server."""

import contextlib
import os
import secrets
import signal
import socket
import threading

from . import gate
from .proc import Process, run, wait_for
from .world import GATE_SETTINGS, PLACE

BESIDE = '/beside/postfix'       # the tree that has Valkey
FIRST_PORT = 20000
PORT = 6379

CONFIG = '''
bind 127.0.0.1
port {port}
dir {dir}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy volatile-lru
user default off
user stsgate on >{password} ~farm:* &farm:* +@all -@dangerous +info
user lab on >{password} ~* &* +@all
'''


class SharedStore:
    """Debian's redis-server (7.0), or the valkey-server of Debian 13."""

    def __init__(self, directory, valkey=False):
        self.dir = directory
        self.place = f'{BESIDE if valkey else ""}{directory}'
        self.password = secrets.token_hex(16)
        os.makedirs(self.place)
        os.makedirs(directory, exist_ok=True)
        with open(f'{self.place}/redis.conf', 'w', encoding='ascii') as file:
            file.write(CONFIG.format(port=PORT, dir=directory, password=self.password))
        program = ['chroot', BESIDE, '/usr/bin/valkey-server'] if valkey else ['redis-server']
        self.process = Process('shared store', [*program, f'{directory}/redis.conf'], f'{directory}/redis.log')

    def start(self):
        self.process.start()
        wait_for('the shared store answers', lambda: self.answers())

    def answers(self):
        try:
            return self.ask('PING') == 'PONG'
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.running():
            self.go_on()
            self.process.stop()

    def ask(self, *words, user='lab', password=None):
        """Sends a command as this user and returns the answer; an error raises RuntimeError."""
        with socket.create_connection(('127.0.0.1', PORT), timeout=10) as peer, peer.makefile('rb') as reader:
            for command in (('AUTH', user, password or self.password), words):
                parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
                peer.sendall(b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts))
                answer = read_reply(reader)
        return answer


def read_reply(reader):
    line = reader.readline()[:-2]
    kind, rest = line[:1], line[1:]
    if kind == b'-':
        raise RuntimeError(rest.decode())
    if kind == b'$':
        return None if rest == b'-1' else reader.read(int(rest) + 2)[:-2]
    if kind == b'*':
        return [read_reply(reader) for _ in range(int(rest))]
    return int(rest) if kind == b':' else rest.decode()


class Path:
    """The way from some gates to the shared store, which can be cut."""

    def __init__(self, port):
        self.port = port
        self.cut_off = False
        self.peers = []
        self.listener = socket.create_server(('127.0.0.1', port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Closes all connections, and accepts none that lasts."""
        self.cut_off = True
        for one in self.peers:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.peers = []

    def heal(self):
        self.cut_off = False

    def close(self):
        self.cut()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
                far = None if self.cut_off else socket.create_connection(('127.0.0.1', PORT))
            except OSError:
                return
            if far is None:
                peer.close()
                continue
            self.peers += [peer, far]
            for source, target in ((peer, far), (far, peer)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    @staticmethod
    def _carry(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Node(gate.Gate):
    """One relay of the farm. Each of its front ends has a port of its own."""

    def __init__(self, directory, number, settings):
        self.port, metrics, self.delegation_port = range(FIRST_PORT + 3 * number, FIRST_PORT + 3 * number + 3)
        super().__init__(directory, dict(GATE_SETTINGS, milter_socket='', fleet_node=f'relay{number}', fleet_name='farm',
                                         socketmap_socket=f'inet:{self.port}@127.0.0.1',
                                         metrics_socket=f'inet:{metrics}@127.0.0.1', **settings), f'relay{number}')

    def linked(self):
        return self.counter('stsgate_fleet_up') == 1


class Farm:
    """count gates. keys: what their key file contains."""

    count = 0                    # farms so far: each has directories of its own

    def __init__(self, count, valkey=False, **settings):
        Farm.count += 1
        self.dir = f'{PLACE}/farm{Farm.count}'
        self.shared = SharedStore(f'{self.dir}/shared', valkey)
        self.key = secrets.token_hex(32)
        self.settings = dict(settings, fleet_user='stsgate', fleet_server=f'inet:{PORT}@127.0.0.1',
                             fleet_key_file=self.secret('key', self.key),
                             fleet_password_file=self.secret('password', self.shared.password))
        self.nodes = [self.node(number) for number in range(count)]

    def secret(self, name, text):
        path = f'{self.dir}/{name}'
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'{text}\n')
        os.chmod(path, 0o640)
        run('chgrp', gate.USER, path)
        return path

    def node(self, number, **settings):
        return Node(f'{self.dir}/node{number}', number, dict(self.settings, **settings))

    def start(self):
        self.shared.start()
        for one in self.nodes:
            one.start()
        self.wait_linked()

    def wait_linked(self, nodes=None, seconds=40):
        for one in nodes or self.nodes:
            wait_for(f'{one.process.name} has the shared store', one.linked, seconds)

    def stop(self):
        for one in self.nodes:
            if one.process.running():
                one.terminate()
        self.shared.stop()


@contextlib.contextmanager
def farm(count, **how):
    made = Farm(count, **how)
    try:
        made.start()
        yield made
    finally:
        made.stop()
