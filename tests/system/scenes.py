"""The scenes of the demo: what an attacker tries, and what happens to the mail.

A scene's docstring is its story in one sentence.  Each scene has its own domains, so that it
can run alone.
"""

import json
import os

from lab import hop
from lab.proc import wait_for
from lab.story import expect, expect_match

SCENES = []


def scene(function):
    SCENES.append(function)
    return function


@scene
def honest(lab, stage):
    """An honest domain: stsgate finds and keeps its policy, and mail to it is delivered encrypted."""
    domain = lab.domain('honest')
    attempt = stage.send(domain)
    arrival = stage.encrypted(attempt, domain.mx)
    expect('tags in a message that passed', [], arrival.headers('X-STS-Gate'))
    stage.explain(domain, 'verdict=pass')
    stage.verified(domain.mx)


@scene
def starttls_stripped(lab, stage):
    """An attacker on the path strips STARTTLS from what the MX host offers."""
    domain = lab.domain('stripped', conduct=hop.STRIPPED)
    attempt = stage.send(domain)
    stage.refused(attempt, domain, 'starttls-not-supported',
                  rf'{domain.mx.name} offers no STARTTLS')
    stage.explain(domain, 'verdict=fail-enforce')
    stage.nothing_at(domain.mx)


@scene
def mx_forged(lab, stage):
    """Forged DNS names the attacker's host as the only MX; that host has a valid certificate of its own."""
    domain = lab.domain('forged')
    evil = lab.new_hop('mx.evil-forger.example')
    stage.learn(domain)
    stage.tell('attack', f'{domain.name} MX 10 {evil.name}')
    domain.set_mx(evil)
    attempt = stage.send(domain)
    stage.refused(attempt, domain, 'mx-not-in-policy', f'{evil.name} .*')
    stage.explain(domain, 'verdict=fail-enforce')
    stage.nothing_at(evil, domain.mx)


@scene
def mx_added(lab, stage):
    """Forged DNS adds a second, evil MX after the real one, and then the real one is blocked."""
    domain = lab.domain('added')
    evil = lab.new_hop('mx.evil-adder.example')
    stage.learn(domain)
    stage.tell('attack', f'{domain.name} MX 20 {evil.name}, below {domain.mx.name}')
    domain.set_mx(domain.mx, evil)
    stage.encrypted(stage.send(domain), domain.mx)
    stage.turn(domain.mx, hop.DOWN, f'{domain.mx.name} is blocked')
    blocked = stage.send(domain)
    stage.accepted(blocked)
    stage.deferred(blocked, lab.relay.NOT_NAMED)
    stage.nothing_at(evil)
    stage.turn(domain.mx, hop.HONEST, f'{domain.mx.name} can be reached again')
    stage.flush()
    stage.encrypted(blocked, domain.mx, count=2)
    stage.nothing_at(evil)


@scene
def certificate_expired(lab, stage):
    """The MX host shows an expired certificate."""
    bad_certificate(lab, stage, 'expired', hop.EXPIRED, 'certificate-expired')


@scene
def certificate_for_another_name(lab, stage):
    """The MX host shows a certificate for another name."""
    bad_certificate(lab, stage, 'wrongname', hop.WRONG_NAME, 'certificate-host-mismatch')


def bad_certificate(lab, stage, name, conduct, reason):
    domain = lab.domain(name, conduct=conduct)
    attempt = stage.send(domain)
    stage.refused(attempt, domain, reason, f'{domain.mx.name} .*')
    stage.explain(domain, f'verdict=fail-enforce.*{reason}')
    stage.nothing_at(domain.mx)


@scene
def testing_mode(lab, stage):
    """A domain whose policy has mode testing: mail to it is tagged but never delayed."""
    domain = lab.domain('testing', mode='testing', conduct=hop.STRIPPED)
    attempt = stage.send(domain)
    stage.accepted(attempt)
    lab.relay.wait_fate(attempt.queue_id, 'sent')
    arrival = lab.wait_arrival(domain.mx)
    stage.tell('arrived', arrival)
    tags = arrival.headers('X-STS-Gate')
    stage.tell('tag', f'X-STS-Gate: {"; ".join(tags)}')
    expect('number of tags', 1, len(tags))
    expect_match('the tag', r'^domain=testing\.example; policy=testing; verdict=fail-testing; '
                 r'reason=starttls-not-supported; mx=mx\.testing\.example$', tags[0])
    stage.explain(domain, 'verdict=fail-testing')


def accepted_then_attacked(lab, stage, name):
    """A message that is accepted before the attack and is to be delivered during the attack."""
    domain = lab.domain(name)
    attempt = stage.send(domain, hold=True)
    stage.accepted(attempt)
    stage.on_hold(attempt)
    stage.turn(domain.mx, hop.STRIPPED, f'STARTTLS is stripped at {domain.mx.name}')
    since = stage.release(attempt)
    stage.deferred(attempt, lab.relay.NOT_OFFERED, since)
    stage.nothing_at(domain.mx)
    return domain, attempt


@scene
def attack_after_rcpt(lab, stage):
    """The attack begins between RCPT and delivery: the milter accepted the message, the map holds it."""
    accepted_then_attacked(lab, stage, 'between')


@scene
def attack_over(lab, stage):
    """After the attack, rejected mail is accepted and queued mail is delivered, both encrypted."""
    domain, queued = accepted_then_attacked(lab, stage, 'queued')
    refused = lab.domain('refused', conduct=hop.STRIPPED)
    stage.refused(stage.send(refused), refused, 'starttls-not-supported')
    stage.turn(domain.mx, hop.HONEST, 'STARTTLS is back')
    refused.mx.become(hop.HONEST)
    stage.flush()
    stage.encrypted(queued, domain.mx)
    again = accepted_at_last(lab, stage, refused)
    stage.encrypted(again, refused.mx)
    expect('messages that came in the clear', [], in_the_clear(domain, refused))


