"""The pages as text: valid HTML, the same facts as in the JSON object, and hostile words as words."""

import re
import subprocess
import unicodedata

import html5lib

PAGES = [('empty', '/'), ('empty', '/domain/unknown.example'), ('everyday', '/'), ('everyday', '/domain/clinic.example'),
         ('everyday', '/domain/archive.example'), ('everyday', '/domain/xn--bcher-kva.example'),
         ('everyday', '/domain/%3Cscript%3E'), ('attack', '/'), ('attack', '/domain/bank.example'),
         ('hostile', '/'), ('hostile', '/domain/hostile.example'), ('crowded', '/')]
ELEMENTS = set('''html head meta title style link body header main nav footer section article h1 h2 h3 h4 p ul ol li dl dt dd
    table caption thead tbody tfoot tr th td a code pre strong em b small abbr time span div br hr details summary figure
    figcaption svg g path rect line polyline polygon circle text tspan desc defs use'''.split())
EVIL = ('<script>alert', 'onerror=alert', 'onmouseover=')
HEADERS = {'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store',
           'cross-origin-resource-policy': 'same-origin', 'cross-origin-opener-policy': 'same-origin'}
POLICY = {'default-src': "'none'", 'frame-ancestors': "'none'", 'base-uri': "'none'", 'form-action': "'none'"}


def name_of(story, path):
    return f'{story}{re.sub("[^a-z0-9]+", "-", path.lower()).rstrip("-")}'


def tag(element):
    return element.tag.rpartition('}')[2]


