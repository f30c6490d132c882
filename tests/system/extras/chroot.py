"""Postfix with a chrooted smtp(8), as in Debian, and the map on a UNIX socket below the queue directory."""

import os
import shutil
from contextlib import contextmanager

from lab import hop
from lab.gate import DAEMON, USER
from lab.proc import run
from lab.story import expect, expect_match

from . import test

SPOOL = '/var/spool/postfix'
SOCKET = 'stsgate/map'


def chroot(relay, flag):
    relay.run('postconf', '-F', f'smtp/unix/chroot={flag}')
    # Debian copies the files that libc reads into the queue directory before each start: its unit does that, and
    # since Debian 13 Postfix's own script
    if relay.version_number() < (3, 9):
        relay.run('/usr/lib/postfix/configure-instance.sh', '-')
    else:
        relay.run('postfix', 'check')
    relay.reload()


@contextmanager
def jail(lab):
    """As in stsgated(8): a directory of the daemon's user, a socket of Postfix's group."""
    os.makedirs(f'{SPOOL}/stsgate')
    shutil.chown(f'{SPOOL}/stsgate', USER)
    lab.gate.restart(socketmap_socket=f'unix:{SPOOL}/{SOCKET}', socket_owner=':postfix')
    try:
        chroot(lab.relay, 'y')
        yield
    finally:
        chroot(lab.relay, 'n')
        lab.gate.kill()
        shutil.rmtree(f'{SPOOL}/stsgate')


def attach(lab, path):
    lab.relay.attach(map_=f'socketmap:unix:{path}:postfix')


@test
def chrooted_smtp(lab, stage):
    """A chrooted smtp(8) reaches the map by the path below the queue directory; with the full path mail waits."""
    calm, attacked, lost = lab.domain('jailed'), lab.domain('jailed-stripped'), lab.domain('jailed-lost')
    with jail(lab):
        attach(lab, SOCKET)
        listed = run('ls', '-l', f'{SPOOL}/{SOCKET}')[1]
        stage.tell('socket', listed)
        expect_match('the socket', f'^srw-rw---- 1 {USER} postfix ', listed)
        for place, hinted in ((f'{SPOOL}/stsgate', False), (lab.gate.store, True)):
            told = run(DAEMON, '-t', '-c', lab.gate.config, '-o', f'socketmap_socket=unix:{place}/other')[2]
            expect(f'-t hints at the chroot for a socket in {place}', hinted, 'a chrooted Postfix' in told)
        stage.encrypted(stage.send(calm), calm.mx)
        stage.verified(calm.mx)
        held = stage.send(attacked, hold=True)
        stage.turn(attacked.mx, hop.STRIPPED, f'STARTTLS is stripped at {attacked.mx.name}')
        stage.release(held)
        stage.deferred(held, lab.relay.NOT_OFFERED)
        stage.nothing_at(attacked.mx)
        attach(lab, f'{SPOOL}/{SOCKET}')
        stage.deferred(stage.send(lost), lab.relay.NO_MAP)
        stage.nothing_at(lost.mx)
        attach(lab, SOCKET)
        stage.flush()
        lab.wait_arrival(lost.mx)
