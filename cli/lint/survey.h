/* A survey of what a domain has published: its records, its policy host, its policy and its mail hosts, as they are now.
 * It looks up, fetches and probes with the code of the daemon (check/obtain), but uses no store: nothing is remembered.
 *
 * How to use: survey_begin(), survey_look(), then read the members; survey_end(). */
#ifndef CLI_SURVEY_H
#define CLI_SURVEY_H

#include "commands.h"
#include "obtain.h"

#define SURVEY_HOPS_MAX 16   /* mail hosts that are probed, best preference first */
#define SURVEY_TEXTS_MAX 16  /* TXT records that are kept of one name */
#define SURVEY_TEXT_SIZE 512 /* octets that are kept of one TXT record */

/* The TXT records of a name. */
struct survey_texts {
	enum dns_outcome outcome;
	uint32_t ttl_s;
	size_t count; /* all of them; only SURVEY_TEXTS_MAX are kept */
	struct survey_text {
		char bytes[SURVEY_TEXT_SIZE]; /* untrusted, and not NUL-terminated */
		size_t len;
	} text[SURVEY_TEXTS_MAX];
};

struct survey_hop {
	char host[DOMAIN_SIZE];
	struct tlsa_lookup tlsa;
	struct evidence pkix; /* judged by the authorities */
	struct evidence dane; /* judged by its TLSA records; `at` 0: it has no usable ones */
};

struct survey {
	const char *domain;
	struct config *config;
	struct loops *loops;
	bool validates; /* this machine validates DNS answers */

	struct survey_texts record, reports;
	enum reason record_reason; /* REASON_OK, NO_RECORD, RECORD_INVALID, RECORD_MANY, RECORD_LOOKUP or RESOLVER */
	char record_id[RECORD_ID_MAX + 1];
	struct addresses policy_host;
	struct policy_found policy;
	struct mx_found mx;
	size_t hop_count, hops_left_out;
	struct survey_hop hop[SURVEY_HOPS_MAX];
};

/* Reads the settings and starts. `domain` is in the form of domain_parse(), and must outlive the survey. Returns 0, or the
 * exit status after a message. */
int survey_begin(struct survey *survey, const struct options *options, const char *domain);
/* Obtains everything. Takes as long as the slowest mail host, at most a minute or so. */
void survey_look(struct survey *survey);
void survey_end(struct survey *survey);

#endif
