"""An attacker who reaches the socket, or whose page runs in the operator's browser."""

import http.client
import re
import socket
import struct
import threading
import time

PARALLEL = 500
MAP_SLOWEST_S = 1.0


def talk(port, octets, patience_s=15):
    """Sends octets and no more, and returns all that comes back."""
    with socket.create_connection(('127.0.0.1', port), timeout=patience_s) as door:
        door.sendall(octets)
        answer = b''
        try:
            door.shutdown(socket.SHUT_WR)
            while chunk := door.recv(65536):
                answer += chunk
        except OSError:
            pass  # it has hung up
        return answer.decode('utf-8', 'replace')


def foreign_hosts_get_nothing(page):
    """A name that an attacker has pointed at the loopback address (DNS rebinding) is refused."""
    gate = page.gates['everyday']
    for host in ('evil.example', 'evil.example:9471', 'localhost.evil.example', '127.0.0.1.evil.example', ' ',
                 'evil.example@localhost', '192.0.2.1', '[2001:db8::1]', '0.0.0.0', 'localhost evil.example', '128.0.0.1',
                 '127.0.0.1x', '[::1', '127.1.evil'):
        status, headers, text = gate.get('/', host=host)
        assert status in (400, 403, 421) and 'clinic' not in text and len(text) < 400, f'{host}: {status} {text[:300]}'
    for host in ('localhost', f'localhost:{gate.port}', '127.0.0.1', f'127.0.0.1:{gate.port}', '127.9.9.9', '[::1]',
                 f'[::1]:{gate.port}', 'LOCALHOST'):
        assert gate.get('/', host=host)[0] == 200, host
    assert talk(gate.port, b'GET / HTTP/1.0\r\n\r\n').startswith('HTTP/1.1 200')
    two = talk(gate.port, b'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n')
    assert not two.startswith('HTTP/1.1 200'), two[:200]


def other_machines_get_nothing(page):
    """A client with an address that is no loopback address gets the metrics, but not the page."""
    gate = page.gates['outside']
    for path in ('/', '/domain/bank.example', '/style.css'):
        for host in (f'{gate.host}:{gate.port}', 'localhost'):
            status, _, text = gate.get(path, host=host)
            assert status == 403 and 'bank' not in text and len(text) < 400, f'{path} {host}: {status} {text[:300]}'
    assert gate.get('/metrics')[0] == gate.get('/healthz')[0] == 200


def only_who_wants_it_has_it(page):
    """Without status_page there is no page; a reload is enough to turn it off and on."""
    gate = page.gates['unix']
    for setting, wanted in (('no', 404), ('yes', 200)):
        gate.write(setting)
        gate.reload()
        until = time.monotonic() + 30
        while gate.get('/')[0] != wanted:
            assert time.monotonic() < until, f'status_page = {setting}: {gate.get("/")}'
            time.sleep(0.1)
        assert gate.get('/domain/bank.example')[0] == wanted and gate.get('/metrics')[0] == 200, setting


def only_reading(page):
    """No method but GET and HEAD; HEAD has the head of GET and no body."""
    gate = page.gates['everyday']
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'get', 'GETX'):
        for path in ('/', '/domain/clinic.example'):
            status, headers, text = gate.get(path, method)
            assert status == 405 and headers['allow'] == 'GET, HEAD' and 'clinic' not in text, f'{method} {path}: {status}'
    got, head = gate.get('/', accept='text/html'), gate.get('/', 'HEAD', accept='text/html')
    assert head[0] == 200 and head[2] == '' and int(head[1]['content-length']) > 1000, head
    assert set(got[1].keys()) == set(head[1].keys()), head


