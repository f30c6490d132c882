"""Reads a mail with a TLS report by Python's email and gzip packages: report_mail.py MAIL JSON. Exit status 1: it is not as RFC 8460 5
wants it, or its report is not the one of the file JSON."""
import email
import email.policy
import gzip
import re
import sys

with open(sys.argv[1], 'rb') as file:
    raw = file.read()
with open(sys.argv[2], 'rb') as file:
    report = file.read()


def check(good, what):
    if not good:
        sys.exit(f'report_mail.py: {what}')


check(raw.endswith(b'\r\n'), 'the mail does not end with CRLF')
check(b'\n' not in raw.replace(b'\r\n', b'') and b'\r' not in raw.replace(b'\r\n', b''), 'a CR or LF stands alone')
check(max(map(len, raw.split(b'\r\n'))) <= 998, 'a line is longer than 998 octets')
check(raw.count(b'\r\n--=_') == raw.count(b'--=_') == 3, 'a boundary is in a part')
mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
for part in mail.walk():
    check(not part.defects, f'{part.get_content_type()}: {part.defects}')
for name in ('From', 'To', 'Date', 'Message-ID', 'Subject', 'MIME-Version', 'TLS-Report-Domain', 'TLS-Report-Submitter',
             'TLS-Required', 'Auto-Submitted', 'Content-Type'):
    check(len(mail.get_all(name, [])) == 1, f'{name} is not there once')
    check(not mail[name].defects, f'{name}: {mail[name].defects}')
check(len(mail.keys()) == 11, f'other header fields: {mail.keys()}')
sender = mail['From'].addresses[0]
check(mail['TLS-Report-Submitter'] == sender.domain, 'the submitter is not the domain of From')
check(mail['TLS-Required'] == 'No' and mail['Auto-Submitted'] == 'auto-generated', 'TLS-Required or Auto-Submitted')
check(mail['Date'].datetime.tzinfo is not None, 'Date')
check(mail.get_content_type() == 'multipart/report' and mail.get_param('report-type') == 'tlsrpt', 'Content-Type')
subject = re.fullmatch(r'Report Domain: (\S+) Submitter: (\S+) Report-ID: (<\S+@\S+>)', mail['Subject'])
check(subject, f"Subject: {mail['Subject']}")
check(subject[1] == mail['TLS-Report-Domain'] and subject[2] == sender.domain and subject[3] == mail['Message-ID'], 'Subject')
text, attached = mail.iter_parts()
check(text.get_content_type() == 'text/plain' and text.get_content_charset() == 'utf-8', 'the first part is no plain text')
check(len(subject[1]) > 60 or all(len(line) <= 100 for line in text.get_content().splitlines()), 'the text has long lines')
check('Büro "Example"' in text.get_content(), 'the text does not name the organization')
check(mail['TLS-Report-Domain'] in text.get_content(), 'the text does not name the domain')
check(attached.get_content_type() == 'application/tlsrpt+gzip', 'the type of the second part')
check(attached.get_content_disposition() == 'attachment', 'the second part is no attachment')
name = attached.get_filename().split('!')
check(len(name) == 5 and name[0] == sender.domain and name[1] == subject[1] and int(name[3]) - int(name[2]) == 86399
      and re.fullmatch(r'[0-9A-Za-z]+\.json\.gz', name[4]), f'the name of the file: {name}')
check(gzip.decompress(attached.get_content()) == report, 'the report in the mail is another one')
