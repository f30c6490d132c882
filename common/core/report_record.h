/* Reads the TXT record _smtp._tls.DOMAIN, which names the addresses for a domain's TLS reports (RFC 8460 3). Pure; any thread. */
#ifndef CORE_REPORT_RECORD_H
#define CORE_REPORT_RECORD_H

#include "domain.h"
#include "span.h"

enum report_record {
	REPORT_RECORD_OK,
	REPORT_RECORD_NONE,   /* does not begin with `v=TLSRPTv1` *WSP `;`, so it is not a TLSRPT record */
	REPORT_RECORD_NO_RUA, /* has no field rua */
	REPORT_RECORD_BAD_URI /* rua has an address that is neither mailto: nor https:, or that has a mistake */
};

/* Parses one TXT record, whose character-strings the caller has joined. After REPORT_RECORD_BAD_URI `where` has the
 * address; otherwise its `at` is NULL. `where` borrows from `bytes`. */
enum report_record report_record_parse(const char *bytes, size_t len, struct span *where);
/* Chooses the record among all TXT records of the name. Returns false if the domain gets no reports: not exactly one of them
 * begins as a TLSRPT record (RFC 8460 3), or that one has no field rua. `record` borrows from `txt`. */
bool report_record_choose(const struct span *txt, size_t count, struct span *record);

/* An address that reports can be sent to. Strangers choose it; nobody asks whom it names whether he wants reports (spec T-7). So
 * anything unusual is not used. */
#define REPORT_ADDRESSES_MAX 4 /* of one record; further ones are ignored */
#define REPORT_ADDRESS_SIZE 512
#define REPORT_LOCAL_MAX 64 /* octets of a local part (RFC 5321 4.5.3.1.1) */
struct report_address {
	/* `mailto:` with a decoded address of dot-atom and domain; or the https: URI as it is. Printable, without blanks. */
	char text[REPORT_ADDRESS_SIZE];
	char host[DOMAIN_SIZE]; /* the domain behind @, or the web server; in the form of domain_parse(), with a dot */
	bool by_mail;
	uint16_t port;    /* of https */
	uint16_t path_at; /* of https: where the path begins in `text`; it may be empty, or begin with `?` */
};
/* Reads one URI of rua. Returns false for anything that is not exactly one mailbox, or an https: URI without user and fragment on
 * port 443 or one from 1024. `out` is zeroed then. */
bool report_address_read(struct report_address *out, const char *bytes, size_t len);
/* Finds the usable addresses of a record, in its order and without repetitions. Skips the others (spec T-5). Returns how many
 * there are; 0 also for a record that is not valid. */
size_t report_record_addresses(const char *bytes, size_t len, struct report_address out[REPORT_ADDRESSES_MAX]);
/* Returns whether the octets are a mailbox `local@domain` of dot-atom and domain, and sets `host` to the domain. */
bool report_mailbox_read(char host[DOMAIN_SIZE], const char *bytes, size_t len);

#endif
