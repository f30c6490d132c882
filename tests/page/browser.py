"""Headless Chromium, told what to do over a pipe (Chrome DevTools Protocol)."""

import base64
import json
import os
import select
import subprocess
import time

PATIENCE_S = 60
LOUD = ('Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded', 'Page.javascriptDialogOpening',
        'Page.windowOpen', 'Page.frameAttached', 'Page.downloadWillBegin')


class Browser:
    """One tab of one browser."""

    def __init__(self, directory):
        to_browser, self.out = os.pipe()
        self.inp, from_browser = os.pipe()

        def wire():
            # the browser reads from descriptor 3 and writes to descriptor 4
            os.dup2(to_browser, 103)
            os.dup2(from_browser, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self.log = open(f'{directory}/chromium.log', 'wb')
        self.child = subprocess.Popen(
            ['chromium', '--headless', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--no-first-run',
             '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars',
             '--force-color-profile=srgb', f'--user-data-dir={directory}/profile', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, close_fds=False, preexec_fn=wire)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b''
        self.number = 0
        self.session = None
        self.events = []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Network', 'Runtime', 'Log'):
            self.call(f'{domain}.enable')

    def close(self):
        self.child.terminate()
        self.child.wait(PATIENCE_S)
        self.log.close()

    def read(self, until):
        """The next message."""
        while b'\0' not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.inp], [], [], left)[0]:
                raise RuntimeError('the browser does not answer')
            chunk = os.read(self.inp, 1 << 16)
            if not chunk:
                raise RuntimeError('the browser has ended')
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def call(self, method, **params):
        """Calls a method and returns its result. Events that come meanwhile are kept."""
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.out, json.dumps(message).encode() + b'\0')
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.read(until)
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]}')
                return answer['result']
            self.note(answer)

    def note(self, event):
        if event.get('method') == 'Page.javascriptDialogOpening':
            # nobody waits for it: the next message that comes is noted like any other
            os.write(self.out, json.dumps({'id': 0, 'method': 'Page.handleJavaScriptDialog', 'sessionId': self.session,
                                           'params': {'accept': False}}).encode() + b'\0')
        if 'method' in event:
            self.events.append(event)

    def open(self, url, width=1280, dark=False):
        """Loads a page and returns what happened: the requests, and what no page of ours should do."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
        self.events = []
        self.call('Page.navigate', url=url)
        until = time.monotonic() + PATIENCE_S
        while not any(one['method'] == 'Page.loadEventFired' for one in self.events):
            self.note(self.read(until))
        self.evaluate('new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))')
        requests = [one['params']['request']['url'] for one in self.events
                    if one['method'] == 'Network.requestWillBeSent']
        return requests, [one for one in self.events if one['method'] in LOUD]

    def evaluate(self, script):
        """The value of an expression in the page."""
        result = self.call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(f'{script[:60]}: {result["exceptionDetails"]}')
        return result['result'].get('value')

    def screenshot(self, path):
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        clip = {'x': 0, 'y': 0, 'width': size['width'], 'height': min(size['height'], 12000), 'scale': 1}
        data = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True, clip=clip)['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))
