"""Runs scenes in the lab.  Called inside the room by tests/system/run and packaging/quickstart."""

import argparse
import os
import re
import shutil
import sys
import time
import traceback

from lab.story import Failed, Skipped, Stage, Story, expect
from lab.world import PLACE, Lab

# No log of the daemon may contain these words, whatever a test does.
DISASTER = re.compile(r'Sanitizer|runtime error:|Assertion .* failed|stack smashing')

LEGEND = '''
{relay:<15} {mta} with stsgated as milter (RCPT) and as TLS policy map (delivery)
*.example       domains, each with DNS (unbound), a policy host (nginx) and an MX host
attacker        strips STARTTLS, forges MX records, shows wrong certificates, blocks hosts
sent, answer    what a client sent to the relay, and the relay's exact reply
arrived         which message reached an MX host, and whether it came over TLS
log             the log line that gives the reason
told            what a program of the operator's was told (event_command)'''


def collect(kind):
    """[(name, sentence, function)] of one kind, in the order in which they run."""
    if kind == 'selfcheck':
        import selfcheck
        found = selfcheck.CHECKS
    elif kind == 'demo':
        import scenes
        found = scenes.SCENES
    elif kind == 'bench':
        import farm.sizes
        found = farm.sizes.BENCH
    else:
        import attacks
        import consumers
        import dane
        import extras
        import farm
        import scenes
        found = scenes.SCENES + extras.TESTS + farm.TESTS + attacks.TESTS + consumers.TESTS + dane.TESTS
    return [(function.__name__.replace('_', '-'), function.__doc__.strip(), function)
            for function in found]


def tails(lab):
    """The ends of the logs that explain a failure."""
    parts = []
    started = [one for one in lab.consumers.values() if one.running()]
    for name, log in [('stsgated', lab.gate.log)] + [(one.name, one.log) for one in started]:
        parts += [f'--- the end of the log of {name}', *log.tail()]
    return '\n'.join(parts)


def play(lab, function, live, settle):
    """Runs one scene; returns its story, and the failure or None."""
    story = Story(live)
    try:
        if settle:
            lab.settle()
        stage = Stage(lab, story)
        function(lab, stage)
        expect('disasters in the log of stsgated', [], lab.gate.log.find(DISASTER, stage.gate_mark))
        for door, gate in lab.side_gates.items():
            expect(f'disasters in the log of the gate {door}', [], gate.log.find(DISASTER))
    except Skipped as skipped:
        story.skipped = str(skipped)
    except Failed as failure:
        return story, str(failure)
    except Exception:
        return story, traceback.format_exc().rstrip()
    return story, None


def test(lab, chosen, settle):
    """Prints a line and the figures for each test, and the story of each test that failed."""
    failed = skipped = 0
    for name, _, function in chosen:
        begun = time.monotonic()
        story, wrong = play(lab, function, False, settle)
        took = time.monotonic() - begun
        result = 'FAIL' if wrong else 'skip' if story.skipped else 'ok'
        notes = [story.skipped] if story.skipped else story.figures
        print('\n    '.join([f'{result} {name} ({took:.1f} s)', *notes]), flush=True)
        skipped += story.skipped is not None
        if wrong:
            failed += 1
            print('\n'.join(story.lines + [wrong, tails(lab)]), flush=True)
    print(f'system: {len(chosen) - failed - skipped} passed, {failed} failed, {skipped} skipped')
    return failed


def demo(lab, chosen):
    """Plays scene by scene and prints each step."""
    failed = 0
    print(LEGEND.format(relay=lab.relay.name, mta=lab.relay.version()), flush=True)
    for number, (_, sentence, function) in enumerate(chosen, 1):
        print(f'\n{number}/{len(chosen)}  {sentence}', flush=True)
        _, wrong = play(lab, function, True, True)
        print('   => NOT as described' if wrong else '   => as described')
        if wrong:
            failed += 1
            print(f'{wrong}\n{tails(lab)}', flush=True)
    print(f'\n{len(chosen) - failed} of {len(chosen)} scenes went as described')
    return failed


def keep_logs(lab):
    """Copies the logs to /out, where the caller has mounted a directory of the host."""
    for one in lab.consumers.values():
        if os.path.exists(one.log.path):
            shutil.copy(one.log.path, f'/out/mail.{one.name}.log')
    for path in (f'{PLACE}/gate/stsgated.log', f'{PLACE}/gate/stsgate.conf',
                 f'{PLACE}/nginx/access.log', f'{PLACE}/nginx/error.log',
                 f'{PLACE}/signed/knot.log', f'{PLACE}/signed/unbound.log'):
        if os.path.exists(path):
            shutil.copy(path, '/out')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('kind', choices=('test', 'demo', 'bench', 'selfcheck'))
    parser.add_argument('--only', action='append', metavar='NAME')
    parser.add_argument('--share', default='1/1', metavar='K/N', help='the K-th of N shares of the scenes')
    parser.add_argument('--mta', choices=('postfix', 'sendmail'), default='postfix')
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    chosen = [one for one in collect(options.kind)
              if not options.only or one[0] in options.only]
    share, shares = (int(number) for number in options.share.split('/'))
    chosen = chosen[share - 1::shares]
    if options.list:
        for name, sentence, _ in chosen:
            print(f'{name}: {sentence}')
        return 0
    if not chosen and share == 1:
        print('no such test', file=sys.stderr)
        return 64
    if not chosen:
        return 0
    lab = Lab(options.mta)
    try:
        with_gate = options.kind != 'selfcheck'
        lab.start(with_gate)
        if options.kind == 'demo':
            return 1 if demo(lab, chosen) else 0
        return 1 if test(lab, chosen, with_gate) else 0
    except Exception:
        print(f'{traceback.format_exc()}{tails(lab)}', file=sys.stderr)
        return 1
    finally:
        lab.stop()
        if os.path.isdir('/out'):
            keep_logs(lab)


if __name__ == '__main__':
    sys.exit(main())
