"""Questions to the maps of many relays at the same time, and what the policy hosts have seen of it."""

import contextlib
import re
import threading

from extras.silence import MapClient
from lab.story import expect

FETCHED = re.compile(r'"GET /\.well-known/mta-sts\.txt')
BOUND = re.compile(r'^OK secure match=')


def fetches(lab):
    """How many policies the policy hosts of the lab have served so far."""
    with open(f'{lab.policy_hosts.dir}/access.log', encoding='ascii') as file:
        return len(FETCHED.findall(file.read()))


def answers(node, names):
    """The map's answer for each name, from one connection."""
    found = {}
    with contextlib.closing(MapClient(node.port)) as client:
        for name in names:
            client.ask(name)
            found[name] = client.read()
    return found


def answers_of_all(nodes, names):
    """The same from all nodes at the same time: one dictionary for each."""
    found = [None] * len(nodes)

    def ask(place):
        found[place] = answers(nodes[place], names)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(nodes))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


def expect_bound(what, found):
    """All of these answers bind the MTA to a policy."""
    expect(what, [], sorted((name, answer) for name, answer in found.items() if not BOUND.search(answer)))
