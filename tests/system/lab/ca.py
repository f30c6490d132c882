"""A private certificate authority, by openssl(1)."""

import os
import threading
from datetime import datetime, timedelta, timezone

from .proc import run

CONFIG = '''
[ca]
default_ca = lab
[lab]
database = {dir}/index.txt
new_certs_dir = {dir}
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 7
policy = any
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
'''


CRL_HOST = 'crl.lab.example'
CRL_NAME = 'lab.crl'


def stamp(days):
    when = datetime.now(timezone.utc) + timedelta(days=days)
    return when.strftime('%Y%m%d%H%M%SZ')


class Authority:
    """Issues server certificates; file is the authority's own certificate, for programs that trust it."""

    def __init__(self, directory, name):
        os.makedirs(directory)
        self.dir = directory
        self.file = f'{directory}/ca.crt'
        self.config = f'{directory}/openssl.cnf'
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(CONFIG.format(dir=directory))
        open(f'{directory}/index.txt', 'w', encoding='ascii').close()
        self.lock = threading.Lock()     # openssl ca keeps a database
        self._key('ca.key')
        self._key('leaf.key')
        run('openssl', 'genrsa', '-out', f'{directory}/weak.key', '512')
        run('openssl', 'req', '-x509', '-new', '-config', self.config, '-extensions', 'root',
            '-key', f'{directory}/ca.key', '-subj', f'/CN={name}', '-days', '30',
            '-out', self.file)

    def _key(self, name):
        run('openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-out', f'{self.dir}/{name}')

    def issue(self, names, path, expired=False, early=False, common_name='lab', key='leaf.key', with_ca=False, crl=False):
        """Writes certificate and key for the names to one PEM file; without names there is no such extension. crl: it
        names the list of revoked certificates."""
        with self.lock:
            return self._issue(names, path, (-60, -1) if expired else (5 if early else -1, 30),
                               common_name, f'{self.dir}/{key}', [self.file] if with_ca else [], crl)

    def _issue(self, names, path, days, common_name, key, above, crl):
        request, result = f'{path}.csr', f'{path}.crt'
        wanted = ','.join(f'DNS:{name}' for name in names)
        extension = ['-addext', f'subjectAltName={wanted}'] if names else []
        if crl:
            extension += ['-addext', f'crlDistributionPoints=URI:http://{CRL_HOST}/{CRL_NAME}']
        run('openssl', 'req', '-new', '-config', self.config, '-key', key,
            '-subj', f'/CN={common_name}', *extension, '-out', request)
        run('openssl', 'ca', '-batch', '-notext', '-config', self.config, '-in', request,
            '-startdate', stamp(days[0]), '-enddate', stamp(days[1]), '-out', result)
        os.unlink(request)
        return self._join(result, [*above, key], path)

    def revoke(self, path):
        """Revokes the certificate in a file that issue() has written."""
        with self.lock:
            run('openssl', 'ca', '-config', self.config, '-revoke', path, '-crl_reason', 'keyCompromise')

    def write_list(self, path):
        """Writes the list of revoked certificates in DER."""
        with self.lock:
            run('openssl', 'ca', '-config', self.config, '-gencrl', '-out', f'{path}.pem')
            run('openssl', 'crl', '-in', f'{path}.pem', '-outform', 'DER', '-out', path)

    def self_sign(self, name, path):
        """The same with a self-signed certificate."""
        result = f'{path}.crt'
        run('openssl', 'req', '-x509', '-new', '-config', self.config, '-days', '30',
            '-key', f'{self.dir}/leaf.key', '-subj', f'/CN={name}',
            '-addext', f'subjectAltName=DNS:{name}', '-out', result)
        return self._join(result, [f'{self.dir}/leaf.key'], path)

    @staticmethod
    def _join(certificate, others, path):
        with open(path, 'w', encoding='ascii') as out:
            for part in (certificate, *others):
                with open(part, encoding='ascii') as file:
                    out.write(file.read())
        os.unlink(certificate)
        return path
