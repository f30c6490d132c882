#include "signed_server.h"

#include "cm.h"
#include "dns_port.h"

#include <ldns/ldns.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONES_MAX 8
#define DAY_S 86400
#define UDP_MAX 1232

struct signed_server {
	struct dns_port port;
	atomic_int mood;
	unsigned count;
	struct zone {
		ldns_rdf *apex;
		ldns_rr_list *rrs; /* the whole zone, with signatures */
		ldns_rr *ds;
	} zone[ZONES_MAX];
};

/* Signing */

static ldns_zone *zone_read(const char *apex, const char *text)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	ldns_rdf *origin = ldns_dname_new_frm_str(apex);
	ldns_zone *zone = NULL;
	int line = 0;
	ldns_status status = ldns_zone_new_frm_fp_l(&zone, file, origin, 300, LDNS_RR_CLASS_IN, &line);

	if (status != LDNS_STATUS_OK)
		fail_msg("zone %s line %d: %s", apex, line, ldns_get_errorstr_by_id(status));
	ldns_rdf_deep_free(origin);
	fclose(file);
	return zone;
}

static ldns_key *key_new(const ldns_rdf *apex, enum signing signing)
{
	uint32_t now_s = (uint32_t)time(NULL), ends_s = signing == SIGNED ? now_s + DAY_S : now_s - DAY_S;
	ldns_key *key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);

	assert_non_null(key);
	ldns_key_set_pubkey_owner(key, ldns_rdf_clone(apex));
	ldns_key_set_flags(key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
	ldns_key_set_inception(key, ends_s - 2 * DAY_S);
	ldns_key_set_expiration(key, ends_s);
	return key;
}

/* Reads a zone into `rrs`, adds the DS records of its children, and signs it. */
static void zone_sign(struct zone *zone, ldns_zone *read, enum signing signing)
{
	ldns_key_list *keys = ldns_key_list_new();
	ldns_key *key = key_new(zone->apex, signing);
	ldns_rr *dnskey = ldns_key2rr(key);

	ldns_key_set_keytag(key, ldns_calc_keytag(dnskey));
	ldns_key_list_push_key(keys, key);
	zone->ds = ldns_key_rr2ds(dnskey, LDNS_SHA256);
	ldns_zone_push_rr(read, dnskey);
	ldns_zone *made = ldns_zone_sign(read, keys);
	assert_non_null(made);
	zone->rrs = ldns_rr_list_clone(ldns_zone_rrs(made));
	ldns_rr_list_push_rr(zone->rrs, ldns_rr_clone(ldns_zone_soa(made)));
	ldns_zone_deep_free(made);
	ldns_key_list_free(keys);
}

static bool is_signature(const ldns_rr *rr, ldns_rr_type covered)
{
	return ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG && ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) == covered;
}

static void zone_bare(struct zone *zone, const char *name)
{
	ldns_rdf *owner = ldns_dname_new_frm_str(name);
	ldns_rr_list *kept = ldns_rr_list_new();
	ldns_rr *rr;

	while ((rr = ldns_rr_list_pop_rr(zone->rrs))) {
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG && !is_signature(rr, LDNS_RR_TYPE_NSEC) &&
			ldns_dname_compare(ldns_rr_owner(rr), owner) == 0)
			ldns_rr_free(rr);
		else
			ldns_rr_list_push_rr(kept, rr);
	}
	ldns_rr_list_free(zone->rrs);
	zone->rrs = kept;
	ldns_rdf_deep_free(owner);
}

static void zone_add(struct signed_server *server, const struct signed_zone *wanted)
{
	struct zone *zone = &server->zone[server->count];
	ldns_zone *read = zone_read(wanted->apex, wanted->text);

	zone->apex = ldns_dname_new_frm_str(wanted->apex);
	for (unsigned i = 0; i < server->count; i++)
		if (server->zone[i].ds && ldns_dname_is_subdomain(server->zone[i].apex, zone->apex))
			ldns_zone_push_rr(read, ldns_rr_clone(server->zone[i].ds));
	if (wanted->signing == UNSIGNED) {
		zone->rrs = ldns_rr_list_clone(ldns_zone_rrs(read));
		ldns_rr_list_push_rr(zone->rrs, ldns_rr_clone(ldns_zone_soa(read)));
	} else {
		zone_sign(zone, read, wanted->signing);
	}
	ldns_zone_deep_free(read);
	if (wanted->bare)
		zone_bare(zone, wanted->bare);
	server->count++;
}

