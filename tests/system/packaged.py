"""Plays the demo with an installed package.  Called inside the room by tests/packages/run.

The relay and the gate run in the tree /beside/postfix, where the package is installed, with that tree's Postfix and the
lines of the package's README.  What the lab changes is in lab.world.GATE_SETTINGS: its own DNS, authorities and addresses.
"""

import gzip
import os
import re
import sys

from lab.mta import BESIDE
from lab.proc import run
from lab.story import expect
from lab.world import PLACE, Lab
from lab import gate
import main
import scenes

ROOT = f'{BESIDE}/postfix'
README = f'{ROOT}/usr/share/doc/stsgate/README.gz'
AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'
INSTALLED = {gate.DAEMON: '/usr/sbin/stsgated', gate.TOOL: '/usr/bin/stsgate'}


def share(directory):
    """Makes a directory of the lab the same in the relay's tree."""
    os.makedirs(directory, exist_ok=True)
    os.makedirs(f'{ROOT}{directory}', exist_ok=True)
    run('mount', '--bind', directory, f'{ROOT}{directory}')


def put_programs():
    """The lab's programs are those of the package, in its own tree."""
    for path, installed in INSTALLED.items():
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'#!/bin/sh\nexec chroot {ROOT} {installed} "$@"\n')
        os.chmod(path, 0o755)


def make_user():
    """The package has made the user; the lab has it with the same numbers."""
    numbers = [run('chroot', ROOT, 'id', option, gate.USER)[1].strip() for option in ('-u', '-g')]
    run('groupadd', '-o', '-g', numbers[1], gate.USER)
    run('useradd', '-o', '-u', numbers[0], '-g', numbers[1], '--no-create-home', gate.USER)


def readme_lines():
    """{name: value} of README's lines for main.cf, with milter and map."""
    with gzip.open(README, 'rt', encoding='utf-8') as file:
        section = file.read().partition('\nATTACH POSTFIX\n')[2]
    block = re.search(r'^main\.cf:\n((?:    .*\n)+)^stsgate\.conf:\n((?:    .*\n)+)', section, re.M)
    expect('the line for stsgate.conf', True, '    mta_enforces = yes\n' in block.group(2))
    return dict(line.strip().split(' = ', 1) for line in block.group(1).splitlines())


def attach(lab):
    """Gives Postfix the lines of README, and the lab's authority to the machine."""
    lines = readme_lines()
    expect('the authorities in README', AUTHORITIES, lines['smtp_tls_CAfile'])
    with open(lab.authority.file, encoding='ascii') as file, open(f'{ROOT}{AUTHORITIES}', 'a', encoding='ascii') as all_:
        all_.write(file.read())
    lab.relay.set(**lines)


def play():
    share(PLACE)
    share('/usr/local')
    put_programs()
    make_user()
    lab = Lab('postfix-next')
    try:
        lab.start(attach=attach)
        return 1 if main.test(lab, [(one.__name__.replace('_', '-'), None, one) for one in scenes.SCENES], True) else 0
    finally:
        lab.stop()


if __name__ == '__main__':
    sys.exit(play())
