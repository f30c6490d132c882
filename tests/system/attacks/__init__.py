"""Attacks beyond the demo: the docstring of each says in one sentence what is tried.

siege.py plays an attack at every door of the relay and says what must come of it.
"""

TESTS = []


def attack(function):
    TESTS.append(function)
    return function


from . import discovery, hops, names  # noqa: E402  they add themselves to TESTS
