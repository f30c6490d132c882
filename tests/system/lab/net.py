"""Addresses.  Every host of the lab has its own, so that all have their real ports.

The addresses are on the loopback interface, which every kernel has.
"""

from .proc import run

INTERFACE = 'lo'
RELAY = '10.99.0.1'
DNS = '10.99.0.53'
DNS_OF_GATE = '10.99.0.54'
DNS_CROOKED = '10.99.0.55'
DNS_SIGNED = '10.99.0.56'        # the signed zones
DNS_UPSTREAM = '10.99.0.57'      # the path to the signed zones, which can be made to lie
DNS_FORWARDER = '10.99.0.58'     # a forwarder to the resolver below, honest or not
DNS_VALIDATING = '127.0.0.1'     # the validating resolver, whose AD bit can be believed
POSTFIX_NEXT = '10.99.0.2'
SENDMAIL = '10.99.0.3'
SENDMAIL_NEXT = '10.99.0.4'
POSTFIX_NEWEST = '10.99.0.9'
EXIM = '10.99.0.5'
EXIM_NEXT = '10.99.0.6'
# Each MTA's own loopback address, for clients on its machine.
LOOPBACK = {RELAY: '127.0.0.1', POSTFIX_NEXT: '127.0.0.2', SENDMAIL: '127.0.0.3', SENDMAIL_NEXT: '127.0.0.4',
            POSTFIX_NEWEST: '127.0.0.9', EXIM: '127.0.0.5', EXIM_NEXT: '127.0.0.6'}


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
    """Assigns addresses, each host in its own network: stsgated limits probes per network."""

    def __init__(self):
        self.count = 0

    def next(self):
        self.count += 1
        return f'10.{100 + self.count // 250}.{self.count % 250}.25'

    def next6(self):
        self.count += 1
        return f'fd00:{self.count:x}::25'
