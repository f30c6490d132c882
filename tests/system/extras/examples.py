"""The manuals: every example with stsgate or stsgated in them runs as it is printed.

Examples come from the literal blocks and the quoted commands of the manuals, and from README. The scene gives them what
they name: example.com with a held message, the files, and stand-ins for programs that the lab does not have. A new
example works without a change here if it uses these names."""

import os
import re
import subprocess

from lab import gate, hop
from lab.farm import farm
from lab.proc import wait_for
from lab.story import expect
from lab.world import PLACE

from . import test

DOCUMENTS = '/documents'
MANUALS = ('man/stsgate.1', 'man/stsgated.8', 'man/stsgate.conf.5')
PROMPT = re.compile(r'^(?:[a-z]*[#$] )')
COMMAND = re.compile(r'(?:^|[|&;(] *)stsgated?(?= |$)')
ESCAPES = ((r'\%', ''), (r'\&', ''), (r'\-', '-'), (r'\(aq', "'"), (r'\e', '\\'))

# The queue id in the manuals. setting_up() has the values for it and for the words in capital letters that a reader
# replaces.
SAMPLE_ID = '4dKx2P1zXz'

# The exit status tells a result, so several are right. All other examples must end with 0.
RESULTS = ((re.compile(r'\bstsgate (query|refresh|audit)\b|\bstsgate audit --maillog'), {0, 1, 2}),
           (re.compile(r'\bstsgate doctor\b'), {0, 1, 2}),
           (re.compile(r'\bstsgate lint domain\b'), {0, 1}), (re.compile(r'\bstsgate report (show|read)\b'), {0, 1}))

# Programs that the lab lacks: scripts that do what the examples need.
STAND_INS = {
    'jq': 'exec python3 -c "import json, sys; json.load(sys.stdin)"',
    'journalctl': f'cat {PLACE}/examples/journal',
    'systemctl': ':',
}

# A TLS report that example.com has got.
REPORT = """{"organization-name": "Example Inc.", "contact-info": "tlsrpt@example.net", "report-id": "1@example.net",
"date-range": {"start-datetime": "2026-01-31T00:00:00Z", "end-datetime": "2026-01-31T23:59:59Z"},
"policies": [{"policy": {"policy-type": "no-policy-found", "policy-domain": "example.com"},
"summary": {"total-successful-session-count": 1, "total-failure-session-count": 1},
"failure-details": [{"result-type": "starttls-not-supported", "failed-session-count": 1}]}]}
"""


def unescaped(text):
    for escape, meaning in ESCAPES:
        text = text.replace(escape, meaning)
    return text


def quoted(command):
    """Whether words quoted in a sentence are an example, and not the name of a command or the form of its arguments."""
    return len(command.split()) > 2 and not re.search(r'\.\.\.|\[|\|', command)


def from_manual(text):
    """Lines of literal blocks, and commands that are quoted in the text."""
    literal = False
    for line in text.splitlines():
        if line.startswith('.Bd -literal'):
            literal = True
        elif line.startswith('.Ed'):
            literal = False
        elif literal:
            yield PROMPT.sub('', unescaped(line))
        elif line.startswith('.Ql stsgate'):
            command = re.sub(r' (?:[.,:;)] ?)+$', '', unescaped(line[4:]))
            if quoted(command):
                yield command


def from_readme(text):
    """Indented lines, of which some have an alternative behind `or`. Its sentences name commands, often shortened."""
    for line in text.splitlines():
        if line.startswith('    '):
            yield from re.split(r' {3,}(?:or +)?', line.strip())


def all_examples():
    """[(place, command)], each command once."""
    found = {}
    for name in MANUALS + ('README',):
        with open(f'{DOCUMENTS}/{name}', encoding='utf-8') as file:
            text = file.read()
        for line in (from_readme if name == 'README' else from_manual)(text):
            if COMMAND.search(line):
                found.setdefault(line, name)
    return [(name, command) for command, name in found.items()]


def script(path, body):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\n{body}\n')
    os.chmod(path, 0o755)


