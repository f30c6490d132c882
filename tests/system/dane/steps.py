"""Steps that several DANE tests use."""

from lab.proc import wait_for
from lab.story import expect, expect_match

MAP_OF = 'socketmap:inet:127.0.0.1:8461:{}'
SECURE = '^secure match={} servername=hostname$'


def domains(lab, name, modes, **more):
    """A signed domain for each policy mode, None for no policy; the mode is at the end of the domain's name."""
    return [lab.domain(f'{name}-{mode or "nopolicy"}', mode, policy=mode is not None, tld='signed', **more)
            for mode in modes]


def backup_hop(lab, domain):
    """A second host of the domain, after the first; the policy lists it."""
    backup = lab.new_hop(f'backup.{domain.ascii}')
    domain.hops[backup.name] = backup
    if domain.policy_address:
        mode = domain.name.partition('.')[0].rpartition('-')[2]
        domain.publish_policy(mode)
    domain.set_mx(domain.mx, backup)
    return backup


def map_says(stage, domain, pattern, dialect='postfix'):
    """The map's answer matches the pattern; None: NOTFOUND."""
    try:
        answer = stage.relay.map_answer(domain.ascii, MAP_OF.format(dialect))
    except RuntimeError as failed:       # how postmap reports TEMP
        answer = str(failed)
    stage.tell('map', f'{dialect}, {domain.ascii}: {answer}')
    what = f'the map\'s answer about {domain.name} in {dialect}'
    if pattern is None:
        expect(what, None, answer)
    else:
        expect_match(what, pattern, answer)


def goes_out(stage, waiting, count=1, seconds=20):
    """[(attempt, hop)]: runs the queue until it is empty; the last of count messages at a hop came over TLS."""
    def gone():
        stage.relay.flush()
        return not stage.relay.queue()
    wait_for('the queue is empty', gone, seconds, pause=0.7)
    for attempt, hop in waiting:
        stage.encrypted(attempt, hop, count)


def resolver_sees(lab, name, kind, text):
    """Waits until the resolver returns the published records."""
    def seen():
        answer = lab.signed.ask(name, kind)
        return answer is not None and text in answer.to_text()
    wait_for(f'the resolver has {text} for {name}', seen)


def mended(lab, stage, *domains_):
    """The attack ends; the gate looks up these domains again."""
    for domain in domains_:
        stage.tell('the path', f'the attack on {domain.name} is over')
        lab.gate.tool('refresh', domain.ascii)
