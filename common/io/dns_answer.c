#include "dns_answer.h"

#include "ascii.h"
#include "memory.h"

#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

#define NEGATIVE_TTL_S 300 /* TTL of a negative answer whose authority section is empty */
#define SOA_TAIL 20        /* octets of serial, refresh, retry, expire and minimum */

enum security { SECURITY_BOGUS = 1, SECURITY_PROVED = 2 };

const char *dns_outcome_name(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_OK:
		return "ok";
	case DNS_NODATA:
		return "nodata";
	case DNS_NXDOMAIN:
		return "nxdomain";
	case DNS_FAILED:
		return "failed";
	case DNS_BOGUS:
		return "bogus";
	case DNS_TIMEOUT:
		return "timeout";
	case DNS_BROKEN:
		return "broken";
	}
	abort();
}

struct dns_answer *dns_answer_new(enum dns_outcome outcome, size_t count, size_t bytes)
{
	struct dns_answer *answer = xcalloc(1, sizeof *answer + count * sizeof answer->rr[0] + bytes);
	answer->outcome = outcome;
	return answer;
}

bool dns_name_fits(const char *name)
{
	uint8_t wire[NS_MAXCDNAME];
	return ns_name_pton(name, wire, sizeof wire) >= 0;
}

/* Copies the name at `*at` to `name`, without compression, and moves `*at` behind it. Returns the length of the copy;
 * 0 if there is no name that ends before `end`. */
static size_t name_take(const ns_msg *msg, const uint8_t **at, const uint8_t *end, uint8_t name[NS_MAXCDNAME])
{
	int used = ns_name_unpack(ns_msg_base(*msg), ns_msg_end(*msg), *at, name, NS_MAXCDNAME);
	if (used < 0 || used > end - *at)
		return 0;
	*at += used;
	size_t len = 1;
	for (const uint8_t *label = name; *label != 0; label += 1 + *label)
		len += 1u + *label;
	return len;
}

/* The answer section, while it is read. */
struct reading {
	ns_msg msg;
	unsigned type;
	struct dns_answer *answer;
	uint8_t *data;           /* where the next record's RDATA goes */
	char owner[NS_MAXDNAME]; /* the next record counts only if it belongs to this name */
	uint32_t ttl_s;
};

/* Follows a CNAME: from now on the records of its target count. Sets the canonical name to the target. */
static bool cname_follow(struct reading *r, const ns_rr *rr)
{
	const uint8_t *at = ns_rr_rdata(*rr), *end = at + ns_rr_rdlen(*rr);
	uint8_t name[NS_MAXCDNAME];
	char *out = r->answer->canonical;
	if (name_take(&r->msg, &at, end, name) == 0 || at != end || ns_name_ntop(name, r->owner, sizeof r->owner) < 0)
		return false;
	if (*name == 0)
		*out++ = '.';
	for (const uint8_t *label = name; *label != 0; label += 1 + *label) {
		if (out > r->answer->canonical)
			*out++ = '.';
		for (unsigned i = 1; i <= *label; i++) {
			char c = (char)label[i];
			*out++ = ascii_is_alnum(c) || c == '-' || c == '_' || c == '*' ? ascii_lower(c) : '?';
		}
	}
	*out = '\0';
	return true;
}

/* Keeps a record. Its RDATA without compression is at most NS_MAXCDNAME octets longer than in the message. */
static bool record_keep(struct reading *r, const ns_rr *rr)
{
	struct dns_answer *answer = r->answer;
	const uint8_t *at = ns_rr_rdata(*rr), *end = at + ns_rr_rdlen(*rr);
	bool has_name = ns_rr_type(*rr) == ns_t_mx || ns_rr_type(*rr) == ns_t_cname;
	size_t before = ns_rr_type(*rr) == ns_t_mx ? 2 : has_name ? 0 : ns_rr_rdlen(*rr), name_len = 0;
	uint8_t name[NS_MAXCDNAME];
	if (answer->count == DNS_RR_MAX) {
		answer->truncated = true;
		return true;
	}
	if ((size_t)(end - at) < before)
		return false;
	memcpy(r->data, at, before);
	at += before;
	if (has_name) {
		name_len = name_take(&r->msg, &at, end, name);
		if (name_len == 0 || at != end)
			return false;
		memcpy(r->data + before, name, name_len);
	}
	answer->rr[answer->count++] = (struct dns_rr){.data = r->data, .len = before + name_len};
	r->data += before + name_len;
	return true;
}

