"""What a relay of the farm shows to people: the nodes, and whether sharing works."""

import http.client

from lab.farm import farm
from lab.proc import wait_for
from lab.story import expect, expect_match

from . import test


def health(node):
    port, host = node.settings['metrics_socket'].removeprefix('inet:').split('@')
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request('GET', '/healthz')
    answer = connection.getresponse()
    text = answer.read().decode('ascii')
    connection.close()
    return answer.status, text


@test
def farm_shows_itself(lab, stage):
    """Relays list each other; while the shared store is down, /healthz, stats and doctor say since when nothing is shared."""
    with farm(2) as made:
        one = made.nodes[0]
        wait_for('both relays are listed', lambda: one.tool('fleet')[1].count(' current ') == 2, 30)
        status, out, err = one.tool('fleet', 'test')
        expect('fleet test', 'ok seven times', out + err, status == 0 and out.count('ok ') == 7)
        expect('/healthz', (200, 'ok\n'), health(one))

        made.shared.kill()
        wait_for('the link is down', lambda: not one.linked())
        status, text = health(one)
        expect('/healthz is still 200', 200, status)
        expect_match('/healthz', r'^ok\nsharing: off since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$', text)
        wait_for('stats say so', lambda: 'has not been reached since' in one.tool('stats')[1], 30)
        status, out, _ = one.tool('doctor', 'sharing')
        expect('doctor warns', 1, status)
        expect_match('doctor', 'warn  sharing +the shared store has not been reached since', out)
        expect('fleet list fails', 69, one.tool('fleet', 'list')[0])

        made.shared.start()
        made.wait_linked()
        expect('/healthz afterwards', (200, 'ok\n'), health(one))
        # The store came back empty: the relays say again that they are there.
        wait_for('both relays are listed again', lambda: one.tool('fleet')[1].count(' current ') == 2, 30)
