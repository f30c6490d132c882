"""MX hosts: a small SMTP server each, with its own address, whose behaviour can be changed.

It keeps all data after DATA from the first byte on, with the protocol, so that a test can prove
that no byte of a message was sent in plain text.
"""

import socket
import ssl
import threading
import warnings
from dataclasses import dataclass, field

IDLE_S = 20

# The behaviours of a hop; evil.py has more.
HONEST = 'honest'
STRIPPED = 'stripped'            # STARTTLS is missing from the EHLO reply
EXPIRED = 'expired'              # its certificate has expired
WRONG_NAME = 'wrong-name'        # its certificate is for another name
UNTRUSTED = 'untrusted'          # its certificate comes from an unknown authority
SELF_SIGNED = 'self-signed'      # its certificate is self-signed
NOT_YET_VALID = 'not-yet-valid'  # its certificate is valid from next week on
REVOCABLE = 'revocable'          # its certificate names a list of revoked certificates
REISSUED = 'reissued'            # it has another certificate of the same authority
WITH_CA = 'with-ca'              # it also sends the certificate of its authority
CN_ONLY = 'cn-only'              # its certificate has its name as common name only
WILDCARD = 'wildcard'            # a good certificate, by a wildcard only
WILDCARD_DEEP = 'wildcard-deep'  # its certificate's wildcard would have to stand for two labels
WILDCARD_PARTIAL = 'wildcard-partial'    # its certificate's wildcard stands for a part of a label
WEAK_KEY = 'weak-key'            # its certificate is for an RSA key of 512 bits
OLD_TLS = 'old-tls'              # TLS 1.0 and 1.1 only
NO_CIPHER = 'no-cipher'          # TLS without encryption only
ANONYMOUS = 'anonymous'          # TLS without certificates only
SILENT = 'silent'                # accepts connections and stays silent
BUSY = 'busy'                    # greets with 421
DOWN = 'down'                    # refuses connections

# Behaviours with outdated TLS: ciphers, and the newest version.
OLD_FASHIONS = {
    OLD_TLS: ('ALL:@SECLEVEL=0', ssl.TLSVersion.TLSv1_1),
    NO_CIPHER: ('eNULL:@SECLEVEL=0', ssl.TLSVersion.TLSv1_2),
    ANONYMOUS: ('aNULL:@SECLEVEL=0', ssl.TLSVersion.TLSv1_2),
    WEAK_KEY: ('ALL:@SECLEVEL=0', ssl.TLSVersion.TLSv1_2),
}


@dataclass
class Arrival:
    """One message, or the part of it that arrived."""
    hop: str
    protocol: str                # None: plain text
    cipher: str
    sender: str
    recipients: list
    data: bytearray = field(default_factory=bytearray)
    complete: bool = False

    @property
    def text(self):
        return self.data.decode('utf-8', 'replace')

    def headers(self, name):
        """The values of a header, in order, folded lines joined."""
        head = self.text.split('\r\n\r\n', 1)[0].replace('\r\n ', ' ').replace('\r\n\t', ' ')
        return [line.split(':', 1)[1].strip() for line in head.split('\r\n')
                if line.lower().startswith(name.lower() + ':')]

    def __str__(self):
        how = f'{self.protocol} {self.cipher}' if self.protocol else 'IN THE CLEAR'
        return f'{", ".join(self.recipients)} at {self.hop}, {how}'


class Hop:
    """certificates: the certificates to show, a shown.Certificates."""

    def __init__(self, name, address, certificates, port=25):
        self.name = name
        self.address = address
        self.port = port
        self.certificates = certificates
        self.conduct = DOWN
        self.arrivals = []
        self.envelopes = []      # (protocol or None, the command) of MAIL, RCPT and DATA
        self.connections = 0
        self.requiretls = False      # whether it offers REQUIRETLS (RFC 8689), after STARTTLS
        self.listener = None

    def become(self, conduct):
        self.certificates.file(conduct)      # made here, so that no handshake has to wait for it
        self.conduct = conduct
        if conduct == DOWN:
            self._close()
        elif self.listener is None:
            self._open()

    def _open(self):
        family = socket.AF_INET6 if ':' in self.address else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
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
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        peer.settimeout(IDLE_S)
        session = SESSIONS.get(self.conduct, Session)(self, peer, self.conduct)
        try:
            session.run()
        except (OSError, EOFError):
            pass
        finally:
            session.close()

    def context(self, conduct):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if conduct in OLD_FASHIONS:
            ciphers, newest = OLD_FASHIONS[conduct]
            with warnings.catch_warnings():
                warnings.simplefilter('ignore', DeprecationWarning)
                context.set_ciphers(ciphers)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = newest
        context.load_cert_chain(self.certificates.file(conduct))
        return context


