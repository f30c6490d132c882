"""The lab: all its parts together, and domains as a test needs them."""

import os

from . import ca, crooked, dns, exim, gate, hop, net, policyhost, policyserver, relay, sendmail, shown, signed
from .proc import wait_for
from .story import Skipped

PLACE = '/lab-run'

GATE_SETTINGS = {
    'mode': 'enforce',
    'mta_enforces': 'yes',
    'log_verdicts': 'all',
    'own_hosts': relay.NAME,
    'dns_servers': net.DNS_OF_GATE,
    'dnssec': 'off',
    'fetch_ca_file': f'{PLACE}/ca/ca.crt',
    'probe_ca_file': f'{PLACE}/ca/ca.crt',
    'fetch_private': 'yes',
    'probe_private': 'yes',
    'probe_helo': relay.NAME,
    'probe_ttl_fail': '1s',
    'probe_timeout': '3s',
    'milter_socket': 'inet:8462@127.0.0.1',
    'socketmap_socket': 'inet:8461@127.0.0.1',
    'metrics_socket': 'inet:9461@127.0.0.1',
}

# Gates beside the first, each behind another port of the relay: one as if there were only the milter,
# one that only tags, so that a header shows its verdict.
SIDE_GATES = {
    'alone': {'mta_enforces': 'no', 'milter_socket': 'inet:8472@127.0.0.1',
              'socketmap_socket': 'inet:8471@127.0.0.1', 'metrics_socket': 'inet:9471@127.0.0.1'},
    'tag': {'mta_enforces': 'no', 'milter_on_fail': 'tag', 'milter_socket': 'inet:8482@127.0.0.1',
            'socketmap_socket': 'inet:8481@127.0.0.1', 'metrics_socket': 'inet:9481@127.0.0.1'},
}


# The differences if the gate's resolver validates.
SIGNED_SETTINGS = {
    'dns_servers': net.DNS_VALIDATING,
    'dnssec': 'auto',
    'dns_trust_anchor': f'{PLACE}/signed/root.key',
}


