"""DNSSEC: a signed root, the signed top-level domain `signed.`, and a validating resolver.

    resolver    unbound on the loopback address, for Postfix and for the gate
    upstream    the path from there to the signed zones, where an attacker can be placed
    zones       Knot, which signs new records at once
    forwarder   another path to the resolver, for a gate whose provider modifies answers

`example.` is delegated without a key, to the lab's other DNS servers.  Below
`lapsed.signed.` all signatures expired weeks ago.
"""

import base64
import hashlib
import os
import shutil
import ssl
import time

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.update

from . import net
from .crooked import CrookedDns
from .proc import Process, run, wait_for

TLD = 'signed'
LAPSED = f'lapsed.{TLD}'
TTL, KEY_TTL = 1, 3600
LONG_AGO_S = 60 * 86400

KNOT = '''
server:
    listen: {address}@53
    rundir: "{dir}"
log:
  - target: stderr
    any: warning
database:
    storage: "{dir}/{database}"
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
    ksk-lifetime: 0
    dnskey-ttl: {key_ttl}
    cds-cdnskey-publish: none
acl:
  - id: lab
    address: 10.99.0.0/24
    action: update
template:
  - id: default
    storage: "{dir}"
    acl: lab
    dnssec-policy: lab
    zonefile-sync: -1
zone:
'''

APEX = '''
{zone}. {ttl} SOA ns.{tld}. hostmaster.{tld}. 1 60 60 600 {ttl}
{zone}. {ttl} NS ns.{tld}.
'''
ROOT = '''
. {ttl} SOA ns.{tld}. hostmaster.{tld}. 1 60 60 600 {ttl}
. {ttl} NS ns.{tld}.
{tld}. {ttl} NS ns.{tld}.
ns.{tld}. {ttl} A {upstream}
example. {ttl} NS ns.example.
ns.example. {ttl} A {unsigned}
'''

# A name that was bogus a second ago may be good now; a name that is gone may be back.
UNBOUND = '''
server:
    directory: "{dir}"
    username: ""
    chroot: ""
    pidfile: "{dir}/unbound.pid"
    use-syslog: no
    logfile: ""
    interface: {address}
    num-threads: 1
    module-config: "validator iterator"
    trust-anchor-file: "{anchor}"
    trust-anchor-signaling: no
    val-log-level: 2
    val-bogus-ttl: 1
    infra-host-ttl: 1
    do-not-query-localhost: no
    qname-minimisation: no
    aggressive-nsec: no
    unblock-lan-zones: yes
    target-fetch-policy: "0 0 0 0 0"
stub-zone:
    name: "."
    stub-addr: {upstream}
forward-zone:
    name: "example."
    forward-addr: {unsigned}
remote-control:
    control-enable: no
'''


