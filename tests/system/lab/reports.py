"""TLS reports in the lab: who asks for them, what was counted, and the reports that arrive in a mailbox."""

import base64
import email
import email.policy
import gzip
import json
import mailbox
import os
import zlib

from .proc import run, wait_for

USER = 'tlsrpt'
BOX_DOMAIN = 'mailbox.example'
ADDRESS = f'{USER}@{BOX_DOMAIN}'

# dkimpy's `strict` demands that the key is for TLS reports (RFC 8460 3). It does not know that s= is a list.
VERIFY = '''
import dkim, dkim.dnsplug, sys
def key(name, timeout=5):
    return dkim.dnsplug.get_txt(name, timeout).replace(b's=tlsrpt:email', b's=tlsrpt')
sys.exit(not dkim.verify(sys.stdin.buffer.read(), dnsfunc=key, tlsrpt='strict'))
'''


def ask(lab, domain, *addresses):
    """Publishes that a domain wants reports."""
    uris = ','.join(f'mailto:{address}' for address in addresses or (ADDRESS,))
    lab.dns.set(f'_smtp._tls.{domain}', 'TXT', f'"v=TLSRPTv1; rua={uris}"')


def sums(lab, domain, **how):
    """What was counted for a domain: {policy type: (successful, failed)} and {result type: sessions}; None if nothing was."""
    status, out, _ = lab.gate.tool('report', 'show', '--json', domain, **how)
    if status != 0 or not out:
        return None
    report = json.loads(out.splitlines()[0])
    totals, results = {}, {}
    for one in report['policies']:
        kind = one['policy']['policy-type']
        good, bad = totals.get(kind, (0, 0))
        summary = one['summary']
        totals[kind] = (good + summary['total-successful-session-count'], bad + summary['total-failure-session-count'])
        for detail in one.get('failure-details', []):
            result = detail['result-type']
            results[result] = results.get(result, 0) + detail['failed-session-count']
    return totals, results


def wait_sums(lab, domain, wanted, **how):
    """Waits until a domain has these sums; the daemon writes them within five seconds."""
    wait_for(f'the sums {wanted} of {domain}', lambda: sums(lab, domain, **how) == wanted or None, 10, pause=0.3)


class Mailbox:
    """A mailbox at the lab's own relay, into which its local(8) delivers."""
    PATH = f'/var/mail/{USER}'

    def __init__(self, lab):
        self.lab = lab
        run('useradd', '--system', '--no-create-home', USER, check=False)
        if os.path.exists(self.PATH):
            os.unlink(self.PATH)
        lab.dns.set(BOX_DOMAIN, 'MX', f'10 {lab.relay.name}.')
        self.before = lab.relay.settings['mydestination']
        lab.relay.set(mydestination=f'{self.before}, {BOX_DOMAIN}')

    def close(self):
        self.lab.relay.set(mydestination=self.before)

    def _messages(self):
        if not os.path.exists(self.PATH):
            return []
        return [bytes(message) for message in mailbox.mbox(self.PATH)]

    def wait(self, count, seconds=20):
        """The messages, as octets, once there are so many."""
        return wait_for(f'{count} messages in the mailbox',
                        lambda: (len(self._messages()) >= count and self._messages()) or None, seconds, pause=0.2)


class Received:
    """A report as it was received by mail."""

    def __init__(self, octets):
        self.octets = octets
        self.message = email.message_from_bytes(octets, policy=email.policy.default)
        self.parts = list(self.message.iter_parts())
        self.packed = base64.b64decode(self.parts[1].get_payload())
        self.report = json.loads(gzip.decompress(self.packed))

    def is_one_member(self):
        """Whether the file is exactly one gzip member, and nothing follows it."""
        unpacking = zlib.decompressobj(31)
        unpacking.decompress(self.packed)
        return unpacking.eof and not unpacking.unused_data

    def has_signature(self, environment=None):
        """Whether dkimpy, which looks the key up in the lab's DNS, accepts the signature."""
        done = run('python3', '-B', '-c', VERIFY, text=self.octets.decode('ascii'), check=False,
                   env={**os.environ, **(environment or {})})
        return done[0] == 0
