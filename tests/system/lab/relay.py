"""The relay: a real Postfix, and a client that hands it messages and keeps each answer."""

import json
import os
import re
import smtplib
import socket
from dataclasses import dataclass, field

from . import net
from .proc import LogFile, Process, Timeout, run, wait_for

NAME = 'relay.example'
MAP = 'socketmap:inet:127.0.0.1:8461:postfix'
MILTER = ('{{ {socket}, connect_timeout=10s, command_timeout=30s, default_action=tempfail }}')
DEFAULT_MILTER_SOCKET = 'inet:127.0.0.1:8462'

# Two more doors, each with a gate of its own behind it (world.SIDE_GATES).
PORT_ALONE, PORT_TAG = 2525, 2526
MILTER_ALONE = MILTER.format(socket='inet:127.0.0.1:8472')
MILTER_TAG = MILTER.format(socket='inet:127.0.0.1:8482')

# As README has it: a 5xx to STARTTLS makes mail wait instead of come back.
STATUS_FILTER = 'regexp:{{/^5(.* TLS is required, but .*)/ 4$$1}}'

MAIN_CF = {
    'compatibility_level': '3.6',
    'myhostname': NAME,
    'mydestination': f'{NAME}, localhost',
    'mynetworks': '127.0.0.0/8, 10.99.0.0/24',
    'inet_interfaces': f'127.0.0.1, {net.RELAY}',
    'inet_protocols': 'ipv4, ipv6',
    'alias_maps': '',
    'alias_database': '',
    'biff': 'no',
    'maillog_file': '/var/log/mail.log',
    'smtpd_tls_security_level': 'none',
    'smtp_tls_security_level': 'may',
    'smtp_delivery_status_filter': STATUS_FILTER,
    'smtp_tls_loglevel': '1',
    'smtp_connection_cache_on_demand': 'no',
    'smtp_connect_timeout': '5s',
    'smtp_helo_timeout': '5s',
    'smtp_starttls_timeout': '5s',
    # a message is tried again only when a test says so
    'queue_run_delay': '1h',
    'minimal_backoff_time': '1h',
    'maximal_backoff_time': '1h',
    'transport_retry_time': '1s',
    'header_checks': 'regexp:/etc/postfix/header_checks',
}

# service type private unpriv chroot wakeup maxproc command
MASTER_CF = f'''
smtp       inet  n - n -    - smtpd
{PORT_ALONE}       inet  n - n -    - smtpd -o {{ smtpd_milters = {MILTER_ALONE} }}
{PORT_TAG}       inet  n - n -    - smtpd -o {{ smtpd_milters = {MILTER_TAG} }}
pickup     unix  n - n 60   1 pickup
cleanup    unix  n - n -    0 cleanup
qmgr       unix  n - n 300  1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n -    - trivial-rewrite
bounce     unix  - - n -    0 bounce
defer      unix  - - n -    0 bounce
trace      unix  - - n -    0 bounce
verify     unix  - - n -    1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n -    - proxymap
smtp       unix  - - n -    - smtp
relay      unix  - - n -    - smtp
showq      unix  n - n -    - showq
error      unix  - - n -    - error
retry      unix  - - n -    - error
discard    unix  - - n -    - discard
local      unix  - n n -    - local
virtual    unix  - n n -    - virtual
lmtp       unix  - - n -    - lmtp
anvil      unix  - - n -    1 anvil
scache     unix  - - n -    1 scache
postlog    unix-dgram n - n - 1 postlogd
'''

HOLD_MARK = '[hold]'


@dataclass
class Attempt:
    """One SMTP transaction with the relay: what was said, and what became of it."""
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

    def __init__(self, attempt, port=25):
        self.attempt = attempt
        super().__init__(net.RELAY, port, local_hostname='client.example', timeout=60)
        self.command_encoding = 'utf-8'

    def talk(self, command):
        self.attempt.note('C', command)
        code, text = self.docmd(command)
        text = text.decode('utf-8', 'replace')
        self.attempt.note('S', f'{code} {text}')
        return code, text


