"""TLS reports (RFC 8460): how reports get past stsgate itself."""

from lab import hop
from lab.story import expect

from .everywhere import each

FROM = 'tlsrpt@relay.example'
SENDER = 'tlsrpt+4cJ2xQ@relay.example'
# From TLS REPORTS in stsgated(8), for a Postfix that does not know `TLS-Required: No`.
TRANSPORTS = r'regexp:{{/^tlsrpt\+/ tlsrpt:}}'
SERVICE = 'tlsrpt/unix=tlsrpt unix - - y - - smtp -o smtp_tls_policy_maps='


def refused(stage, domain, **how):
    answer = stage.send(domain, **how).answers[domain.address()]
    expect('the code of the answer', 451, answer[0])


@each('postfix', 'postfix-next', 'sendmail')
def own_report_passes(lab, stage, name):
    """A report to a domain whose mail hosts fail passes, but only from this machine, and is neither tagged nor counted."""
    lab.gate.restart(report_from=FROM, milter_tag='all')
    domain, stranger = lab.domain(f'{name}-told', conduct=hop.STRIPPED), lab.domain(f'{name}-told-once')
    refused(stage, domain, sender=SENDER)
    refused(stage, domain, sender=FROM, local=True)
    judged = lab.gate.counter('stsgate_verdicts_total', purpose='deliver')
    old_postfix = name == 'postfix' and not stage.relay.obeys_tls_required()
    if old_postfix:
        stage.relay.run('postconf', '-M', SERVICE)
        stage.relay.run('/usr/lib/postfix/configure-instance.sh', '-')     # the files that libc reads in its chroot
        stage.relay.set(sender_dependent_default_transport_maps=TRANSPORTS)
    try:
        for to in (stranger, domain):
            attempt = stage.send(to, sender=SENDER, local=True, headers=['TLS-Required: No'])
            stage.accepted(attempt)
            if name == 'sendmail' and to == domain:
                stage.deferred(attempt, stage.relay.NOT_OFFERED)
                continue
            stage.relay.wait_fate(attempt.queue_id, 'sent')
            arrival = lab.wait_arrival(to.mx)
            stage.tell('arrived', arrival)
            expect('tags', [], arrival.headers('X-STS-Gate'))
    finally:
        if old_postfix:
            stage.relay.set(sender_dependent_default_transport_maps='')
    expect('verdicts', 0, lab.gate.counter('stsgate_verdicts_total', purpose='deliver') - judged)
    known = lab.gate.tool('show', stranger.name)[0] == 0
    expect('the domain that got only a report is known', name == 'sendmail', known)
