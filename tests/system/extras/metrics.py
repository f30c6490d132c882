"""/metrics: strict checks of both text formats, and the values after a few messages."""

import http.client
import re
import time

from lab import hop
from lab.story import expect

from . import test

NAME = r'[a-z_][a-z0-9_]*'
VALUE = r'"((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf'({NAME})(?:\{{({NAME}={VALUE}(?:,{NAME}={VALUE})*)\}})? (?:0|[1-9][0-9]*)(?:\.[0-9]+)?')
PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'


def scrape(method='GET', openmetrics=False):
    connection = http.client.HTTPConnection('127.0.0.1', 9461, timeout=5)
    accept = {'Accept': OPENMETRICS.partition(';')[0]} if openmetrics else {}
    connection.request(method, '/metrics', headers=accept)
    reply = connection.getresponse()
    body = reply.read().decode('ascii')
    connection.close()
    expect(f'status of {method}', 200, reply.status)
    expect(f'content type of {method}', OPENMETRICS if openmetrics else PROMETHEUS,
           reply.getheader('Content-Type'))
    return body, int(reply.getheader('Content-Length'))


def parse(text, openmetrics=False):
    """{name: {labels: number}}; fails the test for text that the format does not allow."""
    end = '\n# EOF\n' if openmetrics else '\n'
    expect('the end', end, text[-len(end):])
    expect('marks of the end', 1 if openmetrics else 0, text.count('# EOF'))
    suffix = '_total' if openmetrics else ''
    families, samples, family = {}, {}, None
    lines = iter(text[:-len(end)].split('\n'))
    for line in lines:
        if line.startswith('# HELP '):
            family = re.fullmatch(rf'# HELP ({NAME}) (?:[^\\\n]|\\["\\n])+', line)[1]
            expect(f'earlier families {family}', False, family in families)
            families[family] = re.fullmatch(rf'# TYPE {family} (counter|gauge|histogram)', next(lines))[1]
            continue
        found = SAMPLE.fullmatch(line)
        expect(f'a sample: {line}', True, found is not None)
        name, labels = found[1], found[2] or ''
        endings = {'counter': [suffix], 'gauge': [''], 'histogram': ['_bucket', '_sum', '_count']}[families[family]]
        expect(f'{name} is a sample of {family}', True, name in [family + ending for ending in endings])
        key = frozenset(re.findall(rf'({NAME})={VALUE}', labels))
        expect(f'earlier samples {line}', False, key in samples.setdefault(name, {}))
        number = line.rpartition(' ')[2]
        samples[name][key] = float(number) if name.endswith('_sum') else int(number)
    return samples


def value(samples, name, **labels):
    return sum(number for key, number in samples.get(name, {}).items()
               if frozenset(labels.items()) <= key)


@test
def metrics(lab, stage):
    """/metrics counts exactly one pass, one refusal and one answer of the map."""
    lab.gate.restart(fresh=True)
    begun, _ = scrape()
    begun = parse(begun)
    expect('verdicts at the start', 0, value(begun, 'stsgate_verdicts_total', purpose='deliver'))
    expect('build', 1, value(begun, 'stsgate_build_info'))
    good, bad = lab.domain('counted'), lab.domain('counted-bad', conduct=hop.STRIPPED)
    stage.encrypted(stage.send(good), good.mx)
    stage.refused(stage.send(bad), bad, 'starttls-not-supported')
    text, length = scrape()
    expect('length', len(text), length)
    expect('HEAD', ('', True), (scrape('HEAD')[0], scrape('HEAD')[1] > 0))
    seen = parse(text)
    same = parse(scrape(openmetrics=True)[0], openmetrics=True)
    expect('the same samples in OpenMetrics', seen.keys(), same.keys())
    for labels, number in (({'verdict': 'pass', 'reason': 'ok'}, 1),
                           ({'verdict': 'fail-enforce', 'reason': 'starttls-not-supported'}, 1),
                           ({}, 2)):
        expect(f'verdicts at RCPT {labels}', number,
               value(seen, 'stsgate_verdicts_total', purpose='deliver', **labels))
    for name in ('record_lookups', 'policy_fetches', 'mx_lookups', 'probes'):
        expect(f'{name} that were well', 1 if name == 'probes' else 2,
               value(seen, f'stsgate_{name}_total', reason='ok'))
    expect('probes that saw no STARTTLS', 1,
           value(seen, 'stsgate_probes_total', reason='starttls-not-supported'))
    expect('actions', [1, 1, 0], [value(seen, 'stsgate_milter_actions_total', action=word)
                                  for word in ('accept', 'defer', 'quarantine')])
    expect('domains in the store', 2, value(seen, 'stsgate_store_entries'))
    expect('within the bound', True, 0 < value(seen, 'stsgate_store_bytes') <
           value(seen, 'stsgate_store_max_bytes'))
    expect('waiting now', 0, value(seen, 'stsgate_milter_waiting'))
    map_counted(lab, good, seen)
    lab.gate.terminate()
    lab.gate.restart()
    census_taken()


def census_taken():
    """The census of a store that was filled before the start: within seconds, in the background."""
    wanted = (('stsgate_domains', {'mode': 'enforce'}, 2), ('stsgate_hops', {'state': 'good'}, 1),
              ('stsgate_hops', {'state': 'bad'}, 1),
              ('stsgate_domains_waiting', {'reason': 'starttls-not-supported'}, 1))
    until = time.monotonic() + 10
    while time.monotonic() < until:
        seen = parse(scrape()[0])
        if all(value(seen, name, **labels) == number for name, labels, number in wanted):
            return
        time.sleep(0.1)
    for name, labels, number in wanted:
        expect(f'{name} {labels}', number, value(seen, name, **labels))


def map_counted(lab, domain, before):
    lab.relay.map_answer(domain.ascii)
    lab.relay.map_answer('nowhere.example')
    after = parse(scrape()[0])
    for reply in ('ok', 'notfound', 'temp'):
        grown = (value(after, 'stsgate_map_replies_total', reply=reply) -
                 value(before, 'stsgate_map_replies_total', reply=reply))
        expect(f'map replies {reply}', 0 if reply == 'temp' else 1, grown)
