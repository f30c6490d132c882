"""An attack near the relay: what turns bad together is one event."""

import http.client
import json
import re
import time

from lab import hop
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import milter_only, test
from .doctor import names

HOPS = 12


def health():
    connection = http.client.HTTPConnection('127.0.0.1', 9461, timeout=5)
    connection.request('GET', '/healthz')
    text = connection.getresponse().read().decode('ascii').strip()
    connection.close()
    return text


def events(lab, *words):
    return json.loads(lab.gate.tool('--json', 'events', *words)[1])['events']


def parts_of(found):
    """The domains of the signs that are parts of the interception; None while some are missing."""
    whole = [event['number'] for event in found if event['kind'] == 'tls-intercepted-here']
    parts = sorted(event['domain'] for event in found
                   if event['kind'] == 'certificate-broke' and event['part_of'] in whole)
    return parts if len(parts) == HOPS else None


@test
def twelve_hops_intercepted(lab, stage):
    """Somebody near the relay intercepts TLS to twelve mail hosts: one event names the authority, until it is over."""
    milter_only(lab, fresh=True, probe_ttl_ok='1s')
    domains = [lab.domain(f'near{number}') for number in range(HOPS)]
    stage.accepted(stage.send(*domains))
    expect('/healthz before', 'ok', health())
    time.sleep(2)
    mark = lab.gate.log.size()
    stage.tell('attack', f'{HOPS} mail hosts in {HOPS} networks show certificates of "Unknown Root"')
    for domain in domains:
        domain.mx.become(hop.UNTRUSTED)
    attempt = stage.send(*domains)
    for domain in domains:
        stage.refused(attempt, domain, 'certificate-not-trusted')

    expect('/healthz meanwhile', 'degraded: probes-untrusted tls-intercepted-here', health())
    said = lab.gate.log.find(re.compile('event='), mark)
    one = [line for line in said if 'event=tls-intercepted-here' in line]
    stage.tell('log', one[0])
    expect('lines about it', 1, len(one))
    expect_match('the authority', r'5 mail hosts show certificates of the authority "Unknown Root", in 5 networks: ', one[0])
    expect('other events in the log, of the first hosts', [f'domain=near{number}.example' for number in range(4)],
           [re.search('domain=[^ ]*', line)[0] for line in said if line != one[0]])
    parts = wait_for('the events of the hosts are parts of it', lambda: parts_of(events(lab, '--all')), 8)
    expect('its parts', sorted(domain.name for domain in domains), parts)
    expect('what `stsgate events` shows without --all', ['tls-intercepted-here'],
           [event['kind'] for event in events(lab)])
    names(lab, stage, 'an interception', 'interference', 'warn', 'tls-intercepted-here, .* ago: .*"Unknown Root"')

    mark = lab.gate.log.size()
    stage.tell('path', 'the interceptor is gone')
    for domain in domains:
        domain.mx.become(hop.HONEST)
    stage.accepted(stage.send(*domains))
    over = lab.gate.log.find(re.compile('no longer show certificates of one unknown authority, after'), mark)
    expect('lines about its end', 1, len(over))
    stage.tell('log', over[0])
    expect('/healthz after', 'ok', health())
    whole = wait_for('the event is over', lambda: next((
        event for event in events(lab) if event['kind'] == 'tls-intercepted-here' and event['over_at']), None), 8)
    shown = stage.tool('events', 'show', str(whole['number']))
    expect_match('its story', r'(?s)\nparts .*  certificate-broke  near0.example\n.*over after \d+ seconds?\n', shown)
