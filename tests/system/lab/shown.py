"""The certificates that an MX host may show, by its behaviour; each is made when it is first shown."""

from . import hop


class Certificates:
    """authority is the one that the gate trusts, strangers one that nobody trusts."""

    def __init__(self, authority, strangers, name, base):
        self.authority = authority
        self.strangers = strangers
        self.name = name
        self.base = base
        self.made = {}

    def file(self, conduct):
        """A PEM file with certificate and key."""
        kind = conduct if conduct in MAKERS else hop.HONEST
        if kind not in self.made:
            self.made[kind] = MAKERS[kind](self, f'{self.base}.{kind}')
        return self.made[kind]

    def _issue(self, path, *names, **more):
        return self.authority.issue(names, path, **more)


def below(name, labels, star='*'):
    """A wildcard in place of the first labels of a name."""
    return '.'.join([star, *name.split('.')[labels:]])


MAKERS = {
    hop.HONEST: lambda own, path: own._issue(path, own.name),
    hop.REVOCABLE: lambda own, path: own._issue(path, own.name, crl=True),
    hop.REISSUED: lambda own, path: own._issue(path, own.name),
    hop.WITH_CA: lambda own, path: own._issue(path, own.name, with_ca=True),
    hop.EXPIRED: lambda own, path: own._issue(path, own.name, expired=True),
    hop.NOT_YET_VALID: lambda own, path: own._issue(path, own.name, early=True),
    hop.WRONG_NAME: lambda own, path: own._issue(path, f'other.{own.name}'),
    hop.CN_ONLY: lambda own, path: own._issue(path, common_name=own.name),
    hop.WILDCARD: lambda own, path: own._issue(path, below(own.name, 1)),
    hop.WILDCARD_DEEP: lambda own, path: own._issue(path, below(own.name, 2)),
    hop.WILDCARD_PARTIAL: lambda own, path: own._issue(path, below(own.name, 1, f'{own.name[0]}*')),
    hop.WEAK_KEY: lambda own, path: own._issue(path, own.name, key='weak.key'),
    hop.UNTRUSTED: lambda own, path: own.strangers.issue([own.name], path),
    hop.SELF_SIGNED: lambda own, path: own.authority.self_sign(own.name, path),
}
