"""The daemons of the tests: one for each store that the fixture makes."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

STORIES = ('everyday', 'empty', 'attack', 'hostile', 'crowded')  # the first one has the usual ports
UNIX_SOCKET = '/run/stsgate/metrics.sock'
OUTSIDE = '192.0.2.10'  # an address of this machine that is no loopback address
USER = 'stsgate'
PATIENCE_S = 60
HTML = 'text/html,application/xhtml+xml'
SETTINGS = '''user = {user}
group = {user}
store_path = {dir}
network_db = {dir}/networks.db
dns_servers = 127.0.0.1@9
milter_socket = unix:{dir}/milter
socketmap_socket = inet:{map}@127.0.0.1
metrics_socket = {http}
status_page = {page}
tlsrpt = collect
tlsrpt_socket = {dir}/tlsrpt
report_from = tlsrpt@relay.example.com
report_organization = Relay
report_smtp = 127.0.0.1:9
'''


class Gate:
    def __init__(self, place, story, number, unix=None, host='127.0.0.1'):
        self.unix = unix
        self.host = host
        self.dir = f'{place}/{story}{number}'
        self.port = 9461 + number
        self.map = 8461 + number
        self.url = f'http://127.0.0.1:{self.port}'
        self.log = f'{self.dir}.log'
        os.mkdir(self.dir, 0o700)
        subprocess.run(['/usr/local/bin/fixture', self.dir, story], check=True)
        for name in [self.dir, *(f'{self.dir}/{name}' for name in os.listdir(self.dir))]:
            shutil.chown(name, USER, USER)
        self.config = f'{self.dir}.conf'
        self.write()
        with open(self.log, 'wb') as log:
            self.child = subprocess.Popen(['/usr/local/sbin/stsgated', '-f', '-c', self.config],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def write(self, page='yes'):
        http = f'unix:{self.unix}' if self.unix else f'inet:{self.port}@{self.host}'
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(SETTINGS.format(user=USER, dir=self.dir, map=self.map, http=http, page=page))

    def reload(self):
        self.child.send_signal(signal.SIGUSR1)

    def wait(self):
        """Returns when the daemon answers and has counted what is in its store."""
        until = time.monotonic() + PATIENCE_S
        while True:
            if self.child.poll() is not None:
                raise RuntimeError(f'stsgated has ended: {open(self.log, encoding="utf-8").read()}')
            try:
                if self.get('/')[0] == 403 or self.json('/')['counted_at']:
                    return
            except OSError:
                pass  # it does not listen yet
            if time.monotonic() > until:
                raise RuntimeError(f'the status page of {self.dir} is not complete')
            time.sleep(0.2)

    def stop(self):
        """Ends the daemon and returns its exit status."""
        self.child.terminate()
        return self.child.wait(PATIENCE_S)

    def connect(self):
        if not self.unix:
            return socket.create_connection((self.host, self.port), timeout=PATIENCE_S)
        door = socket.socket(socket.AF_UNIX)
        door.settimeout(PATIENCE_S)
        door.connect(self.unix)
        return door

    def get(self, path, method='GET', **headers):
        """The answer to one request: status, headers, text."""
        connection = http.client.HTTPConnection('localhost')
        connection.sock = self.connect()
        try:
            connection.putrequest(method, path, skip_host='host' in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode('utf-8')
        finally:
            connection.close()

    def html(self, path):
        return self.get(path, accept=HTML)[2]

    def json(self, path):
        return json.loads(self.get(path, accept='application/json')[2])

    def ask_map(self, key):
        """The map's reply, and how many seconds it took."""
        begun = time.monotonic()
        with socket.create_connection(('127.0.0.1', self.map), timeout=PATIENCE_S) as door:
            words = f'stsgate {key}'.encode()
            door.sendall(b'%d:%s,' % (len(words), words))
            reply = b''
            while not reply.endswith(b','):
                chunk = door.recv(4096)
                if not chunk:
                    break
                reply += chunk
        return reply.decode(), time.monotonic() - begun


def make_user():
    subprocess.run(['useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', USER], check=True)
    os.makedirs(os.path.dirname(UNIX_SOCKET), exist_ok=True)
    shutil.chown(os.path.dirname(UNIX_SOCKET), USER, USER)