class SignedDns:
    """All four servers; started when a test first needs them."""

    def __init__(self, directory):
        os.makedirs(directory)
        self.dir = directory
        self.anchor = f'{directory}/root.key'
        self.zones = Process('knotd', ['knotd', '-c', f'{directory}/knot.conf'], f'{directory}/knot.log')
        self.resolver = Process('unbound, validating', ['unbound', '-d', '-c', f'{directory}/unbound.conf'],
                                f'{directory}/unbound.log')
        self.upstream = CrookedDns(net.DNS_UPSTREAM, net.DNS_SIGNED)
        self.forwarder = CrookedDns(net.DNS_FORWARDER, net.DNS_VALIDATING)

    def running(self):
        return self.zones.running()

    def start(self):
        for address in (net.DNS_SIGNED, net.DNS_UPSTREAM, net.DNS_FORWARDER):
            net.add(address)
        self._write_zones()
        self.zones.start()
        keys = {zone: wait_for(f'the keys of {zone or "."}', lambda zone=zone: self._keys(zone))
                for zone in ('', TLD, LAPSED)}
        with open(self.anchor, 'w', encoding='ascii') as file:
            file.write(f'{keys[""]}\n')
        for zone, parent in ((TLD, ''), (LAPSED, TLD)):
            digests = [dns.dnssec.make_ds(f'{zone}.', key, 'SHA256').to_text() for key in keys[zone]]
            self._update(parent, f'{zone}.', KEY_TTL, 'DS', *digests)
        self.upstream.start()
        self.forwarder.start()
        self._write(f'{self.dir}/unbound.conf', UNBOUND.format(
            dir=self.dir, address=net.DNS_VALIDATING, anchor=self.anchor, upstream=net.DNS_UPSTREAM,
            unsigned=net.DNS))
        self.start_resolver()

    def stop(self):
        self.resolver.stop()
        self.upstream.stop()
        self.forwarder.stop()
        self.zones.stop()

    def start_resolver(self):
        self.resolver.start()
        wait_for('the validating resolver', lambda: self.secure(f'ns.{TLD}', 'A'))

    def settle(self):
        """Stops all lies."""
        self.upstream.be_honest()
        self.forwarder.be_honest()
        if not self.resolver.running():
            self.start_resolver()

    @staticmethod
    def _write(path, text):
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)

    def _knot(self, database, zones):
        os.makedirs(f'{self.dir}/{database}')
        text = KNOT.format(address=net.DNS_SIGNED, dir=self.dir, database=database, key_ttl=KEY_TTL)
        return text + ''.join(f'  - domain: {zone}.\n    file: {zone or "root"}.zone\n'
                              f'    dnssec-signing: {signing}\n' for zone, signing in zones)

    def _write_zones(self):
        names = {'ttl': TTL, 'tld': TLD, 'upstream': net.DNS_UPSTREAM, 'unsigned': net.DNS}
        self._write(f'{self.dir}/root.zone', ROOT.format(**names))
        self._write(f'{self.dir}/{TLD}.zone', APEX.format(zone=TLD, **names) +
                    f'ns.{TLD}. {TTL} A {net.DNS_UPSTREAM}\n{LAPSED}. {TTL} NS ns.{TLD}.\n')
        self._write_lapsed(APEX.format(zone=LAPSED, **names))
        self._write(f'{self.dir}/knot.conf', self._knot('keys', [('', 'on'), (TLD, 'on'), (LAPSED, 'off')]))

    def _write_lapsed(self, apex):
        self._write(f'{self.dir}/{LAPSED}.zone', f'{apex}*.{LAPSED}. {TTL} TLSA 3 1 1 {"00" * 32}\n')
        self._write(f'{self.dir}/lapsed.conf', self._knot('lapsed-keys', [(LAPSED, 'on')]))
        then = int(time.time()) - LONG_AGO_S
        out = f'{self.dir}/signed'
        os.makedirs(out)
        run('kzonesign', '-c', f'{self.dir}/lapsed.conf', '-o', out, '-t', str(then), f'{LAPSED}.')
        shutil.move(f'{out}/{LAPSED}.zone', f'{self.dir}/{LAPSED}.zone')

    @staticmethod
    def _keys(zone):
        """The key set that the zone's own server returns; None if there is none."""
        question = dns.message.make_query(f'{zone}.', 'DNSKEY')
        try:
            answer = dns.query.udp(question, net.DNS_SIGNED, timeout=1)
        except (OSError, dns.exception.Timeout):
            return None
        return answer.answer[0] if answer.answer else None

    @staticmethod
    def _update(zone, name, ttl, kind, *data):
        change = dns.update.Update(f'{zone}.')
        change.delete(name, kind)
        for one in data:
            change.add(name, ttl, kind, one)
        answer = dns.query.tcp(change, net.DNS_SIGNED, timeout=5)
        if answer.rcode() != dns.rcode.NOERROR:
            raise RuntimeError(f'{name} {kind}: {dns.rcode.to_text(answer.rcode())} from knotd')

    @staticmethod
    def holds(name):
        return name.endswith(f'.{TLD}')

    def set(self, name, kind, *data):
        """Makes data the only records of this kind; without data, removes the kind."""
        self._update(TLD, f'{name}.', TTL, kind, *data)

    def remove(self, name):
        self._update(TLD, f'{name}.', TTL, 'ANY')

    # --- what a client of the resolver sees

    @staticmethod
    def ask(name, kind, server=net.DNS_VALIDATING):
        """The answer to a client that believes AD; None if there is none."""
        question = dns.message.make_query(f'{name}.', kind)
        question.flags |= dns.flags.AD
        try:
            return dns.query.udp(question, server, timeout=2)
        except (OSError, dns.exception.Timeout):
            return None

    def secure(self, name, kind):
        answer = self.ask(name, kind)
        return answer is not None and answer.rcode() == dns.rcode.NOERROR and bool(answer.flags & dns.flags.AD)

    # --- TLSA

    def publish_tlsa(self, hop, *records):
        """records: texts of rdata, or behaviours, each for a `3 0 1` of the certificate that the hop then shows."""
        self.set(tlsa_name(hop), 'TLSA', *(one if ' ' in one else tlsa(hop.certificates.file(one))
                                           for one in records))

    def set_lapsed_tlsa(self, hop):
        """Its TLSA records are in a zone whose signatures have expired (RFC 7671, section 6)."""
        self.set(tlsa_name(hop), 'TLSA')
        self.set(tlsa_name(hop), 'CNAME', f'{hop.name.partition(".")[0]}.{LAPSED}.')


def tlsa_name(hop):
    return f'_{hop.port}._tcp.{hop.name}'


def tlsa(pem_path, usage=3, selector=0, matching=1):
    """The rdata that matches the first certificate of a file."""
    with open(pem_path, encoding='ascii') as file:
        pem = file.read().partition('-----END CERTIFICATE-----')
    data = ssl.PEM_cert_to_DER_cert(pem[0] + pem[1])
    if selector == 1:
        key = run('openssl', 'x509', '-in', pem_path, '-noout', '-pubkey')[1]
        data = base64.b64decode(''.join(key.splitlines()[1:-1]))
    return f'{usage} {selector} {matching} {DIGESTS[matching](data)}'


DIGESTS = {
    0: bytes.hex,
    1: lambda data: hashlib.sha256(data).hexdigest(),
    2: lambda data: hashlib.sha512(data).hexdigest(),
}
