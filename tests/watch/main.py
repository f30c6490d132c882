"""Checks the alert rules and the dashboard with Prometheus.  Called inside the room by tests/watch/run."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

import expressions

ROOT = sys.argv[1]
TESTS_OF_RULES = ('tests/watch/stsgate.test.yml', 'tests/watch/stsgate-hours.test.yml')
PATIENCE_S = 60
# The relays that Prometheus watches, by the story of the store that tests/page/fixture makes: the port of their metrics.
STORIES = {'empty': 9461, 'everyday': 9462, 'attack': 9463}
METRICS = f'http://127.0.0.1:{STORIES["empty"]}/metrics'
# What must fire there.
FIRING = {'empty': set(),
          'everyday': {('StsgateMailDelayed', 'warning'), ('StsgatePolicyExpiresUnrenewed', 'warning'),
                       ('StsgateOverrideActive', 'warning'), ('StsgateReportsUnsent', 'warning')},
          'attack': {('StsgateMailDelayed', 'warning'), ('StsgateAttackSign', 'warning'), ('StsgateAttackSign', 'critical')}}
SERVER = 'http://127.0.0.1:9090'
SETTINGS = '''user = stsgate
group = stsgate
store_path = {place}/{story}
dns_servers = 127.0.0.1@9
milter_socket =
socketmap_socket = inet:{map}@127.0.0.1
metrics_socket = inet:{port}@127.0.0.1
tlsrpt = collect
report_from = tlsrpt@relay.example.com
report_organization = Relay
report_smtp = 127.0.0.1:9
'''
PROMETHEUS = '''global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{place}/rules.yml']
scrape_configs: [{{job_name: stsgate, static_configs: [{{targets: {targets}}}]}}]
'''


def promtool(*arguments, text=None):
    done = subprocess.run(['promtool', *arguments], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def ask(path, **parameters):
    """What Prometheus answers; raises OSError while it does not."""
    answer = json.loads(fetch(f'{SERVER}/api/v1/{path}?{urllib.parse.urlencode(parameters)}'))
    assert answer['status'] == 'success', f'{parameters}: {answer}'
    return answer['data']


def wait_for(what, found):
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            value = found()
            if value:
                return value
        except OSError:
            pass
        assert time.monotonic() < until, f'waited for {what} in vain'
        time.sleep(0.1)


class Watched:
    """A stsgated for each story, and a Prometheus that watches them."""

    def __init__(self, place, out):
        self.place = place
        self.out = out
        subprocess.run(['useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'stsgate'], check=True)
        os.chmod(place, 0o755)
        self.daemons = {story: self.start_daemon(story, port) for story, port in STORIES.items()}
        self.write('prometheus.yml', PROMETHEUS, targets=json.dumps([f'127.0.0.1:{port}' for port in STORIES.values()]))
        # Nobody waits two minutes here: `for` is shorter in this copy.
        rules = re.sub(r'(?m)^( {8}for: ).*$', r'\g<1>2s', expressions.read(ROOT, expressions.RULES))
        self.write('rules.yml', '{rules}', rules=rules)
        self.server = self.start('prometheus', 'prometheus', f'--config.file={place}/prometheus.yml',
                                 f'--storage.tsdb.path={place}/data', '--web.listen-address=127.0.0.1:9090')

    def start_daemon(self, story, port):
        os.mkdir(f'{self.place}/{story}', 0o700)
        subprocess.run(['fixture', f'{self.place}/{story}', story], check=True)
        subprocess.run(['chown', '-R', 'stsgate:stsgate', f'{self.place}/{story}'], check=True)
        self.write(f'{story}.conf', SETTINGS, story=story, port=port, map=port - 1000)
        return self.start(story, 'stsgated', '-f', '-c', f'{self.place}/{story}.conf')

    def write(self, name, text, **more):
        with open(f'{self.place}/{name}', 'w', encoding='utf-8') as file:
            file.write(text.format(place=self.place, **more))

    def start(self, name, *command):
        with open(f'{self.out}/{name}.log', 'wb') as file:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def stop(self):
        for child in (*self.daemons.values(), self.server):
            child.kill()
            child.wait(PATIENCE_S)


def rules_are_valid(_):
    """promtool finds no fault in the rules, and their unit tests pass."""
    promtool('check', 'rules', f'{ROOT}/{expressions.RULES}')
    promtool('test', 'rules', *(f'{ROOT}/{name}' for name in TESTS_OF_RULES))


def each_alert_is_tested(_):
    """For each alert there is a world in which it fires, and one in which it is silent."""
    text = ''.join(expressions.read(ROOT, name) for name in TESTS_OF_RULES)
    for alert in expressions.rules(ROOT):
        fires = f'alertname="{alert["name"]}", severity="{alert["severity"]}"'
        assert fires in text, f'no test in which {alert["name"]} fires with severity {alert["severity"]}'
        assert f'name: "{alert["name"]} is silent: ' in text, f'no test in which {alert["name"]} is silent'


def dashboard_parses(watched):
    """Each expression of the dashboard is valid PromQL."""
    rules = [{'record': f'expression:{i}', 'expr': re.sub(r'^label_values\((.*), \w+\)$', r'\1', expressions.filled(expr))}
             for i, (_, expr) in enumerate(expressions.board_expressions(expressions.dashboard(ROOT)))]
    watched.write('dashboard.yml', '{rules}', rules=json.dumps({'groups': [{'name': 'dashboard', 'rules': rules}]}))
    assert f'{len(rules)} rules found' in promtool('check', 'rules', f'{watched.place}/dashboard.yml')


def metrics_are_well_formed(_):
    """promtool finds no fault in what stsgated answers at /metrics."""
    promtool('check', 'metrics', text=wait_for('/metrics', lambda: fetch(METRICS)))


def prometheus_has_the_metrics(_):
    """Prometheus loads all rules and stores each series that stsgated shows."""
    loaded = wait_for('the rules', lambda: ask('rules')['groups'])
    names = [rule['name'] for group in loaded for rule in group['rules']]
    assert names == [alert['name'] for alert in expressions.rules(ROOT)], names
    wait_for('a scrape', lambda: ask('query', query='up == 1')['result'])
    shown = set(re.findall(r'(?m)^(stsgate_\w+)', fetch(METRICS)))
    assert len(shown) > 20, shown
    wait_for(f'the series {shown}', lambda: shown <= set(ask('label/__name__/values')))


def dashboard_answers(_):
    """Prometheus answers each query of the dashboard, also for a relay that it does not know."""
    queries = [(place, expr) for place, expr in expressions.board_expressions(expressions.dashboard(ROOT))
               if not place.startswith('variable')]
    for place, expr in queries:
        empty = ask('query', query=expr.replace('$job', 'no-such-job').replace('$instance', '.*').replace('$__rate_interval', '5m'))
        assert empty['result'] == [], f'{place} shows something for a relay that is not there: {empty}'
    wait_for('data for more than 25 queries',
             lambda: sum(bool(ask('query', query=expressions.filled(expr))['result']) for _, expr in queries) > 25)


def firing(story):
    """The name and severity of each alert that fires at a relay."""
    alerts = [alert['labels'] for alert in ask('alerts')['alerts'] if alert['state'] == 'firing']
    return {(labels['alertname'], labels['severity']) for labels in alerts
            if labels['instance'] == f'127.0.0.1:{STORIES[story]}'}


def the_stores_raise_alerts(_):
    """Mail that waits, signs, overrides and reports in a store make their alerts fire; none fires without them."""
    for story, expected in FIRING.items():
        wait_for(f'{expected} at the relay with the store "{story}"', lambda: expected <= firing(story))
    assert firing('empty') == set(), firing('empty')


def commands_of_runbooks():
    """The commands of the tool that doc/runbooks tells to run: lines of their own, and words between backquotes."""
    text = expressions.read(ROOT, 'doc/runbooks')
    lines = re.findall(r'(?m)^(?:(?:Check|Do): +| {8})(stsgate [a-z].*?)(?: {2,}.*)?$', text)
    lines += [' '.join(words.split()) for words in re.findall(r'`(stsgate [^`]*)`', text)]
    return sorted(set(lines))


def runbooks_name_real_commands(watched):
    """The tool understands each command of the runbooks: none is a usage error. Nothing here answers a lookup."""
    commands = commands_of_runbooks()
    children = [subprocess.Popen(['stsgate', '-c', f'{watched.place}/empty.conf', *shlex.split(fill(command))[1:]],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                for command in commands]
    told = [child.communicate(timeout=PATIENCE_S)[0] for child in children]
    wrong = [f'{command}: {text}' for command, text, child in zip(commands, told, children) if child.returncode == 64]
    assert not wrong, '\n'.join(wrong)
    assert len(commands) > 15, commands


def fill(command):
    return command.replace('DOMAIN', 'example.com').replace('NUMBER', '1').replace('FILE', '/dev/null')


def down_is_noticed(watched):
    """After stsgated was killed, StsgateDown fires, and its text names the relay."""
    watched.daemons['empty'].send_signal(signal.SIGKILL)
    wait_for('up to become 0', lambda: ask('query', query='up == 0')['result'])
    wait_for('the alert', lambda: firing('empty') == {('StsgateDown', 'critical')})
    texts = [alert['annotations'] for alert in ask('alerts')['alerts'] if alert['labels']['alertname'] == 'StsgateDown']
    assert [text['summary'] for text in texts] == ['stsgated does not answer on 127.0.0.1:9461'], texts


TESTS = (rules_are_valid, each_alert_is_tested, dashboard_parses, metrics_are_well_formed, prometheus_has_the_metrics,
         dashboard_answers, the_stores_raise_alerts, runbooks_name_real_commands, down_is_noticed)


def play(watched, test):
    begun = time.monotonic()
    wrong = None
    try:
        test(watched)
    except AssertionError as failure:
        wrong = str(failure)
    except Exception:
        wrong = traceback.format_exc()
    name = test.__name__.replace('_', '-')
    print(f'{"FAIL" if wrong else "ok"} {name} ({time.monotonic() - begun:.1f} s)', flush=True)
    if wrong:
        print(wrong, flush=True)
    return wrong is None


def main():
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    place = tempfile.mkdtemp()
    watched = Watched(place, '/out' if os.path.isdir('/out') else place)
    try:
        passed = sum(play(watched, test) for test in TESTS)
    finally:
        watched.stop()
    print(f'watch: {passed} passed, {len(TESTS) - passed} failed')
    return 0 if passed == len(TESTS) else 1


if __name__ == '__main__':
    sys.exit(main())
