"""Many sessions at once: the test itself speaks the milter protocol, because no MTA opens so many sessions."""

import contextlib
import re
import socket
import struct

from lab import hop
from lab.proc import wait_for
from lab.story import expect

from . import milter_only, test

SESSIONS = 2000
PATIENCE_S = 60
STEPS = 0x1fffff
TROUBLE = re.compile('cannot be read|READERS_FULL|error: ')


class Session:
    """A connection as from an MTA: one recipient, sent without waiting for the reply."""

    def __init__(self):
        self.socket = socket.create_connection(('127.0.0.1', 8462), timeout=PATIENCE_S)

    def close(self):
        self.socket.close()

    def send(self, command, data=b''):
        self.socket.sendall(struct.pack('>I', len(data) + 1) + command + data)

    def read(self):
        size = struct.unpack('>I', self._exactly(4))[0]
        return self._exactly(size)

    def _exactly(self, size):
        data = b''
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise RuntimeError('the milter hung up')
            data += more
        return data

    def greet(self):
        self.send(b'O', struct.pack('>III', 6, 0x1ff, STEPS))
        expect('answer to the negotiation', b'O', self.read()[:1])

    def ask(self, address):
        recipient = f'<{address}>'.encode() + b'\0'
        host = address.partition('@')[2].encode() + b'\0'
        self.send(b'M', b'<me@sender.example>\0')
        self.send(b'D', b'R{rcpt_mailer}\0smtp\0{rcpt_host}\0' + host)
        self.send(b'R', recipient)


@test
def two_thousand_callbacks(lab, stage):
    """2000 sessions wait in callbacks for one hop, with far fewer LMDB readers: each gets its reply."""
    domain = lab.domain('crowd', conduct=hop.SILENT)
    calm = lab.domain('calm')
    milter_only(lab, milter_waiters='4000', milter_wait='20s', probe_timeout='8s')
    stage.learn(calm)
    since = lab.gate.log.size()
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(Session())) for _ in range(SESSIONS)]
        for session in sessions:
            session.greet()
        for session in sessions:
            session.ask(domain.address())
        wait_for('nearly all wait', lambda: lab.gate.counter('stsgate_milter_waiting') > SESSIONS * 9 // 10)
        expect('answer of the map meanwhile', True,
               (lab.relay.map_answer(calm.ascii) or '').startswith('secure match='))
        answers = {session.read() for session in sessions}
    expect('number of different answers', 1, len(answers))
    expect('what they say', True, answers.pop().startswith(b'y451 4.7.5 <crowd.example> MTA-STS policy (enforce): '))
    expect('trouble of the store', [], lab.gate.log.find(TROUBLE, since))
