"""Tests with real consumers of the gate: the docstring of each test states what must be true.

Postfix of the lab's own suite, Debian's next Postfix, and Sendmail, each with milter and map; Exim with the map.
"""

TESTS = []


def test(function):
    TESTS.append(function)
    return function


from . import everywhere, exim, postfix, reporting, reports, sendmail, wishes  # noqa: E402  they add to TESTS
