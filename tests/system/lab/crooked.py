"""A DNS server that lies: it forwards questions to an honest server, except for names with a lie.

It answers by UDP only: the answers of the lab are small.
"""

import itertools
import socket
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

PATIENCE_S = 5
QUESTION_MAX = 4096
PROOFS = (dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3)
SOA = 'ns.example. hostmaster.example. 1 60 60 60 1'


def silent(_):
    """No answer at all."""
    return None


def servfail(question):
    return reply(question, rcode=dns.rcode.SERVFAIL)


def nxdomain(question):
    answer = reply(question, rcode=dns.rcode.NXDOMAIN)
    answer.authority.append(dns.rrset.from_text('.', 1, 'IN', 'SOA', SOA))
    return answer


def reply(question, *records, rcode=dns.rcode.NOERROR, ttl=1):
    """An answer with these records, as text, of the kind in the question."""
    answer = dns.message.make_response(question, recursion_available=True)
    answer.set_rcode(rcode)
    if records:
        asked = question.question[0]
        answer.answer.append(dns.rrset.from_text(asked.name, ttl, 'IN', asked.rdtype, *records))
    return answer


class RotatingId:
    """A record with a new id in every answer."""

    def __init__(self):
        self.count = itertools.count(1)
        self.newest = 0

    def __call__(self, question):
        self.newest = next(self.count)
        return reply(question, f'"v=STSv1; id=turn{self.newest};"', ttl=0)


class CrookedDns:
    """A lie is a function that makes an answer from a question, or returns None for silence."""

    def __init__(self, address, honest):
        self.address = address
        self.honest = honest
        self.lies = {}
        self.always = None
        self.asked = []
        self.socket = None

    def start(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        threading.Thread(target=self._serve, args=(self.socket,), daemon=True).start()

    def stop(self):
        if self.socket:
            self.socket.close()

    def lie(self, name, kind, answer):
        self.lies[self._key(dns.name.from_text(name), kind)] = answer

    def be_honest(self, name=None, kind=None):
        """Lies about one name and kind, or about all kinds."""
        if name:
            self.lies.pop(self._key(dns.name.from_text(name), kind), None)
        else:
            self.lies.clear()
            self.always = None

    def lie_always(self, answer):
        """Lies from now on about every name that has no other lie."""
        self.always = answer

    def without_signatures(self, question):
        """A lie: the true answer without its proof."""
        packet = self._pass_on(question.to_wire())
        if packet is None:
            return None
        answer = dns.message.from_wire(packet)
        answer.flags &= ~dns.flags.AD
        for section in (answer.answer, answer.authority):
            section[:] = [one for one in section if one.rdtype not in PROOFS]
        return answer

    @staticmethod
    def _key(name, kind):
        return name.canonicalize().to_text(), kind

    def times_asked(self, name, kind):
        return self.asked.count(self._key(dns.name.from_text(name), kind))

    def _serve(self, listener):
        while True:
            try:
                packet, client = listener.recvfrom(QUESTION_MAX)
            except OSError:
                return
            threading.Thread(target=self._answer, args=(listener, packet, client), daemon=True).start()

    def _answer(self, listener, packet, client):
        question = dns.message.from_wire(packet)
        asked = question.question[0]
        key = self._key(asked.name, dns.rdatatype.to_text(asked.rdtype))
        self.asked.append(key)
        lie = self.lies.get(key, self.always)
        if lie is None:
            answer = self._pass_on(packet)
        else:
            made = lie(question)
            answer = made and made.to_wire()
        if answer:
            listener.sendto(answer, client)

    def _pass_on(self, packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.settimeout(PATIENCE_S)
            way.connect((self.honest, 53))
            try:
                way.send(packet)
                return way.recv(65535)
            except OSError:
                return None
