"""A relay that is a real Sendmail, in its own tree: MTA, and MSP for local submission."""

import os
import re
import socket
import threading

from . import net
from .mta import BESIDE, HOLD_MARK, Attempt, Mta
from .proc import Process, wait_for

NAME = 'sendmail.example'
ROOT = f'{BESIDE}/sendmail'
# Debian's next version, beside it.
NAME_NEXT, ROOT_NEXT = 'sendmail-next.example', f'{BESIDE}/sendmail-next'
MAP = 'socket -d5 -T<TMPF> inet:8461@127.0.0.1'
MILTER = 'S=inet:8462@127.0.0.1, F=T, T=S:10s;R:30s;E:5m'
PORT_MSA = 587

# otherwise a high load average of the lab's host would make Sendmail queue or refuse mail
MC = '''\
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
undefine(`confHOST_STATUS_DIRECTORY')dnl
define(`confDOMAIN_NAME', `{name}')dnl
define(`confCACERT', `/etc/mail/lab-ca.pem')dnl
define(`confCACERT_PATH', `/etc/ssl/certs')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
define(`confTO_IDENT', `0')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_CONNECT', `5s')dnl
define(`confTO_ICONNECT', `5s')dnl
define(`confTO_STARTTLS', `5s')dnl
define(`confTO_INITIAL', `5s')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`mailertable', `hash -o /etc/mail/mailertable')dnl
FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable')dnl
VIRTUSER_DOMAIN(`virtual.example')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA, Port=smtp, Addr={address}')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA-local, Port=smtp, Addr={loopback}')dnl
DAEMON_OPTIONS(`Family=inet, Name=MSA, Port={msa}, M=E, Addr={address}')dnl
{attached}
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_CONFIG
HSubject: $>CheckSubject
LOCAL_RULESETS
SCheckSubject
R$* {hold} $*\t$#error $@ quarantine $: held by the lab
'''

SUBMIT_MC = '''\
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-msp')dnl
define(`confDOMAIN_NAME', `{name}')dnl
FEATURE(`msp', `[{address}]', `{msa}')dnl
'''


class Syslog:
    """Writes the text sent to /dev/log, which all trees share, to the log of each running Sendmail; queue ids and the
    names of hops show which Sendmail it belongs to."""
    only = None

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.log_paths = []
        threading.Thread(target=self._serve, daemon=True).start()

    @classmethod
    def serve(cls, log_path):
        cls.only = cls.only or cls('/dev/log')
        cls.only.log_paths.append(log_path)

    def _serve(self):
        while True:
            text = self.socket.recv(65536).decode('utf-8', 'replace')
            line = re.sub(r'^<\d+>', '', text).rstrip('\n\0')
            for path in self.log_paths:
                with open(path, 'a', encoding='utf-8') as file:
                    file.write(f'{line}\n')


