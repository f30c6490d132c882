"""DANE beside MTA-STS, with signed zones: the docstring of each test states what must be true.

From the first of these tests on, relay and gate use a validating resolver, so they run last.
"""

import functools

TESTS = []


def test(function):
    """A test with a relay that does DANE, and a gate whose settings say so."""
    @functools.wraps(function)
    def one(lab, stage):
        lab.use_signed(stage.relay)
        function(lab, stage)
    TESTS.append(one)
    return one


from . import table, lookups, attacked  # noqa: E402  these modules add themselves to TESTS
