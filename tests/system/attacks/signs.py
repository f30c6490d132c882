"""What an operator sees of attacks: events that compare what is seen now with what was seen before."""

import json

from lab import hop
from lab.story import expect

from . import attack


def signs_of(lab, domains):
    """{domain: [(kind, severity)]} by the events in the store."""
    events = json.loads(lab.gate.tool('events', '--json')[1])['events']
    return {one.ascii: sorted((event['kind'], event['severity']) for event in events
                              if event['domain'] == one.ascii) for one in domains}


def query(lab, stage, domains):
    for one in domains:
        _, out, err = lab.gate.tool('query', one.ascii)
        stage.tell('query', f'{one.ascii}: {(out + err).splitlines()[-1]}')


@attack
def attacks_on_good_domains(lab, stage):
    """Five attacks on domains that were good are events; a move to another provider is a notice, a renewal nothing."""
    stripped, replaced, forged = (lab.domain(f'signs.{name}') for name in ('stripped', 'replaced', 'forged'))
    removed, weakened, renewed = (lab.domain(f'signs.{name}') for name in ('removed', 'weakened', 'renewed'))
    bad_for_long = lab.domain('signs.bad-for-long', conduct=hop.STRIPPED)
    evil = lab.new_hop('mx.evil-sign.example')
    moved, provider = lab.domain('signs.moved'), lab.new_hop('mx.new-provider.example')
    domains = (stripped, replaced, forged, removed, weakened, renewed, bad_for_long, moved)
    for one in domains:
        stage.learn(one)         # a query stores no entry of a domain that no mail has asked for
    query(lab, stage, domains)
    expect('signs before the attacks', {one.ascii: [] for one in domains}, signs_of(lab, domains))
    stage.turn(stripped.mx, hop.STRIPPED, f'STARTTLS is stripped at {stripped.mx.name}')
    stage.turn(replaced.mx, hop.UNTRUSTED, f'another authority\'s certificate at {replaced.mx.name}')
    stage.tell('attack', f'{forged.name} MX 10 {evil.name}')
    forged.set_mx(evil)
    stage.tell('attack', f'_mta-sts.{removed.name} is removed')
    removed.hide_record()
    stage.tell('owner', f'the policy of {weakened.name} has mode testing now')
    weakened.publish_policy('testing')
    stage.tell('owner', f'{renewed.mx.name} has a new certificate')
    renewed.mx.become(hop.REISSUED)
    stage.tell('owner', f'{moved.name} has moved to {provider.name}, and its policy says so')
    moved.hops = {provider.name: provider}
    moved.set_mx(provider)
    moved.publish_policy()
    moved.publish_record('"v=STSv1; id=2;"')
    query(lab, stage, domains)
    expect('signs of the attacks', {
        stripped.ascii: [('starttls-lost', 'error')],
        replaced.ascii: [('certificate-broke', 'error')],
        forged.ascii: [('mx-left-policy', 'warning')],
        removed.ascii: [('record-gone', 'warning')],
        weakened.ascii: [('policy-weakened', 'warning')],
        renewed.ascii: [],
        moved.ascii: [('hop-moved', 'notice'), ('policy-weakened', 'notice')],
        bad_for_long.ascii: []}, signs_of(lab, domains))
    stage.tool('events', stripped.ascii, replaced.ascii, forged.ascii, removed.ascii, weakened.ascii)
    events = json.loads(lab.gate.tool('events', moved.ascii, '--kind', 'hop-moved', '--json')[1])['events']
    shown = lab.gate.tool('events', 'show', str(events[0]['number']))[1]
    expect('whether the story of the move names the new host', True, provider.name in shown and provider.address in shown)
