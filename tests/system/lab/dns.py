"""A DNS server: Debian's unbound, which answers for all names from its own data.

Records can be changed while it runs.  A name that it does not have does not exist (NXDOMAIN
with a SOA).  It offers recursion, so that stub resolvers and forwarders accept it.
"""

import os
import signal

from .proc import Process, run, wait_for

TTL = 1

CONFIG = '''
server:
    directory: "{dir}"
    username: ""
    chroot: ""
    pidfile: "{dir}/unbound.pid"
    use-syslog: no
    logfile: ""
    interface: {address}
    access-control: 0.0.0.0/0 allow
    num-threads: 1
    module-config: "iterator"
    local-zone: "." static
    local-data: ". {ttl} IN SOA ns.example. hostmaster.example. 1 60 60 60 {ttl}"
{data}
remote-control:
    control-enable: yes
    control-use-cert: no
    control-interface: "{dir}/control"
'''


class DnsServer:
    """more: text at the end of its configuration."""

    def __init__(self, address, directory, more=''):
        os.makedirs(directory)
        self.address = address
        self.dir = directory
        self.more = more
        self.records = {}
        self.frozen = False
        self.config = f'{directory}/unbound.conf'
        self.process = Process(f'unbound {address}', ['unbound', '-d', '-c', self.config],
                               f'{directory}/unbound.log')

    def _texts(self, name):
        return [f'{name} {TTL} IN {kind} {data}' for kind, data in self.records.get(name, [])]

    def start(self):
        data = ''.join(f"    local-data: '{text}'\n"
                       for name in self.records for text in self._texts(name))
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(CONFIG.format(dir=self.dir, address=self.address, ttl=TTL, data=data) + self.more)
        self.process.start()
        wait_for(f'unbound at {self.address}',
                 lambda: self._control('status', check=False)[0] == 0)

    def stop(self):
        self.process.stop()

    def freeze(self):
        """Receives questions and never answers."""
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def _control(self, *words, **how):
        return run('unbound-control', '-c', self.config, *words, **how)

    def _publish(self, texts):
        self._control('local_datas', text=''.join(f'{text}\n' for text in texts))

    def set(self, name, kind, *data):
        """Makes data the only records of this kind; without data, removes the kind."""
        kept = [record for record in self.records.get(name, []) if record[0] != kind]
        self.records[name] = kept + [(kind, one) for one in data]
        self._control('local_data_remove', name)
        self._publish(self._texts(name))

    def add_crowd(self, names, kind, data):
        """The same record for many new names."""
        self.records.update((name, [(kind, data)]) for name in names)
        self._publish(text for name in names for text in self._texts(name))

    def remove(self, name):
        self.records.pop(name, None)
        self._control('local_data_remove', name)


class Views:
    """Signed names have their own server.  All other records are the same at two servers: the
    relay's, and one for the gate only, which tests can break."""

    def __init__(self, common, of_gate, signed):
        self.common = common
        self.of_gate = of_gate
        self.signed = signed

    def _servers(self, name):
        return (self.signed,) if self.signed.holds(name) else (self.common, self.of_gate)

    def set(self, name, kind, *data):
        for server in self._servers(name):
            server.set(name, kind, *data)

    def add_crowd(self, names, kind, data):
        self.common.add_crowd(names, kind, data)
        self.of_gate.add_crowd(names, kind, data)

    def remove(self, name):
        for server in self._servers(name):
            server.remove(name)
