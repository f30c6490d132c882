"""A relay that is a real Postfix: the lab's own, and others in their own trees."""

import json
import os
import re
from contextlib import contextmanager

from . import net
from .hop import DOWN, HONEST
from .mta import BESIDE, HOLD_MARK, Attempt, Mta, greets
from .proc import Process, Timeout, wait_for

NAME = 'relay.example'
# Debian's next version, beside the lab's own tree.
NAME_NEXT, ROOT_NEXT = 'next.example', f'{BESIDE}/postfix'
# The version after that, if the lab's host could make a tree of the Debian that is being made.
NAME_NEWEST, ROOT_NEWEST = 'newest.example', f'{BESIDE}/postfix-newest'

MAP = 'socketmap:inet:127.0.0.1:8461:postfix'
MILTER = ('{{ {socket}, connect_timeout=10s, command_timeout=30s, default_action=tempfail }}')
DEFAULT_MILTER_SOCKET = 'inet:127.0.0.1:8462'

# The certificate with key that it shows to its clients, if it has one.
CHAIN = '/etc/postfix/lab-own.pem'

# For this domain of `example` it does not insist on REQUIRETLS.
TOLERATED = 'tolerated'

# Two more doors, each with its own gate (world.SIDE_GATES).
PORT_ALONE, PORT_TAG = 2525, 2526
MILTER_ALONE = MILTER.format(socket='inet:127.0.0.1:8472')
MILTER_TAG = MILTER.format(socket='inet:127.0.0.1:8482')

# From README: after a 5xx reply to STARTTLS mail waits and is not bounced.
STATUS_FILTER = 'regexp:{{/^5(.* TLS is required, but .*)/ 4$$1}}'

