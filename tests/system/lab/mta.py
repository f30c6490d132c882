"""What every relay of the lab can do, whatever MTA it is: accept messages, and report their delivery.

A relay runs in the lab's own tree, or in its own tree beside it.
"""

import os
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field

from . import net
from .proc import LogFile, Timeout, run, wait_for

BESIDE = '/beside'
HOLD_MARK = '[hold]'


@dataclass
class Attempt:
    """One SMTP transaction with the relay: the dialogue, and the message's delivery."""
    lines: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)      # recipient: (code, text)
    queue_id: str = None

    def note(self, side, text):
        self.lines += [f'{side}: {line}' for line in text.splitlines()]

    def answer(self, recipient):
        code, text = self.answers[recipient]
        return f'{code} {text}'


class Client(smtplib.SMTP):
    """smtplib with UTF-8 commands and a transcript."""

    def __init__(self, attempt, address, port=25):
        self.attempt = attempt
        super().__init__(address, port, local_hostname='client.example', timeout=60)
        self.command_encoding = 'utf-8'

    def talk(self, command):
        self.attempt.note('C', command)
        code, text = self.docmd(command)
        text = text.decode('utf-8', 'replace')
        self.attempt.note('S', f'{code} {text}')
        return code, text


    def go_secure(self):
        """Starts TLS if it is offered; whose certificate the MTA shows does not matter here."""
        if self.has_extn('starttls'):
            self.starttls(context=ssl._create_unverified_context())
            self.ehlo()


def greets(address, port=25):
    try:
        with socket.create_connection((address, port), timeout=5) as probe:
            return probe.recv(3) == b'220'
    except OSError:
        return False


class Mta:
    """An MTA at an address.  Each subclass defines the differences between MTAs:

    QUEUED           in the reply to a message: its queue id, a group
    FATES            patterns for a delivery's log line, by result: sent, deferred, bounced
    NOT_OFFERED      in such a line: the hop offers no STARTTLS
    NOT_VERIFIED     the hop's certificate is not valid
    NOT_NAMED        the policy does not list the hop
    NO_MAP           the map does not answer
    SENDER_FIRST     the MTA sends MAIL to a hop before it compares the hop's name with the policy
    obeys_tls_required, fate, verified, submit, queue, held, release, retry, flush, empty, map_answer, start, stop, attach
    """

    def __init__(self, name, address, log_path, root=''):
        self.name = name
        self.address = address
        self.loopback = net.LOOPBACK[address]
        self.root = root
        self.log = LogFile(self.path(log_path))
        self.process = None
        self.tried = 0

    def path(self, inside):
        """The lab's path of a file in the MTA's tree."""
        return f'{self.root}{inside}'

    def command(self, *words):
        """A command in the MTA's tree."""
        return ['chroot', self.root, *words] if self.root else list(words)

    def run(self, *words, **how):
        return run(*self.command(*words), **how)

    def write(self, path, text):
        with open(self.path(path), 'w', encoding='utf-8') as file:
            file.write(text)

    def furnish(self):
        """Gives the MTA's own tree the lab's host names."""
        if self.root:
            net.add(self.address)
            net.add(self.loopback)
            for path in ('/etc/resolv.conf', '/etc/hosts'):
                with open(path, encoding='ascii') as file:
                    self.write(path, file.read())

    def greets(self):
        return greets(self.address)

    def send(self, recipients, sender='sender@relay.example', subject='a message', hold=False,
             headers=(), body='The body of the message.', port=25, login=None, local=False, requiretls=False):
        """Offers a message; continues to DATA if a recipient was accepted.  login: as a client that logged in.  local:
        as a client on the MTA's machine.  requiretls: over TLS, and asks for REQUIRETLS (RFC 8689)."""
        self.tried += 1
        attempt = Attempt()
        client = Client(attempt, self.loopback if local else self.address, port)
        try:
            client.ehlo()
            if login:
                client.talk(f'XCLIENT LOGIN={login}')
                client.ehlo()
            utf8 = not all(text.isascii() for text in [sender, *recipients])
            if requiretls:
                client.go_secure()
            client.talk(f'MAIL FROM:<{sender}>' + (' SMTPUTF8' if utf8 else '') + (' REQUIRETLS' if requiretls else ''))
            for recipient in recipients:
                attempt.answers[recipient] = client.talk(f'RCPT TO:<{recipient}>')
            if any(code == 250 for code, _ in attempt.answers.values()):
                self._data(client, attempt, [
                    f'From: <{sender}>', 'To: undisclosed-recipients:;',
                    f'Message-ID: <{self.tried}@client.example>',
                    f'Subject: {subject} {HOLD_MARK if hold else ""}'.rstrip(),
                    *headers, '', body])
        finally:
            client.close()
        return attempt

    def _data(self, client, attempt, lines):
        client.talk('DATA')
        client.send(''.join(f'{line}\r\n' for line in lines).encode() + b'.\r\n')
        code, text = client.getreply()
        text = text.decode('utf-8', 'replace')
        attempt.note('S', f'{code} {text}')
        found = re.search(self.QUEUED, text) if code == 250 else None
        attempt.queue_id = found and found.group(1)

    def wait_fate(self, queue_id, status, recipient=None, since=0, seconds=20):
        """Waits until a message was sent, deferred or bounced, and returns that log line."""
        def probe():
            line = self.fate(queue_id, recipient, since)
            return line if line and re.search(self.FATES[status], line) else None
        try:
            return wait_for(f'message {queue_id}: {status}', probe, seconds)
        except Timeout as late:
            raise Timeout(f'{late}; newest: {self.fate(queue_id, recipient, since)}') from None

    def why(self, queue_id, line, since=0):
        """All log lines about why a message waits, given its delivery line."""
        return line

    @staticmethod
    def what(line):
        """The part of a delivery's log line that gives the result."""
        return re.sub(r'^.*?\b(?:status|stat)=', '', line)

    def running(self):
        return self.process is not None and self.process.running()