SESSIONS = {}


def conduct(name):
    """Makes a class serve the sessions of hops with this behaviour."""
    def note(kind):
        SESSIONS[name] = kind
        return kind
    return note


class Session:
    """One SMTP connection, from the hop's side."""
    go_ahead = b'220 2.0.0 go ahead\r\n'

    def __init__(self, hop, peer, conduct):
        self.hop = hop
        self.peer = peer
        self.conduct = conduct
        self.file = peer.makefile('rb')
        self.secure = None
        self._forget()

    def _forget(self):
        self.sender = None
        self.recipients = []

    def run(self):
        if self.conduct == SILENT:
            self._line()
            return
        if self.conduct == BUSY:
            self._say('421 4.3.2 busy')
            return
        self._say(f'220 {self.hop.name} ESMTP')
        while self._command(self._line()):
            pass

    def close(self):
        self.file.close()
        self.peer.close()

    def _say(self, *lines):
        code, rest = lines[0][:3], [line[4:] for line in lines]
        text = ''.join(f'{code}-{one}\r\n' for one in rest[:-1]) + f'{code} {rest[-1]}\r\n'
        self.peer.sendall(text.encode())

    def _line(self):
        line = self.file.readline(65536)
        if not line:
            raise EOFError
        return line.decode('utf-8', 'replace').rstrip('\r\n')

    def _command(self, line):
        verb, _, argument = line.partition(' ')
        if verb.upper() in ('MAIL', 'RCPT', 'DATA'):
            self.hop.envelopes.append((self.secure and self.secure.version(), line))
        act = getattr(self, f'_on_{verb.lower()}', None)
        if act is None:
            self._say('502 5.5.2 what?')
            return True
        return act(argument)

    def _on_ehlo(self, _):
        features = ['8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES']
        if not self.secure and self.conduct != STRIPPED:
            features.append('STARTTLS')
        if self.secure and self.hop.requiretls:
            features.append('REQUIRETLS')
        self._say(f'250 {self.hop.name}', *(f'250 {feature}' for feature in features))
        return True

    def _on_helo(self, _):
        self._say(f'250 {self.hop.name}')
        return True

    def _on_starttls(self, _):
        if self.secure or self.conduct == STRIPPED:
            self._say('502 5.5.1 not offered')
            return True
        self.peer.sendall(self.go_ahead)
        return self._start_tls()

    def _start_tls(self):
        self.peer = self.secure = self.hop.context(self.conduct).wrap_socket(
            self.peer, server_side=True)
        self.file = self.peer.makefile('rb')
        self._forget()
        return True

    def _on_mail(self, argument):
        self.sender = address_of(argument)
        self._say('250 2.1.0 ok')
        return True

    def _on_rcpt(self, argument):
        self.recipients.append(address_of(argument))
        self._say('250 2.1.5 ok')
        return True

    def _on_data(self, _):
        protocol, cipher = None, None
        if self.secure:
            protocol, cipher = self.secure.version(), self.secure.cipher()[0]
        arrival = Arrival(self.hop.name, protocol, cipher, self.sender, self.recipients)
        self.hop.arrivals.append(arrival)
        self._say('354 go on')
        while (line := self.file.readline()) != b'.\r\n':
            if not line:
                raise EOFError
            arrival.data += line[1:] if line.startswith(b'..') else line
        arrival.complete = True
        self._say('250 2.0.0 taken')
        self._forget()
        return True

    def _on_rset(self, _):
        self._forget()
        self._say('250 2.0.0 ok')
        return True

    def _on_noop(self, _):
        self._say('250 2.0.0 ok')
        return True

    def _on_quit(self, _):
        self._say('221 2.0.0 bye')
        return False


def address_of(argument):
    """The mailbox in FROM:<a@b> or TO:<a@b>, whatever parameters follow."""
    return argument.partition('<')[2].partition('>')[0]
