"""A private certificate authority, by openssl(1)."""

import os
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


def stamp(days):
    when = datetime.now(timezone.utc) + timedelta(days=days)
    return when.strftime('%Y%m%d%H%M%SZ')


class Authority:
    """Issues server certificates; file is its own certificate, for those who trust it."""

    def __init__(self, directory, name):
        os.makedirs(directory)
        self.dir = directory
        self.file = f'{directory}/ca.crt'
        self.config = f'{directory}/openssl.cnf'
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(CONFIG.format(dir=directory))
        open(f'{directory}/index.txt', 'w', encoding='ascii').close()
        self._key('ca.key')
        self._key('leaf.key')
        run('openssl', 'req', '-x509', '-new', '-config', self.config, '-extensions', 'root',
            '-key', f'{directory}/ca.key', '-subj', f'/CN={name}', '-days', '30',
            '-out', self.file)

    def _key(self, name):
        run('openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-out', f'{self.dir}/{name}')

    def issue(self, names, path, expired=False):
        """Writes certificate and key for the names to one PEM file."""
        request, result = f'{path}.csr', f'{path}.crt'
        wanted = ','.join(f'DNS:{name}' for name in names)
        run('openssl', 'req', '-new', '-config', self.config, '-key', f'{self.dir}/leaf.key',
            '-subj', '/CN=lab', '-addext', f'subjectAltName={wanted}', '-out', request)
        begin, end = (-60, -1) if expired else (-1, 30)
        run('openssl', 'ca', '-batch', '-notext', '-config', self.config, '-in', request,
            '-startdate', stamp(begin), '-enddate', stamp(end), '-out', result)
        with open(path, 'w', encoding='ascii') as out:
            for part in (result, f'{self.dir}/leaf.key'):
                with open(part, encoding='ascii') as file:
                    out.write(file.read())
        os.unlink(request)
        os.unlink(result)
        return path