class Domain:
    """A mail domain: its MX hosts by name, its policy, its records."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.ascii = name.encode('idna').decode('ascii')
        self.hops = {}
        self.policy_address = None

    def address(self, local='user'):
        return f'{local}@{self.name}'

    @property
    def mx(self):
        """The first of its MX hosts."""
        return next(iter(self.hops.values()))

    def publish_record(self, text=None):
        self.lab.dns.set(f'_mta-sts.{self.ascii}', 'TXT', text or '"v=STSv1; id=1;"')

    def hide_record(self):
        self.lab.dns.remove(f'_mta-sts.{self.ascii}')

    def publish_policy(self, mode='enforce', mx=None, body=None, **more):
        if self.policy_address is None:
            self.policy_address = self.lab.new_address()
            self.lab.dns.set(f'mta-sts.{self.ascii}', 'A', self.policy_address)
        names = mx or [one.name for one in self.hops.values()]
        self.lab.policy_hosts.publish(self.ascii, body or policyhost.policy_text(mode, names, **more))

    def set_mx(self, *hops):
        """Points MX at hops, best first, preferences ten apart."""
        self.lab.dns.set(self.ascii, 'MX', *(f'{10 * place} {one.name}.'
                                             for place, one in enumerate(hops, 1)))


class Lab:
    """main_mta: the MTA that is the relay of the scenes."""

    def __init__(self, main_mta='postfix'):
        os.makedirs(PLACE, exist_ok=True)
        self.plan = net.Plan()
        self.hops = {}
        self.authority = ca.Authority(f'{PLACE}/ca', 'Lab Root')
        self.strangers = ca.Authority(f'{PLACE}/other-ca', 'Unknown Root')
        self.signed = signed.SignedDns(f'{PLACE}/signed')
        self.dns = dns.Views(dns.DnsServer(net.DNS, f'{PLACE}/dns'),
                             dns.DnsServer(net.DNS_OF_GATE, f'{PLACE}/dns-of-gate'), self.signed)
        self.crooked_dns = crooked.CrookedDns(net.DNS_CROOKED, net.DNS_OF_GATE)
        self.policy_hosts = policyhost.PolicyHosts(f'{PLACE}/nginx', self.authority)
        # MTAs in their own trees are started when a test first needs them
        self.consumers = {
            'postfix': relay.Relay(self.authority.file),
            'postfix-next': relay.Relay(self.authority.file, relay.NAME_NEXT, net.POSTFIX_NEXT, relay.ROOT_NEXT),
            'postfix-newest': relay.Relay(self.authority.file, relay.NAME_NEWEST, net.POSTFIX_NEWEST, relay.ROOT_NEWEST,
                                          self.authority),
            'sendmail': sendmail.Sendmail(self.authority.file),
            'sendmail-next': sendmail.Sendmail(self.authority.file, sendmail.NAME_NEXT, net.SENDMAIL_NEXT,
                                               sendmail.ROOT_NEXT),
            'exim': exim.Exim(self.authority.file, split=True),
            'exim-next': exim.Exim(self.authority.file, False, exim.NAME_NEXT, net.EXIM_NEXT, exim.ROOT_NEXT)}
        self.relay = self.consumers[main_mta]
        self.gate = gate.Gate(f'{PLACE}/gate', GATE_SETTINGS)
        self.side_gates = {name: gate.Gate(f'{PLACE}/gate-{name}', dict(GATE_SETTINGS, **more), name)
                           for name, more in SIDE_GATES.items()}
        os.makedirs(f'{PLACE}/cert')

    def start(self, with_gate=True, attach=lambda lab: lab.relay.attach()):
        """attach: gives the relay the lines that attach it to the gate."""
        net.up()
        with open('/etc/resolv.conf', 'w', encoding='ascii') as file:
            file.write(f'nameserver {net.DNS}\n')
        with open('/etc/hosts', 'w', encoding='ascii') as file:
            file.write('127.0.0.1 localhost\n')
            file.writelines(f'{one.address} {one.name}\n' for one in self.consumers.values())
        with open('/proc/sys/kernel/hostname', 'w', encoding='ascii') as file:
            file.write(relay.NAME)
        self.dns.common.start()
        self.dns.of_gate.start()
        self.crooked_dns.start()
        for one in self.consumers.values():
            self.dns.set(one.name, 'A', one.address)
        self.policy_hosts.start()
        gate.make_user()
        if with_gate:
            self.gate.start()
            attach(self)
        self.relay.start()

    def consumer(self, name):
        """Another relay, attached to the same gate."""
        one = self.consumers[name]
        if one.root and not os.path.isdir(one.root):
            raise Skipped(f'this machine has no tree with {name}')
        one.attach()
        if not one.running():
            one.start()
        return one

    def stop(self):
        for one in self.consumers.values():
            one.stop()
        for one in (self.gate, *self.side_gates.values()):
            if one.process.running():
                one.terminate()
        self.policy_hosts.stop()
        self.crooked_dns.stop()
        self.signed.stop()
        self.dns.common.stop()
        self.dns.of_gate.stop()

    def open_side_doors(self):
        for one in self.side_gates.values():
            if not one.process.running():
                one.start()

    def restart_gates(self, **how):
        """All gates, with a test's settings."""
        for one in (self.gate, *self.side_gates.values()):
            one.restart(**how)

    def new_address(self):
        address = self.plan.next()
        net.add(address)
        return address

    def new_hop(self, name, conduct=hop.HONEST, v6=False, port=25):
        """An MX host with a DNS name, and certificates for each behaviour."""
        address = self.plan.next6() if v6 else self.plan.next()
        net.add(address)
        self.dns.set(name, 'AAAA' if v6 else 'A', address)
        made = hop.Hop(name, address, shown.Certificates(
            self.authority, self.strangers, name, f'{PLACE}/cert/hop-{address}'), port)
        self.hops[name] = made
        made.become(conduct)
        return made

    def domain(self, name, mode='enforce', conduct=hop.HONEST, policy=True, v6=False, mx=None, tld='example'):
        """A whole domain; mode None or policy=False publishes no policy."""
        made = Domain(self, f'{name}.{tld}')
        first = self.new_hop(mx or f'mx.{made.ascii}', conduct, v6)
        made.hops[first.name] = first
        made.set_mx(first)
        if policy:
            made.publish_policy(mode)
            made.publish_record()
        return made

    def use_signed(self, *relays):
        """From now on signed names resolve, and these relays and the gate use the validating resolver."""
        if not self.signed.running():
            self.signed.start()
        for one in relays:
            one.resolve(net.DNS_VALIDATING, dnssec=True)
        if self.gate.process.running() and not SIGNED_SETTINGS.items() <= self.gate.base.items():
            self.gate.base.update(SIGNED_SETTINGS)
            self.gate.restart()

    def new_policy_server(self, domain, body):
        """A policy host for this domain only, beside nginx; the domain's name does not point to it yet."""
        address = self.new_address()
        return policyserver.PolicyServer(f'mta-sts.{domain.ascii}', address, self.authority,
                                         f'{PLACE}/cert/policy-{address}', body)

    def arrivals(self):
        return [arrival for one in self.hops.values() for arrival in one.arrivals]

    def wait_arrival(self, one, count=1, seconds=20):
        """The newest whole message at a hop, once it has count of them."""
        wait_for(f'message {count} at {one.name}', lambda: len(
            [arrival for arrival in one.arrivals if arrival.complete]) >= count, seconds)
        return one.arrivals[-1]

    def settle(self):
        """Before each scene: servers answer, the queue is empty, the gate has its base settings."""
        hurt = False
        for server in (self.dns.common, self.dns.of_gate):
            if server.frozen:
                server.thaw()
                hurt = True
            if not server.process.running():
                server.start()
                hurt = True
        if not self.policy_hosts.process.running():
            self.policy_hosts.start()
        for one in self.consumers.values():
            if one.running():
                one.empty()
        # after a DNS outage the gate remembers for some seconds that its server was dead
        self.crooked_dns.be_honest()
        if self.signed.running():
            self.signed.settle()
        if hurt or self.gate.changed():
            self.gate.restart()
        for one in self.side_gates.values():
            if one.process.running() and (hurt or one.changed()):
                one.restart()
        self.relay.attach()
