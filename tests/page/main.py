"""Runs the tests of the status page.  Called inside the room by tests/page/run."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import attacks
import looks
import texts
from browser import Browser
from gates import OUTSIDE, STORIES, UNIX_SOCKET, Gate, make_user

TESTS = texts.TESTS + looks.TESTS + attacks.TESTS


class Page:
    """What the tests share: the daemons by story, one browser, and a directory to keep files in."""

    def __init__(self, place, out):
        self.out = out
        self.gates = {story: Gate(place, story, number) for number, story in enumerate(STORIES)}
        self.gates['unix'] = Gate(place, 'empty', len(STORIES), UNIX_SOCKET)
        self.gates['outside'] = Gate(place, 'attack', len(STORIES) + 1, host=OUTSIDE)
        for gate in self.gates.values():
            gate.wait()
        self.browser = Browser(place)

    def keep(self, name, text):
        with open(f'{self.out}/{name}', 'w', encoding='utf-8') as file:
            file.write(text)

    def stop(self):
        self.browser.close()
        return {story: gate.stop() for story, gate in self.gates.items()}


def play(page, name, test):
    begun = time.monotonic()
    try:
        test(page)
        wrong = '; '.join(f'stsgated has ended on the store {story}' for story, gate in page.gates.items()
                          if gate.child.poll() is not None)
    except AssertionError as failure:
        wrong = str(failure) or traceback.format_exc()
    except Exception:
        wrong = traceback.format_exc()
    print(f'{"FAIL" if wrong else "ok"} {name} ({time.monotonic() - begun:.1f} s)', flush=True)
    if wrong:
        print(wrong, flush=True)
    return not wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--only', action='append', metavar='NAME')
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    tests = [(test.__name__.replace('_', '-'), test) for test in TESTS]
    if options.list:
        print('\n'.join(f'{name}: {test.__doc__.split(chr(10))[0]}' for name, test in tests))
        return 0
    chosen = [one for one in tests if not options.only or one[0] in options.only]
    if not chosen:
        print('no such test', file=sys.stderr)
        return 64
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    subprocess.run(['ip', 'address', 'add', f'{OUTSIDE}/32', 'dev', 'lo'], check=True)
    make_user()
    place = tempfile.mkdtemp()
    os.chmod(place, 0o755)
    out = '/out' if os.path.isdir('/out') else place
    page = Page(place, out)
    passed = 0
    for name, test in chosen:
        passed += play(page, name, test)
        if any(gate.child.poll() is not None for gate in page.gates.values()):
            break  # all that follows would fail, too
    statuses = page.stop()
    if out != place:
        for story, gate in page.gates.items():
            shutil.copy(gate.log, f'{out}/{story}.log')
    if any(statuses.values()):
        print(f'stsgated ended with a status that is not 0: {statuses}')
    print(f'page: {passed} passed, {len(chosen) - passed} failed')
    return 0 if passed == len(chosen) and not any(statuses.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
