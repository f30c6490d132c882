/* How doctor judges what it has observed. Pure; any thread. */
#ifndef CLI_DOCTOR_JUDGE_H
#define CLI_DOCTOR_JUDGE_H

#include "doctor.h"

#include <stdint.h>

/* Judges the space on the store's file system, in octets: what is left, the size of the store's file, and
 * store_max_bytes. It is a failure if writes are about to fail, and a warning if the file cannot grow to four times its
 * size and a bit more. */
enum doctor_result judge_space(uint64_t left, uint64_t file, uint64_t max_bytes);

/* What one DNS server did with the same question in three ways (nameserver.h). */
struct server_seen {
	struct server_answer {
		bool answered, truncated, authentic;
		unsigned rcode, records, signatures;
	} plain, edns, tcp;
};
enum server_state {
	SERVER_WELL,
	SERVER_DEAD,     /* no answer in any way */
	SERVER_ERRS,     /* answers with an error */
	SERVER_SMALL,    /* answers, but has no records of this type, so that no large answer could be tried */
	SERVER_NO_LARGE, /* large answers arrive in no way */
	SERVER_NO_UDP,   /* large answers arrive over TCP only; a query over UDP runs into its timeout */
	SERVER_NO_TCP    /* no answer over TCP: answers that need it are lost */
};
enum server_state judge_server(const struct server_seen *seen);

enum signature_state {
	SIGNATURES_PASS,
	SIGNATURES_STRIPPED, /* the records came without their signatures */
	SIGNATURES_UNKNOWN   /* no answer with records */
};
enum signature_state judge_signatures(const struct server_seen *seen);

enum dnssec_state {
	DNSSEC_VALID,
	DNSSEC_NO_ANSWER, /* no server answers */
	DNSSEC_STRIPPED,  /* a server that answers removes signatures */
	DNSSEC_BOGUS,     /* the signatures arrive, but do not validate here */
	DNSSEC_UNSURE     /* no server has sent the records that are signed */
};
/* `validates`: the product's own validation has succeeded (dns_validates()). */
enum dnssec_state judge_dnssec(const struct server_seen *seen, size_t count, bool validates);

/* What hosts did at one port. */
struct way_count {
	unsigned tried, connected;
	unsigned starttls; /* offered it */
	unsigned plain;    /* answered EHLO without offering it */
	unsigned mangled;  /* of these: with letters XXXX in place of the offer */
};
enum way_state {
	WAY_UNTRIED,
	WAY_OPEN,
	WAY_BLOCKED,        /* no host can be reached */
	WAY_MAYBE_BLOCKED,  /* the same, but only one was tried: it may be down itself */
	WAY_STRIPPED,       /* no host offers STARTTLS: something on the way removes it */
	WAY_MAYBE_STRIPPED, /* the same, but only one has answered */
	WAY_UNCLEAR         /* connections succeed, but no host talks SMTP */
};
/* The hosts were good before, or the operator has named their domain. `smtp`: they were asked for STARTTLS. */
enum way_state judge_way(const struct way_count *count, bool smtp);

#endif
