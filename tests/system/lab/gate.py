"""The gate: stsgated with settings of the lab, as its unprivileged user."""

import glob
import http.client
import os
import re
import shutil
import signal

from .proc import Process, run, wait_for

USER = 'stsgate'
DAEMON = '/usr/local/sbin/stsgated'
TOOL = '/usr/local/bin/stsgate'

AS_SERVICE = ['setpriv', '--reuid', USER, '--regid', USER, '--clear-groups', '--no-new-privs']

READY = re.compile(r'\bready\b')
FAKETIME = '/usr/lib/*/faketime/libfaketimeMT.so.1'


def make_user():
    """A package may have made it."""
    if run('id', USER, check=False)[0] == 0:
        return
    run('useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', USER)


class Gate:
    def __init__(self, directory, settings, name='stsgated'):
        os.makedirs(directory)
        self.dir = directory
        self.config = f'{directory}/stsgate.conf'
        self.store = f'{directory}/store'
        self.base = dict(settings, store_path=self.store, user=USER)
        self.settings = dict(self.base)
        self.own_clock = self.as_service = False
        self.command = [DAEMON, '-f', '-c', self.config]
        self.process = Process(name, self.command,
                               f'{directory}/stsgated.log')

    @property
    def log(self):
        return self.process.log

    def write(self):
        with open(self.config, 'w', encoding='utf-8') as file:
            file.writelines(f'{name} = {value}\n' for name, value in self.settings.items())

    def start(self, seconds=30):
        """Starts the daemon with the existing store and waits for its ready line."""
        self.write()
        os.makedirs(self.store, exist_ok=True)
        shutil.chown(self.store, USER, USER)
        os.chmod(self.store, 0o700)
        since = self.log.size()
        clock = self.clock_environment() if self.own_clock else {}
        # env: libfaketime must not begin as root if the daemon does not
        self.process.command = [*(AS_SERVICE if self.as_service else []), 'env',
                                *(f'{name}={value}' for name, value in clock.items()), *self.command]
        self.process.start()
        wait_for('stsgated ready', lambda: self._ready(since), seconds)

    def _ready(self, since):
        if not self.process.running():
            raise RuntimeError(f'stsgated ended with status {self.process.child.returncode}')
        return self.log.find(READY, since)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, seconds=15):
        """Sends SIGTERM and returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def clock_environment(self):
        """With these variables a program has the daemon's clock."""
        # Sets the wall clock only: waits are timed by another clock, which nobody can set.
        return {'LD_PRELOAD': glob.glob(FAKETIME)[0], 'FAKETIME_TIMESTAMP_FILE': f'{self.dir}/clock',
                'FAKETIME_NO_CACHE': '1', 'FAKETIME_DONT_FAKE_MONOTONIC': '1',
                'FAKETIME_FORCE_MONOTONIC_FIX': '0', 'NO_FAKE_STAT': '1'}

    def set_clock(self, seconds):
        """How far the wall clock of a daemon with a fake clock is ahead of the true time; negative: behind."""
        path = f'{self.dir}/clock'
        with open(f'{path}.new', 'w', encoding='ascii') as file:
            file.write(f'{seconds:+d}\n')
        os.rename(f'{path}.new', path)

    def changed(self):
        """Whether the daemon differs from the state that a test expects at its start."""
        return not self.process.running() or self.own_clock or self.as_service or self.settings != self.base

    def restart(self, fresh=False, own_clock=False, as_service=False, **settings):
        """kill -9 and start with the base settings and these; fresh empties the store.  as_service: not as root, as the unit
        does."""
        if self.process.running():
            self.kill()
        self.own_clock = own_clock
        self.as_service = as_service
        self.set_clock(0)
        if fresh:
            shutil.rmtree(self.store, ignore_errors=True)
        self.settings = dict(self.base, **settings)
        self.start()

    def reload(self):
        self.process.send_signal(signal.SIGUSR1)

    def tool(self, *words, own_clock=False):
        """own_clock: with the daemon's clock."""
        clock = self.clock_environment() if own_clock else {}
        return run(TOOL, '-c', self.config, *words, check=False, env={**os.environ, **clock})

    def scrape(self):
        """The lines of /metrics."""
        port, _, host = self.settings['metrics_socket'].removeprefix('inet:').partition('@')
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request('GET', '/metrics')
            reply = connection.getresponse()
            body = reply.read().decode('ascii')
        finally:
            connection.close()
        if reply.status != 200:
            raise RuntimeError(f'/metrics: status {reply.status}')
        return body.splitlines()

    def counter(self, name, **labels):
        """The sum of the series of this name that have these labels; 0 if there is none."""
        total = 0
        for line in self.scrape():
            series, _, value = line.rpartition(' ')
            if series.partition('{')[0] == name and \
                    labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', series)).items():
                total += int(float(value))
        return total
