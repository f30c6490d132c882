"""System tests beyond the demo: the docstring of each states in one sentence what must be true."""

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def tags(arrival):
    return arrival.headers('X-STS-Gate')


def milter_only(lab, **settings):
    """The setup without the map: only the milter judges, at RCPT."""
    lab.gate.restart(mta_enforces='no', **settings)
    lab.relay.attach(tls_map=False)


# these modules add themselves to TESTS
from . import judging, acting, beside, chroot, crowd, daemon, delegation, doctor, doctor_mta, examples, interference, metrics, silence, trouble  # noqa: E402
