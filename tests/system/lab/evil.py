"""Replies of an attacker, or a broken server, on port 25."""

import socket

from .hop import Session, conduct

REFUSED_454 = 'refused-454'          # offers STARTTLS and is never ready for it
REFUSED_502 = 'refused-502'          # offers STARTTLS and does not know the command
INJECTED = 'injected'                # sends extra replies after the reply to STARTTLS
CUT = 'cut'                          # disconnects after the ClientHello
MUTE = 'mute'                        # receives the ClientHello and stays silent
EXPORT = 'export'                    # chooses an export cipher that the client did not offer
LINE_A_MINUTE = 'line-a-minute'      # answers EHLO with one line a minute
EHLO_LINES = 'ehlo-lines'            # answers EHLO with a megabyte of lines
EHLO_LINE = 'ehlo-line'              # answers EHLO with a line of a megabyte
MUTE_INSIDE = 'mute-inside'          # offers REQUIRETLS before TLS, and does not answer EHLO inside TLS
FLOOD_INSIDE = 'flood-inside'        # answers EHLO inside TLS with a megabyte of offers of REQUIRETLS

MEGABYTE = 1 << 20

# TLS_RSA_EXPORT_WITH_RC4_40_MD5.  No installed server offers export ciphers (OpenSSL removed them
# in 1.1.0), so this module makes the ServerHello that chooses one.
EXPORT_CIPHER = b'\x00\x03'


def server_hello(cipher):
    """A whole record: TLS 1.2, a random, no session, this cipher, no compression."""
    body = b'\x03\x03' + bytes(range(32)) + b'\x00' + cipher + b'\x00'
    message = b'\x02' + len(body).to_bytes(3, 'big') + body
    return b'\x16\x03\x03' + len(message).to_bytes(2, 'big') + message


@conduct(REFUSED_454)
class Unready(Session):
    def _on_starttls(self, _):
        self._say('454 4.7.0 TLS not available now')
        return True


@conduct(REFUSED_502)
class Unaware(Session):
    def _on_starttls(self, _):
        self._say('502 5.5.1 command not implemented')
        return True


@conduct(INJECTED)
class Injecting(Session):
    go_ahead = b'220 2.0.0 go ahead\r\n250-forged.example\r\n250 8BITMIME\r\n'


@conduct(CUT)
class Cutting(Session):
    def _start_tls(self):
        self.peer.recv(1)
        return False


@conduct(MUTE)
class Mute(Session):
    def _start_tls(self):
        while self.peer.recv(4096):
            pass
        return False


@conduct(EXPORT)
class Exporting(Session):
    def _start_tls(self):
        self.peer.recv(4096)
        self.peer.sendall(server_hello(EXPORT_CIPHER))
        while self.peer.recv(4096):
            pass
        return False


@conduct(LINE_A_MINUTE)
class Dribbling(Session):
    def _on_ehlo(self, _):
        self.peer.settimeout(60)
        while True:
            self.peer.sendall(b'250-one more\r\n')
            try:
                if not self.peer.recv(4096):
                    return False
            except socket.timeout:
                pass


class Flooding(Session):
    """Answers EHLO with a megabyte, and offers STARTTLS at the end of it."""
    flood = b''

    def _on_ehlo(self, _):
        self.peer.sendall(b'250-flood\r\n' + self.flood)
        self._say('250 STARTTLS')
        return True


@conduct(EHLO_LINES)
class FloodOfLines(Flooding):
    flood = b'250-X-ONE-MORE\r\n' * (MEGABYTE // 16)


@conduct(EHLO_LINE)
class FloodOfOneLine(Flooding):
    flood = b'250-' + b'X' * MEGABYTE + b'\r\n'


class OfferingInClear(Session):
    """Offers REQUIRETLS before TLS, where it means nothing (RFC 8689 2)."""
    def _on_ehlo(self, argument):
        if self.secure:
            return self._inside(argument)
        self._say(f'250 {self.hop.name}', '250 REQUIRETLS', '250 STARTTLS')
        return True


@conduct(MUTE_INSIDE)
class MuteInside(OfferingInClear):
    def _inside(self, _):
        while self.peer.recv(4096):
            pass
        return False


@conduct(FLOOD_INSIDE)
class FloodInside(OfferingInClear):
    def _inside(self, _):
        self.peer.sendall(b'250-REQUIRETLS\r\n' * (MEGABYTE // 16))
        return False
