"""Attacks beyond the demo: the docstring of each states in one sentence what the attacker does.

siege.py runs an attack at every door of the relay and states the results that must follow.
"""

TESTS = []


def attack(function):
    TESTS.append(function)
    return function


from . import discovery, hops, names, signs  # noqa: E402  these modules add themselves to TESTS
