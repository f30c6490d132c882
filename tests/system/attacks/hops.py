"""What an attacker, or a broken host, does on port 25."""

from lab import hop

from . import attack
from .siege import Siege, play


def conduct(lab, name, how, reason, **more):
    """A siege in which the only MX host of a domain behaves badly."""
    more.setdefault('about', r'mx\.\S+ .*')
    return Siege(lab.domain(name), lambda domain: domain.mx.become(how),
                 lambda domain: domain.mx.become(hop.HONEST), reason,
                 later=lab.domain(f'{name}-later'), **more)


@attack
def hop_strips_starttls(lab, stage):
    """STARTTLS is taken out of what an MX host offers."""
    play(lab, stage, conduct(lab, 'strips', hop.STRIPPED, 'starttls-not-supported',
                             about=r'mx\.strips\.example offers no STARTTLS',
                             queued='TLS is required, but was not offered'))
