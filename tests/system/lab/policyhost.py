"""The policy hosts of all domains: Debian's nginx, with a certificate for each name. It also serves the authority's list of
revoked certificates, by plain HTTP."""

import os
import shutil
import socket

from . import ca
from .proc import Process, wait_for

CONFIG = '''
user root;
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ worker_connections 256; }}
http {{
    types {{ text/plain txt; text/html html; }}
    access_log {dir}/access.log;
    client_body_temp_path {dir}/tmp;
    server {{
        listen 443 ssl reuseport;
        listen [::]:443 ssl reuseport;
        ssl_certificate {dir}/cert/$ssl_server_name;
        ssl_certificate_key {dir}/cert/$ssl_server_name;
        ssl_protocols TLSv1.2 TLSv1.3;
        root {dir}/site/$ssl_server_name;
    }}
    server {{
        listen 80 reuseport;
        root {dir}/lists;
    }}
}}
'''


def policy_text(mode, mx, max_age=604800):
    lines = ['version: STSv1', f'mode: {mode}', *(f'mx: {name}' for name in mx),
             f'max_age: {max_age}']
    return ''.join(f'{line}\r\n' for line in lines)


class PolicyHosts:
    def __init__(self, directory, authority):
        self.dir = directory
        self.authority = authority
        for part in ('cert', 'site', 'lists', 'tmp'):
            os.makedirs(f'{directory}/{part}')
        with open(f'{directory}/nginx.conf', 'w', encoding='ascii') as file:
            file.write(CONFIG.format(dir=directory))
        self.process = Process('nginx', ['nginx', '-e', f'{directory}/error.log',
                                         '-c', f'{directory}/nginx.conf'],
                               f'{directory}/nginx.log')

    def start(self):
        self.process.start()
        wait_for('nginx on port 443', self._listens)

    @staticmethod
    def _listens():
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', 443)) == 0

    def stop(self):
        """From now on connections are refused."""
        self.process.stop()

    def publish(self, domain, body, authority=None):
        """Serves body as the policy of the domain, with a certificate for its policy host."""
        host = f'mta-sts.{domain}'
        place = f'{self.dir}/site/{host}/.well-known'
        os.makedirs(place, exist_ok=True)
        with open(f'{place}/mta-sts.txt', 'w', encoding='utf-8', newline='') as file:
            file.write(body)
        certificate = f'{self.dir}/cert/{host}'
        if authority or not os.path.exists(certificate):
            (authority or self.authority).issue([host], certificate)

    def name_list(self, domain):
        """Makes a certificate for the policy host of a domain that names the list; returns its file."""
        host = f'mta-sts.{domain}'
        return self.authority.issue([host], f'{self.dir}/cert/{host}', crl=True)

    def publish_list(self):
        """Serves the authority's present list of revoked certificates."""
        self.authority.write_list(f'{self.dir}/lists/{ca.CRL_NAME}')

    def withdraw(self, domain):
        shutil.rmtree(f'{self.dir}/site/mta-sts.{domain}')
