"""Reads the PromQL expressions of the alert rules and of the dashboard, and the words in them."""

import json
import re

RULES = 'packaging/prometheus/stsgate.rules.yml'
DASHBOARD = 'packaging/grafana/stsgate.json'
# What Grafana puts in place of its variables.
VARIABLES = {'$job': '.*', '$instance': '.*', '$__rate_interval': '5m'}


def read(root, name):
    with open(f'{root}/{name}', encoding='utf-8') as file:
        return file.read()


def rules(root):
    """The alerts: a dictionary of name, expr and severity for each. Reads the one form in which the file is written: an
    expression is on the line of its key, or below `>-`."""
    alerts = []
    for block in re.split(r'(?m)^ {6}- alert: ', read(root, RULES))[1:]:
        expr = re.search(r'(?m)^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)', block)
        alerts.append({'name': block.split('\n', 1)[0],
                       'expr': ' '.join((expr[1] or expr[2]).split()),
                       'severity': re.search(r'(?m)^ {10}severity: (\w+)$', block)[1],
                       'runbook': re.search(r"(?m)^ {10}runbook_url: '(.*)'$", block)[1]})
    return alerts


def dashboard(root):
    return json.loads(read(root, DASHBOARD))


def panels(board):
    return [panel for panel in board['panels'] if panel['type'] != 'row']


def board_expressions(board):
    """The place and the expression of each query."""
    for panel in panels(board):
        for query in panel['targets']:
            yield f'panel "{panel["title"]}"', query['expr']
    for note in board['annotations']['list']:
        yield f'annotation "{note["name"]}"', note['target']['expr']
    for variable in board['templating']['list']:
        if variable['type'] == 'query':
            yield f'variable {variable["name"]}', variable['query']['query']


def filled(expr):
    """The expression with values in place of Grafana's variables."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def selectors(expr):
    """For each metric in the expression: its name and its matchers (label, operator, value)."""
    for name, matchers in re.findall(r'\b(stsgate_\w+|up|ALERTS)\b(?:\{([^}]*)\})?', expr):
        yield name, re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers)


def groupings(expr):
    """The labels in `by (...)`, `without (...)` and `on (...)`."""
    for labels in re.findall(r'\b(?:by|without|on)\s*\(([^)]*)\)', expr):
        yield from (label.strip() for label in labels.split(','))