def tree_of(text):
    """The parsed page. Fails at the first mistake in its HTML."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def words_of(element):
    return ' '.join(' '.join(element.itertext()).split())


def elements(page):
    return [one for one in page.iter() if isinstance(one.tag, str)]


def each_page(page):
    for story, path in PAGES:
        yield story, path, page.gates[story].html(path)


def valid_html(page):
    """Two validators find no mistake in any page."""
    for story, path, text in each_page(page):
        page.keep(f'{name_of(story, path)}.html', text)
        try:
            tree_of(text)
        except html5lib.html5parser.ParseError as wrong:
            raise AssertionError(f'{story} {path}: {wrong}') from wrong
        tidy = subprocess.run(['tidy', '-qe', '-utf8', '--show-filename', 'no'], input=text.encode(), capture_output=True,
                              check=False)
        assert tidy.returncode == 0, f'{story} {path}: {tidy.stderr.decode()}'


def sound_structure(page):
    """Headings, tables, plots and links are what a screen reader needs; nothing can run or be loaded."""
    for story, path, text in each_page(page):
        where = f'{story} {path}'
        root = tree_of(text)
        every = elements(root)
        assert root.get('lang') == 'en', where
        assert words_of(root.find('head/title')), where
        levels = [int(tag(one)[1]) for one in every if re.fullmatch('h[1-6]', tag(one))]
        assert levels.count(1) == 1 and levels[0] == 1, f'{where}: headings {levels}'
        assert all(b <= a + 1 for a, b in zip(levels, levels[1:])), f'{where}: headings {levels}'
        ids = [one.get('id') for one in every if one.get('id')]
        assert len(ids) == len(set(ids)), f'{where}: an id is there twice'
        for one in every:
            check_element(where, one, ids)


def check_element(where, one, ids):
    name = tag(one)
    assert name in ELEMENTS, f'{where}: there is an element {name}'
    for attribute, value in one.attrib.items():
        assert not attribute.lower().startswith('on'), f'{where}: {name} has {attribute}'
        assert 'script:' not in value, f'{where}: {name} has {value}'
    if name == 'table':
        assert one.find('caption') is not None, f'{where}: a table without a caption'
    if name == 'th':
        assert one.get('scope') in ('col', 'row', 'colgroup', 'rowgroup'), f'{where}: a th without scope: {words_of(one)}'
    if name == 'a':
        link = one.get('href')
        assert link.startswith('/') and not link.startswith('//') or link[0] == '#' and link[1:] in ids, f'{where}: {link}'
    if name == 'link':
        assert one.get('href', '').startswith(('/', 'data:,')), f'{where}: link {one.attrib}'
    if name == 'svg':
        inside = {tag(child) for child in one}
        assert {'title', 'desc'} <= inside and one.get('role') == 'img', f'{where}: a plot without title, desc or role'


def strict_headers(page):
    """Each answer forbids scripts, other sites and copies."""
    for story, path in PAGES:
        for accept in ('text/html', 'application/json'):
            status, headers, _ = page.gates[story].get(path, accept=accept)
            where = f'{story} {path} {accept}: {status} {headers}'
            assert headers['content-type'].startswith(accept), where
            assert 'set-cookie' not in headers and 'server' not in headers, where
            for name, value in HEADERS.items():
                assert headers[name] == value, f'{name}: {where}'
            rules = dict(one.strip().partition(' ')[::2] for one in headers['content-security-policy'].split(';'))
            for name, value in POLICY.items():
                assert rules.pop(name) == value, f'{name}: {where}'
            assert set(rules) <= {'style-src', 'img-src'} and not re.search(r'unsafe|\*|http', str(rules)), where


def hostile_words_are_words(page):
    """Markup, quotes, control characters and reversed writing from strangers are shown as text."""
    for path in ('/', '/domain/hostile.example'):
        text = page.gates['hostile'].html(path)
        strange = sorted({f'U+{ord(one):04X}' for one in text if one != '\n' and unicodedata.category(one)[0] == 'C'})
        assert not strange, f'{path}: {strange}'
        root = tree_of(text)
        seen = words_of(root.find('body'))
        assert EVIL[0] in seen, f'{path}: the markup is not shown: {seen[:2000]}'
        assert not [one for one in elements(root) if tag(one) in ('script', 'img', 'iframe', 'object', 'form')], path
    assert all(one in seen for one in EVIL), f'/domain: {seen}'
    assert '\\xe2\\x80\\xae' in seen and '\\x1b[2J' in seen, f'/domain: {seen}'


def html_shows_the_json(page):
    """The same facts are in both forms of the overview."""
    for story in ('everyday', 'attack'):
        facts = page.gates[story].json('/')
        seen = words_of(tree_of(page.gates[story].html('/')).find('body'))
        for part in ('waiting', 'would_wait'):
            for one in facts[part]['domains']:
                assert one['domain'] in seen and one['sentence'] in seen, f'{story}: {one}'
        for one in facts['signs']['events']:
            assert one['domain'] in seen, f'{story}: {one}'
        for one in facts['overrides']['overrides']:
            assert one['domain'] in seen and one['reason'] in seen, f'{story}: {one}'
        for number in facts['domains'].values():
            assert re.search(rf'\b{number}\b', seen), f'{story}: {facts["domains"]}'


def answers_are_right(page):
    """Each store's overview says what was put there."""
    empty, everyday, attack = (page.gates[story].json('/') for story in ('empty', 'everyday', 'attack'))
    assert empty['waiting']['count'] == 0 and empty['signs']['count'] == 0, empty
    assert {one['domain'] for one in everyday['waiting']['domains']} == \
        {'clinic.example', 'xn--bcher-kva.example', 'orchard.example'}, everyday['waiting']
    assert 'supplier.example' in [one['domain'] for one in everyday['would_wait']['domains']], everyday['would_wait']
    assert everyday['overrides']['count'] == 3 and everyday['refresh']['failing'] == 2, everyday
    assert {one['domain'] for one in attack['signs']['events']} == {'bank.example', 'ministry.example'}, attack['signs']
    assert attack['signs']['count'] == 4, attack['signs']


