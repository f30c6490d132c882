"""Prints TypeScript in which each part of the dashboard is the value of a variable of Grafana's type."""

import json
import sys

import expressions

BASE = './node_modules/@grafana/schema/dist/types/raw'
# In JSON the value of an enumeration is its text.
PLAIN = '''type Plain<T> = T extends string ? `${T}` : T extends readonly (infer U)[] ? Plain<U>[]
	: T extends object ? { [K in keyof T]: Plain<T[K]> } : T;'''


def value(name, kind, content):
    print(f'export const {name}: Plain<{kind}> = {json.dumps(content, indent=1)};')


def panel_values(panel):
    number, kind = panel['id'], panel['type']
    if kind == 'row':
        value(f'row{number}', 'RowPanel', panel)
        return
    value(f'panel{number}', 'Panel', panel)
    value(f'options{number}', f'{kind}.Options', panel['options'])
    custom = panel['fieldConfig']['defaults'].get('custom')
    if custom is not None:
        value(f'custom{number}', f'{kind}.FieldConfig', custom)


def main():
    board = expressions.dashboard(sys.argv[1])
    print("import type { Dashboard, Panel, RowPanel } from '@grafana/schema';")
    for kind in sorted({panel['type'] for panel in expressions.panels(board)}):
        print(f"import type * as {kind} from '{BASE}/composable/{kind}/panelcfg/x/types.gen';")
    print(PLAIN)
    for panel in board.pop('panels'):
        panel_values(panel)
    for note in board['annotations']['list']:
        note['target'] = {'refId': note['target']['refId']}  # the rest belongs to the data source
    value('dashboard', 'Dashboard', board)


main()