def setting_up(lab, stage, place, shared):
    """shared: the settings of a farm, of which the gate is the only relay. Makes example.com with a message that waits, files and stand-ins. Returns the values of the placeholders."""
    os.makedirs(f'{place}/bin')
    lab.gate.restart(report_from='tlsrpt@relay.example', report_organization='Example Inc.', fleet_name='farm', **shared)
    for name, body in STAND_INS.items():
        script(f'{place}/bin/{name}', body)
    script(f'{place}/bin/stsgate', f'exec {gate.TOOL} -c {lab.gate.config} "$@"')
    script(f'{place}/bin/stsgated', f'exec {gate.DAEMON} -c {lab.gate.config} "$@"')
    domain = lab.domain('example', tld='com', mx='mx1.example.com', conduct=hop.STRIPPED)
    other = lab.domain('example', tld='org', mode='testing')
    lab.domain('example', tld='net', policy=False)
    stage.encrypted(stage.send(other), other.mx)
    lab.relay.map_answer(domain.ascii)
    waits = stage.send(other, domain)
    expect('the queue id of a message with a recipient that waits', True, waits.queue_id is not None)
    with open(f'{place}/mta-sts.txt', 'w', encoding='ascii') as file:
        file.write('version: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n')
    with open(f'{place}/domains.txt', 'w', encoding='ascii') as file:
        file.write('example.org # one\nexample.net\n')
    line = (f'Nov 30 06:00:00 relay postfix/smtp[1]: {SAMPLE_ID}: to=<user@example.com>, '
            'relay=mx1.example.com[10.0.0.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)\n')
    with open('/var/log/mail.log.1', 'w', encoding='ascii') as file:
        file.write(line)
    with open(f'{place}/journal', 'w', encoding='ascii') as file:
        file.write('__CURSOR=s=1\n__REALTIME_TIMESTAMP=1700000000000000\nSYSLOG_IDENTIFIER=postfix/smtp\n'
                   f'MESSAGE={line.partition(": ")[2]}\n')
    maildir = os.path.expanduser('~/Maildir/tlsrpt')
    os.makedirs(maildir, exist_ok=True)
    for path in (f'{place}/report.eml', f'{maildir}/1'):
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'Content-Type: application/tlsrpt+json\n\n{REPORT}')
    wait_for('a record of the verdict', lambda: lab.gate.tool('why', waits.queue_id)[0] == 0, seconds=15)
    return {'ADDRESS': 'postmaster@example.com', 'QUEUEID': waits.queue_id, 'QUEUE_ID': waits.queue_id, 'DOMAIN': 'example.com',
            SAMPLE_ID: waits.queue_id}


def filled(command, values):
    for word, value in values.items():
        command = re.sub(rf'\b{word}\b', value, command)
    unknown = re.findall(r"\b[A-Z][A-Z_]{2,}\b", re.sub(r"'[^']*'", '', command))
    expect(f'words to be replaced in `{command}`', [], unknown)
    return command


def outcome(command, place):
    """Runs a command line as a reader would. One that goes on by itself is ended after two seconds."""
    environment = dict(os.environ, PATH=f'{place}/bin:{os.environ["PATH"]}:/usr/sbin:/sbin')
    seconds = '2' if '--watch' in command else '20'
    done = subprocess.run(['timeout', '-s', 'INT', '-k', '5', seconds, 'bash', '-o', 'pipefail', '-c', command],
                          cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def right_statuses(command):
    for pattern, statuses in RESULTS:
        if pattern.search(command):
            return statuses
    return {0, 124} if '--watch' in command else {0}


@test
def examples_of_the_manuals(lab, stage):
    """Each example with stsgate or stsgated in the manuals and README runs as it is printed."""
    found = all_examples()
    expect('examples in the manuals', True, len(found) > 15)
    place = f'{PLACE}/examples'
    wrong = []
    with farm(0) as made:
        values = setting_up(lab, stage, place, made.settings)
        for name, command in found:
            status, out, err = outcome(filled(command, values), place)
            stage.tell(name, f'{command}: status {status}')
            if status not in right_statuses(command) or 'usage:' in err:
                wrong.append(f'{name}: {command}: status {status}: {out[-600:]}{err[-600:]}')
    lab.gate.restart(fresh=True)     # examples have set overrides, which other tests do not expect
    expect('examples that do not work', '', '\n'.join(wrong))