/* Answering */

/* Returns the zone with the longest apex; for DS, the parent of the zone cut. */
static const struct zone *zone_of(const struct signed_server *server, const ldns_rdf *name, ldns_rr_type type)
{
	const struct zone *best = NULL;

	for (unsigned i = 0; i < server->count; i++) {
		const struct zone *zone = &server->zone[i];
		bool same = ldns_dname_compare(name, zone->apex) == 0;

		if (!(same && type != LDNS_RR_TYPE_DS) && !ldns_dname_is_subdomain(name, zone->apex))
			continue;
		if (!best || ldns_dname_label_count(zone->apex) > ldns_dname_label_count(best->apex))
			best = zone;
	}
	return best;
}

/* Adds the records of one set, and their signatures if they are wanted; returns the number of records without
 * signatures. */
static size_t take(const struct zone *zone, const ldns_rdf *name, ldns_rr_type type, bool proof, ldns_rr_list *out)
{
	size_t count = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(zone->rrs); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(zone->rrs, i);
		bool plain = ldns_rr_get_type(rr) == type;

		if (ldns_dname_compare(ldns_rr_owner(rr), name) != 0 || (!plain && !(proof && is_signature(rr, type))))
			continue;
		ldns_rr_list_push_rr(out, ldns_rr_clone(rr));
		count += plain;
	}
	return count;
}

/* Returns whether this name, or one below it, exists. */
static bool exists(const struct zone *zone, const ldns_rdf *name)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(zone->rrs); i++) {
		const ldns_rdf *owner = ldns_rr_owner(ldns_rr_list_rr(zone->rrs, i));

		if (ldns_dname_compare(owner, name) == 0 || ldns_dname_is_subdomain(owner, name))
			return true;
	}
	return false;
}

/* Adds the NSEC records at the name or covering it. */
static void take_nsec(const struct zone *zone, const ldns_rdf *name, ldns_rr_list *out)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(zone->rrs); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(zone->rrs, i);

		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC &&
			(ldns_dname_compare(ldns_rr_owner(rr), name) == 0 || ldns_nsec_covers_name(rr, name)))
			take(zone, ldns_rr_owner(rr), LDNS_RR_TYPE_NSEC, true, out);
	}
}

/* Proves that there is no such record, and no wildcard at the closest encloser that would make one (RFC 4035 3.1.3). */
static void take_absence(const struct zone *zone, const ldns_rdf *name, bool proof, ldns_rr_list *out)
{
	ldns_rdf *star = ldns_dname_new_frm_str("*"), *above = ldns_rdf_clone(name);

	take(zone, zone->apex, LDNS_RR_TYPE_SOA, proof, out);
	if (proof) {
		take_nsec(zone, name, out);
		while (!exists(zone, above)) {
			ldns_rdf *parent = ldns_dname_left_chop(above);
			ldns_rdf_deep_free(above);
			above = parent;
		}
		ldns_rdf *wildcard = ldns_dname_cat_clone(star, above);
		take_nsec(zone, wildcard, out);
		ldns_rdf_deep_free(wildcard);
	}
	ldns_rdf_deep_free(star);
	ldns_rdf_deep_free(above);
}

