"""Addresses.  Every host of the lab has one of its own, so that all have their real ports.

They are on the loopback interface, the one kind that every kernel has.
"""

from .proc import run

INTERFACE = 'lo'
RELAY = '10.99.0.1'
DNS = '10.99.0.53'
DNS_OF_GATE = '10.99.0.54'
DNS_CROOKED = '10.99.0.55'
DNS_SIGNED = '10.99.0.56'        # the signed zones
DNS_UPSTREAM = '10.99.0.57'      # the way to them, which lies when it is told to
DNS_FORWARDER = '10.99.0.58'     # a forwarder to the resolver below, honest or not
DNS_VALIDATING = '127.0.0.1'     # its AD bit may be believed
POSTFIX_NEXT = '10.99.0.2'
SENDMAIL = '10.99.0.3'
SENDMAIL_NEXT = '10.99.0.4'


def up():
    run('ip', 'link', 'set', INTERFACE, 'up')
    for address in (RELAY, DNS, DNS_OF_GATE, DNS_CROOKED):
        add(address)


def add(address):
    bits, extra = ('128', ['nodad']) if ':' in address else ('32', [])
    run('ip', 'address', 'add', f'{address}/{bits}', 'dev', INTERFACE, *extra)


def remove(address):
    bits = '128' if ':' in address else '32'
    run('ip', 'address', 'del', f'{address}/{bits}', 'dev', INTERFACE)


class Plan:
    """Hands out addresses, each host in a network of its own: stsgated limits probes per network."""

    def __init__(self):
        self.count = 0

    def next(self):
        self.count += 1
        return f'10.{100 + self.count // 250}.{self.count % 250}.25'

    def next6(self):
        self.count += 1
        return f'fd00:{self.count:x}::25'