def accepted_at_last(lab, stage, domain, seconds=20):
    """Sends as a client that retries after a 451, until the message is accepted."""
    attempts = []

    def taken():
        attempts.append(lab.relay.send([domain.address()]))
        return attempts[-1].queue_id
    wait_for(f'a message to {domain.name} is accepted', taken, seconds, pause=0.5)
    stage.tell('sent', f'RCPT TO:<{domain.address()}> again')
    stage.tell('answer', attempts[-1].answer(domain.address()))
    return attempts[-1]


def in_the_clear(*domains):
    return [str(arrival) for domain in domains for one in domain.hops.values()
            for arrival in one.arrivals if arrival.protocol is None]


@scene
def killed_and_restarted(lab, stage):
    """stsgated is killed and restarted while policy host and record are gone: the stored policy still applies."""
    kept, attacked = lab.domain('kept'), lab.domain('attacked')
    for domain in (kept, attacked):
        stage.learn(domain)
    stage.tell('attack', 'the policy hosts refuse connections, the _mta-sts records are gone')
    lab.policy_hosts.stop()
    for domain in (kept, attacked):
        domain.hide_record()
    stage.tell('gate', 'stsgated is killed with -9 and started again')
    lab.gate.kill()
    lab.gate.start()
    stage.turn(attacked.mx, hop.STRIPPED, f'STARTTLS is stripped at {attacked.mx.name}')
    stage.refused(stage.send(attacked), attacked, 'starttls-not-supported',
                  rf'{attacked.mx.name} offers no STARTTLS')
    stage.explain(attacked, 'verdict=fail-enforce')
    stage.nothing_at(attacked.mx)
    stage.encrypted(stage.send(kept), kept.mx)
    stage.explain(kept, 'verdict=pass')


@scene
def explained_and_released(lab, stage):
    """Urgent mail is held: one command explains why, a second one releases it until noon, on record."""
    domain = lab.domain('urgent', conduct=hop.STRIPPED)
    stage.refused(stage.send(domain), domain, 'starttls-not-supported')
    wait_for('the verdict is recorded', lambda: lab.gate.tool('why', domain.name)[0] == 0)
    expect_match('the explanation', 'starttls-not-supported', stage.tool('why', domain.name))
    stage.tool('override', 'set', domain.name, 'pass', '--until', '12:00', '--reason', 'hospital, agreed by phone')
    attempt = stage.send(domain)
    stage.accepted(attempt)
    lab.relay.wait_fate(attempt.queue_id, 'sent')
    stage.tell('arrived', lab.wait_arrival(domain.mx))
    stage.explain(domain, 'override=pass')
    expect_match('the record', r'(?s)override-set.*hospital, agreed by phone', stage.tool('events', domain.name))
    stage.tool('override', 'clear', domain.name)
    stage.refused(stage.send(domain), domain, 'starttls-not-supported')


ALARM = '/usr/local/lib/stsgate-alarm'
HOUR_S = 3600


def alarm(lab):
    """Makes a program for event_command that keeps what it is told; returns a function that finds it."""
    path = f'{lab.gate.store}/told'
    with open(ALARM, 'w', encoding='ascii') as file:
        file.write(f'#!/bin/sh\ncat >>{path}\n')
    os.chmod(ALARM, 0o755)

    def told(news, domain):
        if not os.path.exists(path):
            return None
        with open(path, encoding='ascii') as file:
            events = [json.loads(line) for line in file]
        return next((one for one in events if one['news'] == news and one['domain'] == domain.ascii), None)
    return told


@scene
def attack_from_its_sign_to_its_end(lab, stage):
    """An attack begins after good days: somebody is told at once, mail waits, and the story is kept to its end."""
    told = alarm(lab)
    lab.gate.restart(own_clock=True, event_command=ALARM)
    domain = lab.domain('watched')
    stage.encrypted(stage.send(domain), domain.mx)

    def hear(news):
        event = wait_for(f'the program is told: {news}', lambda: told(news, domain), 20)
        stage.tell('told', f'{event["news"]} {event["severity"]}: {event["kind"]} {event["domain"]}: {event["detail"]}')
        return event
    stage.turn(domain.mx, hop.STRIPPED, f'five hours later, STARTTLS is stripped on the path to {domain.mx.name}')
    lab.gate.set_clock(5 * HOUR_S)
    held = stage.send(domain)
    stage.accepted(held)
    stage.deferred(held, lab.relay.NOT_OFFERED)
    sign = hear('new')
    expect('the sign', ('starttls-lost', domain.mx.name), (sign['kind'], sign['host']))
    stage.refused(stage.send(domain), domain, 'starttls-not-supported', rf'{domain.mx.name} offers no STARTTLS')
    expect('messages in the clear', [], in_the_clear(domain))
    stage.turn(domain.mx, hop.HONEST, '43 minutes later, the attacker has left')
    lab.gate.set_clock(5 * HOUR_S + 43 * 60)
    stage.flush()
    stage.encrypted(held, domain.mx, count=2)
    stage.encrypted(stage.send(domain), domain.mx, count=3)
    expect('the number of what is over', sign['number'], hear('over')['number'])
    story = stage.tool('events', 'show', str(sign['number']))
    expect_match('the story', r'(?s)story .*milter: verdict fail-enforce, reason starttls-not-supported, action defer'
                 r'.* over after 4[34] minutes: mail was delayed .*, none of it sent in the clear'
                 r'.*EHLO .*250 STARTTLS.*means ', story)