MAIN_CF = {
    'compatibility_level': '3.6',
    'mydestination': '$myhostname, localhost',
    'mynetworks': '127.0.0.0/8, 10.99.0.0/24',
    'inet_protocols': 'ipv4, ipv6',
    'alias_maps': '',
    'alias_database': '',
    'biff': 'no',
    'maillog_file': '/var/log/mail.log',
    'smtpd_tls_security_level': 'none',
    # its clients have no passwords: a client announces its login itself
    'smtpd_authorized_xclient_hosts': '$mynetworks',
    'smtp_tls_security_level': 'may',
    'smtp_dns_support_level': 'enabled',
    # the default of newer versions: the map's `dane` counts there, too
    'smtp_tls_dane_insecure_mx_policy': 'dane',
    'smtp_delivery_status_filter': STATUS_FILTER,
    'smtp_tls_loglevel': '1',
    'smtp_connection_cache_on_demand': 'no',
    'smtp_connect_timeout': '5s',
    'smtp_helo_timeout': '5s',
    'smtp_starttls_timeout': '5s',
    # a message is retried only when a test requests it
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


def program(pid):
    """The program's name; None if it has ended."""
    try:
        with open(f'/proc/{pid}/comm', encoding='ascii') as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Relay(Mta):
    """root: another tree in the room; '' for the lab's own."""
    QUEUED = r'queued as (\S+)'
    FATES = {status: f' status={status} ' for status in ('sent', 'deferred', 'bounced')}
    NOT_OFFERED = 'TLS is required, but was not offered'
    NOT_VERIFIED = 'Server certificate not verified'
    NOT_NAMED = NOT_VERIFIED     # a certificate for a name that is not in the policy
    SENDER_FIRST = False
    NO_MAP = 'client TLS configuration problem'
    map_ = MAP

    def __init__(self, ca_file, name=NAME, address=net.RELAY, root='', authority=None):
        """authority: gives it a certificate, with which it offers STARTTLS to its clients."""
        super().__init__(name, address, '/var/log/mail.log', root)
        self.ca_file = ca_file
        self.authority = authority
        self.settings = dict(MAIN_CF, myhostname=name, smtp_tls_CAfile='/etc/postfix/lab-ca.pem',
                             inet_interfaces=f'{self.loopback}, {address}')

    def start(self):
        self.furnish()
        with open(self.ca_file, encoding='ascii') as file:
            self.write('/etc/postfix/lab-ca.pem', file.read())
        if self.authority:
            self.authority.issue([self.name], self.path(CHAIN))
            # smtp_requiretls_policy exempts mydomain, which would be all of `example`
            policy = self.run('postconf', '-d', '-h', 'smtp_requiretls_policy')[1].strip()
            self.settings.update(smtpd_tls_security_level='may', smtpd_tls_cert_file=CHAIN, mydomain=self.name,
                                 smtp_requiretls_policy=f'inline:{{{{{TOLERATED}.example=opportunistic}}}}, {policy}')
        self.write('/etc/postfix/main.cf',
                   ''.join(f'{name} = {value}\n' for name, value in self.settings.items()))
        self.write('/etc/postfix/master.cf', MASTER_CF)
        self.write('/etc/postfix/header_checks', f'/^Subject: .*{re.escape(HOLD_MARK)}/ HOLD\n')
        self.run('newaliases', check=False)
        self.process = Process(f'postfix {self.name}', self.command('postfix', 'start-fg'),
                               self.path('/var/log/postfix.out'))
        self.process.start()
        wait_for(f'Postfix on port 25 of {self.address}', self.greets)

    def version(self):
        return 'Postfix ' + self.run('postconf', '-h', 'mail_version')[1].strip()

    def version_number(self):
        return tuple(int(part) for part in re.match(r'Postfix (\d+)\.(\d+)', self.version()).groups())

    def obeys_tls_required(self):
        """3.10 and newer: `TLS-Required: No` in a header."""
        return self.run('postconf', '-d', '-h', 'tls_required_enable', check=False)[1].strip() == 'yes'

    def set(self, **settings):
        """Changes settings; a running Postfix applies them at once."""
        changed = {name: value for name, value in settings.items()
                   if self.settings.get(name) != value}
        if not changed:
            return
        self.settings.update(changed)
        if self.process:
            self.run('postconf', '-e', *(f'{name}={value}' for name, value in changed.items()))
            self.reload()

    def reload(self):
        """When this returns, no process with the old settings accepts work."""
        before = self._readers()
        self.run('postfix', 'reload')
        # Idle processes may still get work before they notice the change; busy ones end after their current work.
        try:
            wait_for('processes with the old settings end', lambda: not before & self._readers(), 2)
        except Timeout:
            pass

    def _readers(self):
        """Ids of the processes that read main.cf once, when they start."""
        with open(self.path('/var/spool/postfix/pid/master.pid'), encoding='ascii') as file:
            master = file.read().strip()
        with open(f'/proc/{master}/task/{master}/children', encoding='ascii') as file:
            children = file.read().split()
        return {child for child in children if program(child) in ('smtp', 'smtpd', 'cleanup')}

    def resolve(self, server, dnssec=False):
        """From now on the relay uses this DNS server; with dnssec it believes the server's AD bit."""
        options = 'options trust-ad\n' if dnssec else ''
        self.write('/etc/resolv.conf', f'nameserver {server}\n{options}')
        self.set(smtp_dns_support_level='dnssec' if dnssec else 'enabled')

    def attach(self, milter=True, tls_map=True, milter_socket=DEFAULT_MILTER_SOCKET, map_=None):
        used = MILTER.format(socket=milter_socket) if milter else ''
        self.set(smtpd_milters=used, non_smtpd_milters=used,
                 smtp_tls_policy_maps=(map_ or self.map_) if tls_map else '')

    @contextmanager
    def in_place_of(self, hop, onward):
        """Meanwhile this Postfix, not the lab, is the MX host hop, and sends what it gets to the host onward."""
        with open(hop.certificates.file(HONEST), encoding='ascii') as file:
            self.write('/etc/postfix/lab-hop.pem', file.read())
        hop.become(DOWN)
        service = f'{hop.address}:25'
        self.run('postconf', '-M', f'{service}/inet={service} inet n - n - - smtpd -o smtpd_milters= '
                 f'-o myhostname={hop.name} -o smtpd_tls_cert_file=/etc/postfix/lab-hop.pem -o mynetworks=0.0.0.0/0 '
                 f'-o content_filter=smtp:[{onward.address}]')
        self.run('postfix', 'reload')
        try:
            wait_for(f'Postfix at {hop.name}', lambda: greets(hop.address))
            yield
        finally:
            self.run('postconf', '-MX', f'{service}/inet')
            self.run('postfix', 'reload')

    def submit(self, recipients, sender='local@relay.example', subject='a local message', headers=(), options=()):
        """Submits a message with sendmail(1); its queue id comes from the log."""
        since = self.log.size()
        self.tried += 1
        text = '\n'.join([f'From: <{sender}>', f'Subject: {subject}', *headers, '', 'The body of the message.', ''])
        self.run('sendmail', '-i', *options, '-f', sender, *recipients, text=text)
        found = wait_for('the local message in the queue', lambda: self.log.find(
            re.compile(r'postfix/cleanup\[\d+\]: (\w+): message-id='), since))
        attempt = Attempt()
        attempt.queue_id = re.search(r': (\w+): message-id=', found[0]).group(1)
        return attempt

    def fate(self, queue_id, recipient=None, since=0):
        """The newest delivery line of a message; None if there is none."""
        to = re.escape(recipient) if recipient else '[^>]*'
        found = self.log.find(re.compile(rf'{queue_id}: to=<{to}>.* status='), since)
        return found[-1] if found else None

    def verified(self, hop, since=0):
        """The log line that reports a verified certificate of a hop."""
        found = self.log.find(re.compile(
            rf'Verified TLS connection established to {re.escape(hop.name)}\['), since)
        return found[-1].partition('postfix/')[2] if found else None

    def queue(self):
        """{queue id: entry of postqueue -j}"""
        entries = [json.loads(line) for line in self.run('postqueue', '-j')[1].splitlines()]
        return {entry['queue_id']: entry for entry in entries}

    def held(self, queue_id):
        return self.queue().get(queue_id, {}).get('queue_name') == 'hold'

    def release(self, queue_id):
        self.run('postsuper', '-H', queue_id)
        self.flush()

    def retry(self, queue_id):
        """Tries one deferred message again."""
        self.run('postqueue', '-i', queue_id)

    def flush(self):
        self.run('postqueue', '-f')

    def empty(self):
        self.run('postsuper', '-d', 'ALL')

    def map_answer(self, key, map_=None):
        """The value that postmap -q returns for a key, or None."""
        status, out, err = self.run('postmap', '-q', key, map_ or self.map_, check=False)
        if err:
            raise RuntimeError(f'postmap -q {key}: {err.strip()}')
        return out.strip() if status == 0 else None

    def stop(self):
        if self.running():
            self.run('postfix', 'stop', check=False)
            self.process.wait()

    def maildrop(self):
        return len(os.listdir(self.path('/var/spool/postfix/maildrop')))