def crooked_requests(page):
    """Long, broken and odd requests get one short answer or none, and the daemon goes on."""
    gate = page.gates['everyday']
    ok = b' HTTP/1.1\r\nHost: localhost\r\n\r\n'
    for octets in (b'GET /' + b'a' * 3000 + ok, b'GET /domain/' + b'a' * 3900 + ok, b'GET /' + b'%41' * 2000 + ok,
                   b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01\x02\x00' + b'\0' * 400, b'GET\r\n\r\n',
                   b'GET  / HTTP/1.1\r\n\r\n', b'\r\n\r\n\r\n', b'GET /domain/../../etc/passwd' + ok,
                   b'GET //evil.example/' + ok, b'GET http://evil.example/' + ok, b'GET /domain/\xff\xfe' + ok,
                   b'GET /\x00' + ok, b'GET / HTTP/1.1\r\nHost: localhost\r\nX: ' + b'y' * 8000 + b'\r\n\r\n'):
        answer = talk(gate.port, octets)
        lines = answer.split('\r\n')
        assert answer == '' or re.match(r'HTTP/1\.1 (400|403|404|414|421|431|200) ', lines[0]), \
            f'{octets[:60]}: {answer[:200]}'
        assert len(answer) < 6000, f'{octets[:60]}: {len(answer)} octets'
    assert gate.get('/')[0] == 200


def ask_map_for(gate, seconds, took, stop):
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop.is_set():
        reply, lasted = gate.ask_map('harbour-bakery-0128.example')
        took.append(lasted)
        if 'OK' not in reply and 'NOTFOUND' not in reply:
            took.append(float('inf'))


def slow_clients(page):
    """Clients that never finish their request, or never read the answer, keep nobody else waiting for long."""
    gate = page.gates['everyday']
    doors = []
    for i in range(60):
        door = socket.create_connection(('127.0.0.1', gate.port), timeout=30)
        doors.append(door)
        door.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n' + (b'' if i % 2 else b'\r\n'))
    took = []
    ask_map_for(gate, 2, took, threading.Event())
    begun = time.monotonic()
    while True:
        try:
            assert gate.get('/')[0] in (200, 503)
            break
        except OSError:
            assert time.monotonic() - begun < 30, 'the page does not answer any more'
            time.sleep(0.5)
    for door in doors:
        door.close()
    assert max(took) < MAP_SLOWEST_S, f'the map took {max(took):.2f} s'


def impatient_clients(page):
    """Clients that hang up while they wait for their page, or while it comes, harm nobody."""
    gate = page.gates['everyday']
    request = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
    for i in range(200):
        with socket.create_connection(('127.0.0.1', gate.port), timeout=30) as door:
            # closing resets the connection
            door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            door.sendall(request * (1 + i % 3))
            if i % 10 == 0:
                door.recv(1)
    until = time.monotonic() + 30
    while gate.get('/')[0] != 200:
        assert time.monotonic() < until, 'the page does not come any more'
        time.sleep(0.2)


def fetch_once(gate, found):
    connection = http.client.HTTPConnection('127.0.0.1', gate.port, timeout=60)
    try:
        connection.request('GET', '/')
        answer = connection.getresponse()
        answer.read()
        found.append((answer.status, answer.headers.get('retry-after')))
    except OSError:
        found.append((0, None))
    finally:
        connection.close()


def a_crowd(page):
    """500 requests at the same time: each gets the page, or is told to come later, and the map answers at once."""
    gate = page.gates['everyday']
    found, took, stop = [], [], threading.Event()
    asker = threading.Thread(target=ask_map_for, args=(gate, 60, took, stop))
    asker.start()
    crowd = [threading.Thread(target=fetch_once, args=(gate, found)) for _ in range(PARALLEL)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    stop.set()
    asker.join()
    counts = {status: sum(1 for one in found if one[0] == status) for status in {one[0] for one in found}}
    print(f'    {counts}; the map answered {len(took)} times, after at most {max(took):.3f} s')
    assert set(counts) <= {0, 200, 503} and counts.get(200, 0) >= 1, counts
    assert all(later for status, later in found if status == 503), 'a 503 without Retry-After'
    assert len(took) > 3 and max(took) < MAP_SLOWEST_S, f'the map took {max(took):.2f} s'
    assert gate.get('/')[0] == 200


TESTS = [foreign_hosts_get_nothing, other_machines_get_nothing, only_who_wants_it_has_it, only_reading,
         crooked_requests, slow_clients, impatient_clients, a_crowd]