class Relay:
    def __init__(self, ca_file):
        self.settings = dict(MAIN_CF, smtp_tls_CAfile=ca_file)
        self.log = LogFile('/var/log/mail.log')
        self.process = None
        self.tried = 0

    def start(self):
        self._write('/etc/postfix/main.cf',
                    ''.join(f'{name} = {value}\n' for name, value in self.settings.items()))
        self._write('/etc/postfix/master.cf', MASTER_CF)
        self._write('/etc/postfix/header_checks', f'/^Subject: .*{re.escape(HOLD_MARK)}/ HOLD\n')
        run('newaliases', check=False)
        self.process = Process('postfix', ['postfix', 'start-fg'], '/var/log/postfix.out')
        self.process.start()
        wait_for('Postfix on port 25', self._greets)

    @staticmethod
    def _write(path, text):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    @staticmethod
    def _greets():
        try:
            with socket.create_connection((net.RELAY, 25), timeout=5) as probe:
                return probe.recv(3) == b'220'
        except OSError:
            return False

    def set(self, **settings):
        """Changes settings; a running Postfix takes them at once."""
        changed = {name: value for name, value in settings.items()
                   if self.settings.get(name) != value}
        if not changed:
            return
        self.settings.update(changed)
        if self.process:
            run('postconf', '-e', *(f'{name}={value}' for name, value in changed.items()))
            run('postfix', 'reload')

    def attach(self, milter=True, tls_map=True, milter_socket=DEFAULT_MILTER_SOCKET, map_=MAP):
        used = MILTER.format(socket=milter_socket) if milter else ''
        self.set(smtpd_milters=used, non_smtpd_milters=used,
                 smtp_tls_policy_maps=map_ if tls_map else '')

    def send(self, recipients, sender='sender@relay.example', subject='a message', hold=False,
             headers=(), body='The body of the message.', port=25):
        """Offers a message; goes on to DATA where a recipient was taken."""
        self.tried += 1
        attempt = Attempt()
        client = Client(attempt, port)
        try:
            client.ehlo()
            utf8 = not all(text.isascii() for text in [sender, *recipients])
            client.talk(f'MAIL FROM:<{sender}>' + (' SMTPUTF8' if utf8 else ''))
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

    @staticmethod
    def _data(client, attempt, lines):
        client.talk('DATA')
        client.send(''.join(f'{line}\r\n' for line in lines).encode() + b'.\r\n')
        code, text = client.getreply()
        text = text.decode('utf-8', 'replace')
        attempt.note('S', f'{code} {text}')
        found = re.search(r'queued as (\S+)', text)
        attempt.queue_id = found and found.group(1)

    def submit(self, recipients, sender='local@relay.example', subject='a local message'):
        """Hands over a message by sendmail(1); its queue id comes from the log."""
        since = self.log.size()
        self.tried += 1
        text = f'From: <{sender}>\nSubject: {subject}\n\nThe body of the message.\n'
        run('sendmail', '-i', '-f', sender, *recipients, text=text)
        found = wait_for('the local message in the queue', lambda: self.log.find(
            re.compile(r'postfix/cleanup\[\d+\]: (\w+): message-id='), since))
        attempt = Attempt()
        attempt.queue_id = re.search(r': (\w+): message-id=', found[0]).group(1)
        return attempt

    def fate(self, queue_id, recipient=None, since=0):
        """The newest delivery line of a message, None while there is none."""
        to = re.escape(recipient) if recipient else '[^>]*'
        found = self.log.find(re.compile(rf'{queue_id}: to=<{to}>.* status='), since)
        return found[-1] if found else None

    def wait_fate(self, queue_id, status, recipient=None, since=0, seconds=20):
        """Waits until a message was sent, deferred or bounced and returns that log line."""
        def probe():
            line = self.fate(queue_id, recipient, since)
            return line if line and f'status={status}' in line else None
        try:
            return wait_for(f'message {queue_id}: status={status}', probe, seconds)
        except Timeout as late:
            raise Timeout(f'{late}; newest: {self.fate(queue_id, recipient, since)}') from None

    def queue(self):
        """{queue id: entry of postqueue -j}"""
        entries = [json.loads(line) for line in run('postqueue', '-j')[1].splitlines()]
        return {entry['queue_id']: entry for entry in entries}

    def held(self, queue_id):
        return self.queue().get(queue_id, {}).get('queue_name') == 'hold'

    def release(self, queue_id):
        run('postsuper', '-H', queue_id)
        self.flush()

    def flush(self):
        run('postqueue', '-f')

    def empty(self):
        run('postsuper', '-d', 'ALL')

    @staticmethod
    def map_answer(key, map_=MAP):
        """What postmap -q gets for a key: the value, or None."""
        status, out, err = run('postmap', '-q', key, map_, check=False)
        if err:
            raise RuntimeError(f'postmap -q {key}: {err.strip()}')
        return out.strip() if status == 0 else None

    def stop(self):
        if self.process and self.process.running():
            run('postfix', 'stop', check=False)
            self.process.wait()

    @staticmethod
    def maildrop():
        return len(os.listdir('/var/spool/postfix/maildrop'))