/* Reads the answer section. libunbound puts the CNAMEs of a chain in order, and the records of the last name behind
 * them. */
static bool answers_read(struct reading *r)
{
	ns_rr rr;
	for (int i = 0; i < ns_msg_count(r->msg, ns_s_an); i++) {
		if (ns_parserr(&r->msg, ns_s_an, i, &rr) != 0)
			return false;
		if (ns_rr_ttl(rr) < r->ttl_s)
			r->ttl_s = ns_rr_ttl(rr);
		size_t len = strlen(r->owner);
		if (ns_rr_class(rr) != ns_c_in || strlen(ns_rr_name(rr)) != len ||
			!ascii_same(ns_rr_name(rr), r->owner, len))
			continue;
		if (ns_rr_type(rr) == r->type ? !record_keep(r, &rr)
					      : ns_rr_type(rr) == ns_t_cname && !cname_follow(r, &rr))
			return false;
	}
	return true;
}

/* Reads the TTL of a negative answer: the smaller of the SOA's TTL and its minimum field (RFC 2308 5). */
static bool authority_read(struct reading *r)
{
	ns_rr rr;
	if (ns_msg_count(r->msg, ns_s_ns) == 0)
		r->ttl_s = NEGATIVE_TTL_S;
	for (int i = 0; i < ns_msg_count(r->msg, ns_s_ns); i++) {
		if (ns_parserr(&r->msg, ns_s_ns, i, &rr) != 0)
			return false;
		uint32_t ttl_s = ns_rr_ttl(rr);
		if (ns_rr_type(rr) == ns_t_soa && ns_rr_rdlen(rr) >= SOA_TAIL) {
			uint32_t minimum_s = ns_get32(ns_rr_rdata(rr) + ns_rr_rdlen(rr) - 4);
			ttl_s = minimum_s < ttl_s ? minimum_s : ttl_s;
		}
		if (ttl_s < r->ttl_s)
			r->ttl_s = ttl_s;
	}
	return true;
}

static bool message_read(struct reading *r)
{
	int rcode = ns_msg_getflag(r->msg, ns_f_rcode);
	ns_rr question;
	if ((rcode != ns_r_noerror && rcode != ns_r_nxdomain) || ns_msg_count(r->msg, ns_s_qd) != 1 ||
		ns_parserr(&r->msg, ns_s_qd, 0, &question) != 0)
		return false;
	memcpy(r->owner, ns_rr_name(question), strlen(ns_rr_name(question)) + 1);
	if (ns_rr_type(question) != r->type || ns_rr_class(question) != ns_c_in || !answers_read(r))
		return false;
	struct dns_answer *answer = r->answer;
	if (rcode == ns_r_nxdomain)
		answer->count = 0;
	answer->outcome = rcode == ns_r_nxdomain ? DNS_NXDOMAIN : answer->count ? DNS_OK : DNS_NODATA;
	if (ns_msg_getflag(r->msg, ns_f_tc)) {
		answer->truncated = true;
		if (answer->outcome == DNS_NODATA) /* there are records, which did not fit */
			return false;
	}
	if (answer->outcome != DNS_OK && !authority_read(r))
		return false;
	answer->ttl_s = r->ttl_s;
	return true;
}

struct dns_answer *dns_answer_parse(int rcode, const void *packet, int len, unsigned type, int security)
{
	struct reading r = {.type = type, .ttl_s = INT32_MAX};
	if (rcode == 0 && security == SECURITY_BOGUS)
		return dns_answer_new(DNS_BOGUS, 0, 0);
	if (rcode != 0 || !packet || len < 0 || len > NS_MAXMSG || ns_initparse(packet, len, &r.msg) != 0)
		return dns_answer_new(DNS_FAILED, 0, 0);
	size_t count = ns_msg_count(r.msg, ns_s_an);
	if (count > DNS_RR_MAX)
		count = DNS_RR_MAX;
	r.answer = dns_answer_new(DNS_OK, count, (size_t)len + count * NS_MAXCDNAME);
	r.data = (uint8_t *)&r.answer->rr[count];
	if (message_read(&r)) {
		r.answer->secure = security == SECURITY_PROVED;
		return r.answer;
	}
	free(r.answer);
	return dns_answer_new(DNS_FAILED, 0, 0);
}

bool dns_answer_good(const struct dns_answer *answer)
{
	return answer->outcome == DNS_OK || answer->outcome == DNS_NODATA || answer->outcome == DNS_NXDOMAIN;
}
