"""DANE beside MTA-STS, with signed zones: the docstring of each test says in one sentence what must hold.

From the first of them on the relay and the gate ask a resolver that validates, so they come last.
"""

import functools

TESTS = []


def test(function):
    """A test of a relay that does DANE and a gate that knows it."""
    @functools.wraps(function)
    def one(lab, stage):
        lab.use_signed(stage.relay)
        function(lab, stage)
    TESTS.append(one)
    return one


from . import table, lookups, attacked  # noqa: E402  they add themselves to TESTS
