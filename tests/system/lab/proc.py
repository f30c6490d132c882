"""Processes and waiting.  Every wait has a time limit, and processes are ended by their ids."""

import os
import signal
import subprocess
import time


class Timeout(Exception):
    """An expected event did not happen in time."""


def wait_for(what, probe, seconds=10.0, pause=0.03):
    """Calls probe until it returns a true value, and returns that; Timeout names the missing event."""
    end = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Timeout(f'{what}: not within {seconds:g} s')
        time.sleep(pause)


def run(*command, text=None, check=True, seconds=30, **more):
    """Runs a command to its end and returns (status, standard output, standard error)."""
    done = subprocess.run(command, input=text, capture_output=True, text=True,
                          timeout=seconds, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f'{" ".join(command)}: status {done.returncode}\n'
                           f'{done.stdout}{done.stderr}')
    return done.returncode, done.stdout, done.stderr


class LogFile:
    """A growing text file that can be read from marks on."""

    def __init__(self, path):
        self.path = path

    def size(self):
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def lines(self, since=0):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding='utf-8', errors='replace') as file:
            file.seek(since)
            return file.read().splitlines()

    def find(self, pattern, since=0):
        """The lines that match the compiled pattern."""
        return [line for line in self.lines(since) if pattern.search(line)]

    def tail(self, count=25):
        return self.lines()[-count:]


class Process:
    """A program in the foreground whose output goes to a log file."""

    def __init__(self, name, command, log_path):
        self.name = name
        self.command = command
        self.log = LogFile(log_path)
        self.child = None

    def start(self):
        with open(self.log.path, 'ab') as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def send_signal(self, number):
        os.kill(self.child.pid, number)

    def wait(self, seconds=10):
        """The exit status; minus the signal's number if a signal ended the program."""
        try:
            return self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Timeout(f'{self.name} did not end within {seconds} s') from None

    def stop(self, number=signal.SIGTERM, seconds=10):
        if not self.running():
            return None if self.child is None else self.child.returncode
        self.send_signal(number)
        try:
            return self.wait(seconds)
        except Timeout:
            self.send_signal(signal.SIGKILL)
            return self.wait()
