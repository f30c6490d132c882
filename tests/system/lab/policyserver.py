"""Policy hosts that misbehave: a small HTTPS server each, whose behaviour can be changed.

Each has its own address; nginx serves all other domains.
"""

import socket
import ssl
import threading
import time

from . import net

IDLE_S = 20
ENDLESS_MAX = 32 << 20           # a client that reads this much would read more

# The behaviours of a policy host.
HONEST = 'honest'
DOWN = 'down'                    # cannot be reached, and never will be
SILENT = 'silent'                # accepts connections and never answers the handshake
REDIRECT = 'redirect'            # 301 to another page of this host with the same policy
HTML = 'html'                    # the policy as text/html
ENDLESS = 'endless'              # a body without an end
DRIBBLE = 'dribble'              # one byte a second
SELF_SIGNED = 'self-signed'
EXPIRED = 'expired'
WRONG_NAME = 'wrong-name'
CN_ONLY = 'cn-only'              # the right name, but only as the subject's common name
PARTIAL_WILDCARD = 'partial-wildcard'

BAD_CERTIFICATES = (SELF_SIGNED, EXPIRED, WRONG_NAME, CN_ONLY, PARTIAL_WILDCARD)

PATH = '/.well-known/mta-sts.txt'
ELSEWHERE = '/policy.txt'


def certificate(conduct, authority, host, path):
    """Writes the certificate that a policy host shows, for mta-sts.DOMAIN, to one PEM file."""
    domain = host.partition('.')[2]
    if conduct == SELF_SIGNED:
        return authority.self_sign(host, path)
    if conduct == CN_ONLY:
        return authority.issue([], path, common_name=host)
    shown = {WRONG_NAME: f'www.{domain}', PARTIAL_WILDCARD: f'mta-*.{domain}'}
    return authority.issue([shown.get(conduct, host)], path, expired=conduct == EXPIRED)


class PolicyServer:
    """requests: the requested paths, over TLS that the client accepted."""

    def __init__(self, host, address, authority, base, body):
        self.host = host
        self.address = address
        self.authority = authority
        self.base = base
        self.certificates = {}
        self.body = body
        self.conduct = HONEST
        self.connections = 0
        self.requests = []
        self.drowned = 0         # clients that read the whole endless body
        self.listener = None

    def become(self, conduct):
        shown = conduct if conduct in BAD_CERTIFICATES else HONEST
        if shown not in self.certificates:
            self.certificates[shown] = certificate(shown, self.authority, self.host, f'{self.base}.{shown}')
        self.conduct = conduct
        if conduct == DOWN:
            self._close()
            net.remove(self.address)
        elif self.listener is None:
            self._open()

    def _open(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((self.address, 443))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _close(self):
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer, self.conduct), daemon=True).start()

    def _serve(self, peer, conduct):
        peer.settimeout(IDLE_S)
        try:
            if conduct == SILENT:
                peer.recv(65536)
                peer.recv(65536)
                return
            with self._context(conduct).wrap_socket(peer, server_side=True) as secure:
                self._reply(secure, conduct, self._request(secure))
        except OSError:
            pass
        finally:
            peer.close()

    def _context(self, conduct):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates[conduct if conduct in BAD_CERTIFICATES else HONEST])
        return context

    def _request(self, secure):
        head = b''
        while b'\r\n\r\n' not in head:
            more = secure.recv(4096)
            if not more or len(head) > 65536:
                raise OSError('no request')
            head += more
        path = head.split(b' ')[1].decode('ascii', 'replace')
        self.requests.append(path)
        return path

    def _reply(self, secure, conduct, path):
        body = self.body.encode()
        head = ['HTTP/1.1 200 OK', 'Content-Type: text/plain', f'Content-Length: {len(body)}']
        if conduct == REDIRECT and path != ELSEWHERE:
            head = ['HTTP/1.1 301 Moved Permanently', f'Location: https://{self.host}{ELSEWHERE}',
                    'Content-Type: text/plain', f'Content-Length: {len(body)}']
        elif conduct == HTML:
            head[1] = 'Content-Type: text/html'
        elif conduct == ENDLESS:
            head.pop()
        secure.sendall('\r\n'.join([*head, 'Connection: close', '', '']).encode())
        if conduct == ENDLESS:
            self._flood(secure)
        elif conduct == DRIBBLE:
            self._dribble(secure, body)
        else:
            secure.sendall(body)

    def _flood(self, secure):
        """A valid policy up to the last line that was sent: only its size is wrong."""
        line = b'mx: ' + b'x' * 50 + b'.example\r\n'
        secure.sendall(self.body.encode())
        for _ in range(0, ENDLESS_MAX, 64 * len(line)):
            secure.sendall(line * 64)
        self.drowned += 1

    @staticmethod
    def _dribble(secure, body):
        for at in range(len(body)):
            secure.sendall(body[at:at + 1])
            time.sleep(1)
