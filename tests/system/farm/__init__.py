"""Tests of a farm of relays that share what they know: the docstring of each states in one sentence what must be true."""

TESTS = []


def test(function):
    TESTS.append(function)
    return function


from . import knowing, deciding, hostile, showing  # noqa: E402  these modules add themselves to TESTS