def pages_are_bounded(page):
    """A list has a hundred rows at most, and the page says how many more there are, and what lists them."""
    gate = page.gates['crowded']
    facts, text = gate.json('/'), gate.html('/')
    root = tree_of(text)
    rows = max(len(list(one.iter('tr'))) for one in root.iter('table'))
    assert facts['waiting']['count'] == 600 and facts['signs']['count'] == 250, facts
    for one in (facts['waiting']['domains'], facts['signs']['events']):
        assert 0 < len(one) <= 100, len(one)
    assert rows <= 101 and len(text) < 1 << 20, f'{rows} rows, {len(text)} octets'
    seen = words_of(root.find('body'))
    for count, command in ((600, 'stsgate list --held'), (250, 'stsgate events')):
        more = re.search(rf'and (\d+) more: {command}', seen)
        assert more and count - 100 <= int(more.group(1)) < count, f'{command}: {more}'


def unknown_names_are_no_secret(page):
    """A page about an unknown or impossible domain says so, and repeats nothing as markup."""
    gate = page.gates['everyday']
    for name in ('unknown.example', '%3Cscript%3Ealert(1)%3C%2Fscript%3E', '%E2%80%AEcod.exe', '..%2f..%2fetc%2fpasswd',
                 '%00', '%zz', '%', 'a' * 2000, 'xn--', '%ff%fe', '192.0.2.1', 'a..b', '%22onload=%22', "'", '',
                 'clinic.example/', 'clinic.example?x=1#y'):
        status, headers, text = gate.get(f'/domain/{name}', accept='text/html')
        assert status in (200, 400, 404, 414), f'{name}: {status}'
        assert '<script' not in text.lower() and '\u202e' not in text and 'onload="' not in text, f'{name}: {text}'
        if headers['content-type'].startswith('text/html'):
            tree_of(text)
    for name in ('CLINIC.example', 'clinic.example.', 'b%C3%BCcher.example'):
        assert gate.get(f'/domain/{name}', accept='text/html')[0] == 200, name


def readable_without_a_browser(page):
    """w3m shows the same words, and a table is a table."""
    for story, path, text in each_page(page):
        shown = subprocess.run(['w3m', '-dump', '-T', 'text/html', '-cols', '100', '-O', 'UTF-8'], input=text.encode(),
                               capture_output=True, check=True).stdout.decode()
        page.keep(f'{name_of(story, path)}.txt', shown)
        assert '[INLINE]' not in shown and len(shown.split('\n')) > 5, f'{story} {path}: {shown}'
        assert words_of(tree_of(text).find('body/main/h1')) in shown, f'{story} {path}: {shown}'


def examples_work(page):
    """Each example of STATUS PAGE in stsgated(8) that needs no other machine runs as it is printed."""
    with open('/page/stsgated.8', encoding='utf-8') as file:
        section = file.read().partition('\n.Sh STATUS PAGE\n')[2].partition('\n.Sh ')[0]
    blocks = re.findall(r'\n\.Bd -literal.*?\n(.*?)\n\.Ed', section, re.S)
    examples = [line for block in blocks for line in block.split('\n') if not line.startswith(('ssh ', 'metrics_socket ='))]
    assert len(examples) >= 3, section
    for line in examples:
        done = subprocess.run(['bash', '-o', 'pipefail', '-c', line.replace('\\(aq', "'")], capture_output=True, check=False)
        assert done.returncode == 0 and done.stdout.strip(), f'{line}: {done}'


def members_are_documented(page):
    """stsgated(8) names each member of the overview's object."""
    with open('/page/stsgated.8', encoding='utf-8') as file:
        section = file.read().partition('\n.Sh STATUS PAGE\n')[2].partition('\n.Sh ')[0]
    named = set(re.findall(r'\b[a-z_0-9]+\b', section))
    missing = set(page.gates['everyday'].json('/')) - named
    assert not missing, missing


TESTS = [valid_html, sound_structure, strict_headers, hostile_words_are_words, html_shows_the_json, answers_are_right,
         pages_are_bounded, unknown_names_are_no_secret, readable_without_a_browser, examples_work, members_are_documented]
