"""The pages in a browser: what they look like, and that nothing in them runs or loads anything."""

from texts import PAGES, name_of

WIDE, NARROW = 1280, 400
VIEWS = [('light', WIDE, False), ('dark', WIDE, True), ('narrow', NARROW, False)]
CONTRAST_MIN = 4.5  # of normal text (WCAG 2.1, 1.4.3)

# The texts whose contrast with what is behind them is too low: [ratio, text].
FAINT = '''(() => {
    const channels = color => (color.match(/[\\d.]+/g) || []).map(Number);
    const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const behind = node => {
        for (; node; node = node.parentElement) {
            const color = channels(getComputedStyle(node).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    };
    const faint = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.data.trim(), parent = texts.currentNode.parentElement;
        if (!text || !parent.getClientRects().length || parent.closest('title, desc, style')) continue;
        const style = getComputedStyle(parent);
        const a = light(channels(parent.closest('svg') ? style.fill : style.color)), b = light(behind(parent));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < %s) faint.push([ratio.toFixed(2), text.slice(0, 60)]);
    }
    return faint;
})()''' % CONTRAST_MIN

# What is cut off at the right, or overlaps: elements that are wider than the window, unless something around them scrolls.
TOO_WIDE = '''[...document.body.querySelectorAll('*')].filter(one => {
    if (one.closest('svg') && one.tagName !== 'svg') return false;
    for (let around = one.parentElement; around; around = around.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(around).overflowX)) return false;
    return one.getBoundingClientRect().right > innerWidth + 1;
}).map(one => one.tagName + ' ' + one.className + ' ' + one.textContent.slice(0, 60))'''

# Tries everything that a script or an attacker's markup would try; returns what worked.
BREAK_OUT = '''(async () => {
    const broken = [], report = [];
    addEventListener('securitypolicyviolation', event => report.push(event.effectiveDirective));
    const add = (name, members) => document.body.appendChild(Object.assign(document.createElement(name), members));
    add('script', {textContent: 'window.ran = true'});
    add('script', {src: '/metrics', onload: () => broken.push('script src')});
    add('img', {src: '/healthz'});
    add('img', {src: 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='});
    add('iframe', {src: '/healthz'});
    add('object', {data: '/healthz'});
    add('base', {href: 'http://127.0.0.2/'});
    add('div', {innerHTML: '<b onclick="window.ran = true">x</b>'}).firstChild.click();
    await fetch('/healthz').then(() => broken.push('fetch'), () => 0);
    await new Promise(done => setTimeout(done, 200));
    if (window.ran) broken.push('inline script');
    return [broken, report.length];
})()'''


def pages_look_right(page):
    """Screenshots, light, dark and narrow: every text has contrast, nothing is cut off, and nothing else is loaded."""
    wrong = []
    for story, path in PAGES:
        for view, width, dark in VIEWS:
            where = f'{story} {path} {view}'
            url = f'{page.gates[story].url}{path}'
            requests, loud = page.browser.open(url, width, dark)
            page.browser.screenshot(f'{page.out}/{name_of(story, path)}-{view}.png')
            others = [one for one in requests if not one.startswith((page.gates[story].url, "data:,"))]
            faint, wide = page.browser.evaluate(FAINT), page.browser.evaluate(TOO_WIDE)
            wrong += [f'{where}: {what}' for what in (others, loud, faint, wide) if what]
            if page.browser.evaluate('document.scripts.length') != 0:
                wrong.append(f'{where}: a script')
    assert not wrong, '\n'.join(wrong)


def nothing_can_run(page):
    """Even markup that got into the page could not run or load anything."""
    for story, path in (('attack', '/'), ('hostile', '/domain/hostile.example')):
        page.browser.open(f'{page.gates[story].url}{path}')
        broken, reports = page.browser.evaluate(BREAK_OUT)
        assert not broken and reports >= 5, f'{story} {path}: {broken}, {reports} reports'


def other_sites_cannot_show_it(page):
    """No other site can put the page into a frame or read it."""
    url = page.gates['attack'].url
    page.browser.open(page.gates['empty'].url + '/healthz')
    read = page.browser.evaluate(f'''(async () => {{
        const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), {{src: '{url}/'}}));
        await new Promise(done => {{ frame.onload = done; setTimeout(done, 2000); }});
        const image = await new Promise(done => Object.assign(new Image(),
            {{src: '{url}/', onload: () => done('image'), onerror: () => done('')}}));
        return [await fetch('{url}/').then(() => 'fetch', () => ''), image];
    }})()''')
    frames = page.browser.call('Page.getFrameTree')['frameTree'].get('childFrames', [])
    shown = [one['frame']['url'] for one in frames if not one['frame']['url'].startswith('chrome-error:')]
    assert read == ['', ''] and not shown, f'{read} {shown}'


TESTS = [pages_look_right, nothing_can_run, other_sites_cannot_show_it]