static void answer_fill(const struct signed_server *server, ldns_pkt *reply, const ldns_rr *question, bool proof)
{
	const ldns_rdf *name = ldns_rr_owner(question);
	ldns_rr_type type = ldns_rr_get_type(question);
	const struct zone *zone = zone_of(server, name, type);
	ldns_rr_list *answer = ldns_rr_list_new(), *authority = ldns_rr_list_new();

	if (take(zone, name, type, proof, answer) == 0 && take(zone, name, LDNS_RR_TYPE_CNAME, proof, answer) == 0) {
		take_absence(zone, name, proof, authority);
		if (!exists(zone, name))
			ldns_pkt_set_rcode(reply, LDNS_RCODE_NXDOMAIN);
	}
	ldns_pkt_push_rr_list(reply, LDNS_SECTION_ANSWER, answer);
	for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++)
		if (!ldns_pkt_safe_push_rr(reply, LDNS_SECTION_AUTHORITY, ldns_rr_list_rr(authority, i)))
			ldns_rr_free(ldns_rr_list_rr(authority, i)); /* one NSEC can prove both */
	ldns_rr_list_free(answer);
	ldns_rr_list_free(authority);
}

static ldns_pkt *reply_new(const ldns_pkt *query)
{
	ldns_pkt *reply = ldns_pkt_new();

	ldns_pkt_set_id(reply, ldns_pkt_id(query));
	ldns_pkt_set_qr(reply, true);
	ldns_pkt_set_rd(reply, ldns_pkt_rd(query));
	ldns_pkt_set_ra(reply, true);
	ldns_pkt_set_edns_udp_size(reply, UDP_MAX);
	ldns_pkt_set_edns_do(reply, ldns_pkt_edns_do(query));
	ldns_pkt_push_rr(reply, LDNS_SECTION_QUESTION, ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0)));
	return reply;
}

static size_t respond(void *arg, const uint8_t *bytes, size_t len, uint8_t out[DNS_PORT_MAX], bool udp)
{
	struct signed_server *server = arg;
	enum server_mood mood = (enum server_mood)atomic_load(&server->mood);
	ldns_pkt *query = NULL, *reply;
	uint8_t *wire = NULL;
	size_t size = 0;

	if (mood == SERVER_SILENT || ldns_wire2pkt(&query, bytes, len) != LDNS_STATUS_OK)
		return 0;
	reply = reply_new(query);
	answer_fill(server, reply, ldns_rr_list_rr(ldns_pkt_question(query), 0),
		ldns_pkt_edns_do(query) && mood == SERVER_HONEST);
	if (ldns_pkt2wire(&wire, reply, &size) != LDNS_STATUS_OK || size > DNS_PORT_MAX)
		size = 0;
	if (udp && size > UDP_MAX) {
		ldns_pkt_free(reply);
		free(wire);
		reply = reply_new(query);
		ldns_pkt_set_tc(reply, true);
		ldns_pkt2wire(&wire, reply, &size);
	}
	memcpy(out, wire, size);
	free(wire);
	ldns_pkt_free(reply);
	ldns_pkt_free(query);
	return size;
}

/* Start and stop */

struct signed_server *signed_server_start(const struct signed_zone *zones, unsigned count)
{
	struct signed_server *server = calloc(1, sizeof *server);

	assert_in_range(count, 1, ZONES_MAX);
	for (unsigned i = 0; i < count; i++)
		zone_add(server, &zones[i]);
	dns_port_open(&server->port, respond, server);
	return server;
}

void signed_server_stop(struct signed_server *server)
{
	dns_port_close(&server->port);
	for (unsigned i = 0; i < server->count; i++) {
		ldns_rdf_deep_free(server->zone[i].apex);
		ldns_rr_list_deep_free(server->zone[i].rrs);
		ldns_rr_free(server->zone[i].ds);
	}
	free(server);
}

uint16_t signed_server_port(const struct signed_server *server)
{
	return server->port.number;
}

void signed_server_mood(struct signed_server *server, enum server_mood mood)
{
	atomic_store(&server->mood, mood);
}

void signed_server_anchor(const struct signed_server *server, const char *apex, char path[64])
{
	ldns_rdf *name = ldns_dname_new_frm_str(apex);
	const struct zone *zone = zone_of(server, name, LDNS_RR_TYPE_SOA);

	snprintf(path, 64, "/tmp/stsgate-test-anchor-XXXXXX");
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	fputs("; the zone's key\n\n", file);
	ldns_rr_print(file, zone->ds);
	fclose(file);
	ldns_rdf_deep_free(name);
}