class Sendmail(Mta):
    QUEUED = r'(\S+) Message accepted for delivery'
    FATES = {'sent': 'stat=Sent', 'deferred': 'stat=Deferred', 'bounced': r'dsn=5\.'}
    NOT_OFFERED = 'other side does not support STARTTLS'
    NOT_VERIFIED = 'authentication failed|not listed in SANs'
    NOT_NAMED = 'not found in'
    SENDER_FIRST = True
    NO_MAP = 'STS lookup temp fail'
    SPOOL, MSP_SPOOL = '/var/spool/mqueue', '/var/spool/mqueue-client'

    def __init__(self, ca_file, name=NAME, address=net.SENDMAIL, root=ROOT):
        super().__init__(name, address, '/var/log/mail.log', root)
        self.ca_file = ca_file
        self.attached = []       # lines of sendmail.mc
        self.edit = None         # edits of the text of sendmail.cf
        self.tables = {'mailertable': {}, 'virtusertable': {}}

    def start(self):
        self.furnish()
        Syslog.serve(self.log.path)
        with open(self.ca_file, encoding='ascii') as file:
            self.write('/etc/mail/lab-ca.pem', file.read())
        self._configure('submit', SUBMIT_MC.format(name=self.name, address=self.address, msa=PORT_MSA))
        self.write('/etc/mail/local-host-names', f'{self.name}\n')
        for table in self.tables:
            self._make_table(table)
        self._run()

    def _run(self):
        self._configure('sendmail', MC.format(name=self.name, address=self.address, msa=PORT_MSA,
                                              loopback=self.loopback, hold=HOLD_MARK, attached='\n'.join(self.attached)))
        self.process = Process(self.name, self.command('sendmail', '-bD'), self.path('/var/log/sendmail.out'))
        self.process.start()
        wait_for(f'Sendmail on port 25 of {self.address}', self.greets)

    def _configure(self, name, text):
        self.write(f'/etc/mail/{name}.mc', text)
        made = self.run('m4', f'/etc/mail/{name}.mc')[1]
        self.write(f'/etc/mail/{name}.cf', self.edit(made) if self.edit and name == 'sendmail' else made)

    def _make_table(self, name):
        text = ''.join(f'{key}\t{value}\n' for key, value in self.tables[name].items())
        self.run('makemap', 'hash', f'/etc/mail/{name}', text=text)

    def route(self, **tables):
        """Sets mailertable or virtusertable, {key: value}; Sendmail reads them again for each session."""
        for name, entries in tables.items():
            self.tables[name] = entries
            self._make_table(name)

    def version(self):
        out = self.run('sendmail', '-d0.1', '-bt', text='', check=False)[1]
        return 'Sendmail ' + re.search(r'^Version (\S+)', out, re.MULTILINE).group(1)

    @staticmethod
    def obeys_tls_required():
        return False

    def attach(self, milter=True, tls_map=True, milter_options=MILTER, map_=MAP, san_test=True, edit=None):
        """Settings that differ from the current ones need a restart."""
        lines = []
        if tls_map:
            without = '' if san_test else ", `NO_SAN_TST'"
            lines.append(f"FEATURE(`sts', `{map_}'{without})dnl")
        if milter:
            lines.append(f"INPUT_MAIL_FILTER(`stsgate', `{milter_options}')dnl")
        if lines == self.attached and edit == self.edit:
            return
        self.attached, self.edit = lines, edit
        if self.running():
            self.stop()
            self._run()

    def submit(self, recipients, sender='local@sendmail.example', subject='a local message'):
        """Submits a message to the MSP with sendmail(1); its queue id at the MTA comes from the log."""
        since = self.log.size()
        text = f'From: <{sender}>\nSubject: {subject}\n\nThe body of the message.\n'
        attempt = Attempt()
        _, out, err = self.run('sendmail', '-i', '-f', sender, *recipients, text=text, check=False)
        attempt.note('MSP', out + err)
        found = wait_for('the MSP is done', lambda: self.log.find(
            re.compile(r': (\w+): from=.*daemon=MSA|stat=Deferred: 4'), since))
        match = re.search(r': (\w+): from=', found[0])
        attempt.queue_id = match and match.group(1)
        return attempt

    def fate(self, queue_id, recipient=None, since=0):
        """The newest delivery line of a message; None if there is none."""
        to = rf'[^ ]*<{re.escape(recipient)}>[^ ]*' if recipient else '[^ ]*'
        found = self.log.find(re.compile(rf'{queue_id}: to={to}, .*stat='), since)
        return found[-1] if found else None

    def why(self, queue_id, line, since=0):
        """Excludes log lines of its rules at RCPT."""
        rules = self.log.find(re.compile(rf'{queue_id}: ruleset=.* reject='), since)
        return ' '.join([self.what(line), *(re.sub('.* reject=', '', rule) for rule in rules[-1:])])

    def verified(self, hop, since=0):
        """The log line that reports a verified certificate of a hop."""
        found = self.log.find(re.compile(
            rf'STARTTLS=client, relay={re.escape(hop.name)}\.?, .*verify=OK'), since)
        return found[-1] if found else None

    def queue(self):
        """{queue id: the kind of its envelope file: q waits, h is quarantined}"""
        return {name[2:]: name[0] for name in os.listdir(self.path(self.SPOOL)) if name[1] == 'f' and name[0] in 'qh'}

    def held(self, queue_id):
        return self.queue().get(queue_id) == 'h'

    def release(self, queue_id):
        self.run('sendmail', '-Q', '-qQ', f'-qI{queue_id}')
        self.flush()

    def retry(self, queue_id):
        """Tries one deferred message again."""
        self.run('sendmail', f'-qI{queue_id}', seconds=60)

    def flush(self):
        self.run('sendmail', '-q', seconds=60)

    def flush_msp(self):
        self.run('sendmail', '-Ac', '-q', seconds=60)

    def waiting_with_msp(self):
        return len([name for name in os.listdir(self.path(self.MSP_SPOOL)) if name.startswith('qf')])

    def empty(self):
        for directory in (self.SPOOL, self.MSP_SPOOL):
            for name in os.listdir(self.path(directory)):
                os.unlink(self.path(f'{directory}/{name}'))

    def map_answer(self, key):
        """The value that the map of FEATURE(sts) returns for a key, as Sendmail sees it, or None."""
        out = self.run('sendmail', '-bt', text=f'/map sts {key}\n')[1]
        found = re.search(r'returns (.*) \(\d+\)', out)
        if found:
            return found.group(1)
        if 'no match (68)' not in out:
            raise RuntimeError(f'/map sts {key}: {out.strip()}')
        return None

    def stop(self):
        if self.running():
            self.process.stop()
