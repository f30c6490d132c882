"""A relay that is a real Exim with Debian's configuration, in its own tree, with the files of packaging/examples."""

import os
import re
import shutil

from . import net
from .mta import BESIDE, Attempt, Mta
from .proc import Process, wait_for

NAME, ROOT = 'exim.example', f'{BESIDE}/exim'
NAME_NEXT, ROOT_NEXT = 'exim-next.example', f'{BESIDE}/exim-next'
EXAMPLES = '/documents/examples'
CONF = '/etc/exim4'
SPOOL = '/var/spool/exim4'
AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'

DEBIAN = '''\
dc_eximconfig_configtype='internet'
dc_other_hostnames='{name}'
dc_local_interfaces='{address} ; {loopback}'
dc_readhost=''
dc_relay_domains='inwards.example'
dc_minimaldns='false'
dc_relay_nets='10.99.0.0/24'
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
'''
# The hosts of the lab have private addresses.
MACROS = '''\
ROUTER_DNSLOOKUP_IGNORE_TARGET_HOSTS = 0.0.0.0
MAIN_SMTPUTF8_ADVERTISE_HOSTS = *
'''
# Without split files, Debian's template includes the two files above these lines, as stsgated(8) says.
INCLUDES = ('sed', '-i', '-e', r'0,\|^### router/200|s||.include /etc/exim4/stsgate-router\n&|',
            '-e', r'0,\|^### transport/35|s||.include /etc/exim4/stsgate-transport\n&|', f'{CONF}/exim4.conf.template')


class Exim(Mta):
    """split: with Debian's split configuration."""
    QUEUED = r'id=(\S+)'
    FATES = {'sent': ' [=-]> ', 'deferred': ' == ', 'bounced': r' \*\* '}
    NOT_OFFERED = 'a TLS session is required, but the server did not offer TLS support'
    NOT_VERIFIED = 'certificate'
    NOT_NAMED = 'stsgate: no mail host of .* satisfies its policy'
    SENDER_FIRST = False
    NO_MAP = 'stsgate: no answer from .*, is stsgated running'

    def __init__(self, ca_file, split, name=NAME, address=net.EXIM, root=ROOT):
        super().__init__(name, address, '/var/log/exim4/mainlog', root)
        self.ca_file = ca_file
        self.split = split
        self.macros = {}

    def start(self):
        self.furnish()
        with open(self.ca_file, encoding='ascii') as file, \
                open(self.path(AUTHORITIES), 'a', encoding='ascii') as authorities:
            authorities.write(file.read())
        self.write('/etc/mailname', f'{self.name}\n')
        self.write(f'{CONF}/update-exim4.conf.conf', DEBIAN.format(
            name=self.name, address=self.address, loopback=self.loopback, split=str(self.split).lower()))
        self._put_recipe()
        self._configure()
        self.process = Process(self.name, self.command('exim4', '-bdf'), self.path('/var/log/exim4/out'))
        self.process.start()
        wait_for(f'Exim on port 25 of {self.address}', self.greets)

    def _put_recipe(self):
        places = ('conf.d/router/190_stsgate', 'conf.d/transport/35_stsgate') if self.split else \
            ('stsgate-router', 'stsgate-transport')
        for name, place in zip(('exim-router', 'exim-transport'), places, strict=True):
            shutil.copy(f'{EXAMPLES}/{name}', self.path(f'{CONF}/{place}'))
        if not self.split:
            self.run(*INCLUDES)

    def _configure(self):
        macros = ''.join(f'{name} = {value}\n' for name, value in self.macros.items())
        name = f'{CONF}/conf.d/main/00_lab' if self.split else f'{CONF}/exim4.conf.localmacros'
        self.write(name, MACROS + macros)
        self.run('update-exim4.conf')

    def set(self, **macros):
        """Defines macros of the configuration; each delivery reads it anew."""
        if macros != self.macros:
            self.macros = macros
            self._configure()

    def resolve(self, server, dnssec=False):
        options = 'options trust-ad\n' if dnssec else ''
        self.write('/etc/resolv.conf', f'nameserver {server}\n{options}')

    def attach(self):
        """It is attached from the start: nothing of stsgate is in its reception of mail."""

    def version(self):
        return 'Exim ' + re.search(r'Exim version (\S+)', self.run('exim4', '-bV')[1]).group(1)

    @staticmethod
    def obeys_tls_required():
        return False

    def submit(self, recipients, sender='local@exim.example', subject='a local message'):
        since = self.log.size()
        text = f'From: <{sender}>\nSubject: {subject}\n\nThe body of the message.\n'
        self.run('exim4', '-i', '-f', sender, *recipients, text=text)
        attempt = Attempt()
        attempt.queue_id = wait_for('the local message in the log', lambda: self.log.find(
            re.compile(r' <= '), since))[0].split()[2]
        return attempt

    def fate(self, queue_id, recipient=None, since=0):
        """The newest line about the delivery to a recipient; None if there is none."""
        to = re.escape(recipient) if recipient else r'\S+'
        found = self.log.find(re.compile(rf'(?i){re.escape(queue_id)} (=>|->|==|\*\*) {to} '), since)
        return found[-1] if found else None

    @staticmethod
    def what(line):
        return line.split(' ', 3)[-1]

    def verified(self, hop, since=0):
        found = self.log.find(re.compile(rf' [=-]> .* H={re.escape(hop.name)} .* CV=(yes|dane)'), since)
        return found[-1] if found else None

    def queue(self):
        """{queue id: its file of headers}"""
        return {name[:-2]: name for _, _, names in os.walk(self.path(f'{SPOOL}/input')) for name in names
                if name.endswith('-H')}

    def retry(self, queue_id):
        """Tries one deferred message again."""
        self.run('exim4', '-M', queue_id, seconds=60)

    def flush(self):
        self.run('exim4', '-qff', seconds=60)

    def empty(self):
        for queue_id in self.queue():
            self.run('exim4', '-Mrm', queue_id, check=False)
        shutil.rmtree(self.path(f'{SPOOL}/db'), ignore_errors=True)

    def map_answer(self, key):
        """The map's answer as the recipe's router sees it; None: NOTFOUND."""
        where = self.macros.get('STSGATE_MAP', 'inet:127.0.0.1:8461')
        ask = f'${{strlen:exim {key}}}:exim {key},'
        answer = self.run('exim4', '-be', f'${{readsocket{{{where}}}{{{ask}}}{{70s}}}}')[1].strip()
        answer = re.fullmatch(r'\d+:(.*),', answer).group(1)
        if answer.startswith('TEMP '):
            raise RuntimeError(answer)
        return None if answer == 'NOTFOUND ' else answer.removeprefix('OK ')

    def stop(self):
        if self.running():
            self.process.stop()
