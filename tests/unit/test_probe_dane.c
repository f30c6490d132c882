/* Probes of hops with TLSA records (RFC 7672 3), against real TLS servers, in a network namespace of the program's
 * own. */
#include "cm.h"

#include "netns.h"
#include "pki.h"
#include "probe.h"
#include "probe_await.h"
#include "tls_hop.h"
#include "trust.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "alias.example.net" /* the MX host name, which is a CNAME of the base domain */
#define BASE "mx.example.com"
#define TIMEOUT_MS 5000
#define RECORDS_MAX 3
#define NO_MATCH X509_V_ERR_DANE_NO_MATCH

enum cert {
	NOBODY,
	CA,       /* in the trust store */
	STRANGER, /* not in the trust store */
	INTER,    /* issued by the stranger */
	IMPOSTOR, /* has the CA's name, but a key of its own */
	GOOD,
	WILDCARD,
	PARTIAL,
	CN_ONLY,
	CN_BESIDE_SAN,
	OF_THE_HOST,
	OTHER_NAME,
	EXPIRED,
	EXPIRED_OTHER_NAME,
	FUTURE,
	CLIENT,
	SHORT_KEY,
	SELF_BAD,
	STRANGE,
	STRANGE_EXPIRED,
	BELOW_INTER,
	FORGED,
	CERT_COUNT
};

static struct pki_pair pairs[CERT_COUNT];
static struct trust *trust;
static struct prober *prober;
static struct probe_room room;

/* A record for a certificate or its key. NOBODY: DER that holds neither. `off`: the last octet is wrong. */
struct recipe {
	uint8_t usage, selector, matching;
	enum cert of;
	bool off;
};

struct row {
	const char *name;
	enum cert leaf, sent;
	struct recipe records[RECORDS_MAX];
	enum reason reason;
	int chain;
	const char *text;
};

static const struct row rows[] = {
	/* D-33, D-35: DANE-EE */
	{"3 1 1", GOOD, NOBODY, {{3, 1, 1, GOOD, false}}, REASON_OK, X509_V_OK, "TLSA record 3 1 1 "},
	{"3 0 1", GOOD, NOBODY, {{3, 0, 1, GOOD, false}}, REASON_OK, X509_V_OK, "TLSA record 3 0 1 "},
	{"3 1 2", GOOD, NOBODY, {{3, 1, 2, GOOD, false}}, REASON_OK, X509_V_OK, "TLSA record 3 1 2 "},
	{"3 0 2", GOOD, NOBODY, {{3, 0, 2, GOOD, false}}, REASON_OK, X509_V_OK, "TLSA record 3 0 2 "},
	{"3 0 0", GOOD, NOBODY, {{3, 0, 0, GOOD, false}}, REASON_OK, X509_V_OK, "TLSA record 3 0 0 30"},
	{"3 1 0", GOOD, NOBODY, {{3, 1, 0, GOOD, false}}, REASON_OK, X509_V_OK, "TLSA record 3 1 0 30"},
	{"EE, chain sent", GOOD, CA, {{3, 1, 1, GOOD, false}}, REASON_OK, X509_V_OK, "3 1 1"},
	{"EE, expired", EXPIRED, NOBODY, {{3, 1, 1, EXPIRED, false}}, REASON_OK, X509_V_OK, "3 1 1"},
	{"EE, future", FUTURE, NOBODY, {{3, 1, 1, FUTURE, false}}, REASON_OK, X509_V_OK, "3 1 1"},
	{"EE, other name", OTHER_NAME, CA, {{3, 0, 1, OTHER_NAME, false}}, REASON_OK, X509_V_OK, "3 0 1"},
	{"EE, for clients", CLIENT, CA, {{3, 1, 1, CLIENT, false}}, REASON_OK, X509_V_OK, "3 1 1"},
	{"EE, self-signed, expired, other name", SELF_BAD, NOBODY, {{3, 1, 1, SELF_BAD, false}}, REASON_OK, X509_V_OK,
		"3 1 1"},
	{"EE, authority unknown", STRANGE, NOBODY, {{3, 1, 1, STRANGE, false}}, REASON_OK, X509_V_OK, "3 1 1"},
	{"EE, short key", SHORT_KEY, NOBODY, {{3, 1, 1, SHORT_KEY, false}}, REASON_CERT_WEAK_KEY,
		X509_V_ERR_EE_KEY_TOO_SMALL, "key too weak"},
	{"EE of the authority", GOOD, CA, {{3, 1, 1, CA, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	/* D-36: DANE-TA, the authority in the chain */
	{"2 0 1", GOOD, CA, {{2, 0, 1, CA, false}}, REASON_OK, X509_V_OK, "TLSA record 2 0 1 "},
	{"2 1 1", GOOD, CA, {{2, 1, 1, CA, false}}, REASON_OK, X509_V_OK, "TLSA record 2 1 1 "},
	{"2 1 2", GOOD, CA, {{2, 1, 2, CA, false}}, REASON_OK, X509_V_OK, "TLSA record 2 1 2 "},
	{"2 0 0", GOOD, CA, {{2, 0, 0, CA, false}}, REASON_OK, X509_V_OK, "TLSA record 2 0 0 30"},
	{"2 1 0", GOOD, CA, {{2, 1, 0, CA, false}}, REASON_OK, X509_V_OK, "TLSA record 2 1 0 30"},
	{"TA unknown otherwise", STRANGE, STRANGER, {{2, 0, 1, STRANGER, false}}, REASON_OK, X509_V_OK, "2 0 1"},
	{"TA below a root", BELOW_INTER, INTER, {{2, 1, 1, INTER, false}}, REASON_OK, X509_V_OK, "2 1 1"},
	/* not in the chain: a digest matches nothing, even if the trust store has the authority; a whole certificate
	 * suffices */
	{"2 0 1, not sent", GOOD, NOBODY, {{2, 0, 1, CA, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	{"2 1 1, not sent", GOOD, NOBODY, {{2, 1, 1, CA, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	{"2 0 0, not sent", GOOD, NOBODY, {{2, 0, 0, CA, false}}, REASON_OK, X509_V_OK, "2 0 0"},
	{"2 1 0, not sent", GOOD, NOBODY, {{2, 1, 0, CA, false}}, REASON_OK, X509_V_OK, "2 1 0"},
	/* the chain must be valid, and its dates */
	{"TA, expired", EXPIRED, CA, {{2, 0, 1, CA, false}}, REASON_CERT_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED,
		"expired; TLSA record 2 0 1 "},
	{"TA, future", FUTURE, CA, {{2, 1, 1, CA, false}}, REASON_CERT_NOT_YET_VALID, X509_V_ERR_CERT_NOT_YET_VALID,
		"not yet valid; TLSA record 2 1 1 "},
	{"TA unknown otherwise, expired", STRANGE_EXPIRED, STRANGER, {{2, 0, 1, STRANGER, false}}, REASON_CERT_EXPIRED,
		X509_V_ERR_CERT_HAS_EXPIRED, "expired"},
	{"TA, not signed by it", FORGED, CA, {{2, 0, 1, CA, false}}, REASON_CERT_UNTRUSTED,
		X509_V_ERR_CERT_SIGNATURE_FAILURE, "signature"},
	{"2 1 0, not signed by it", FORGED, NOBODY, {{2, 1, 0, CA, false}}, REASON_TLSA_MISMATCH, NO_MATCH, ""},
	{"TA sent beside another's leaf", STRANGE, CA, {{2, 0, 1, CA, false}}, REASON_TLSA_MISMATCH, NO_MATCH, ""},
	{"TA, for clients", CLIENT, CA, {{2, 0, 1, CA, false}}, REASON_CERT_PURPOSE, X509_V_ERR_INVALID_PURPOSE,
		"purpose"},
	{"TA, short key", SHORT_KEY, CA, {{2, 0, 1, CA, false}}, REASON_CERT_WEAK_KEY, X509_V_ERR_EE_KEY_TOO_SMALL,
		"key too weak"},
	{"TA of the leaf itself", SELF_BAD, NOBODY, {{2, 0, 1, SELF_BAD, false}}, REASON_TLSA_MISMATCH, NO_MATCH, ""},
	/* D-36, D-38: the name must match, too: that of the base domain */
	{"TA, wildcard", WILDCARD, CA, {{2, 0, 1, CA, false}}, REASON_OK, X509_V_OK, "2 0 1"},
	{"TA, CN only", CN_ONLY, CA, {{2, 0, 1, CA, false}}, REASON_OK, X509_V_OK, "2 0 1"},
	{"TA, CN beside other names", CN_BESIDE_SAN, CA, {{2, 0, 1, CA, false}}, REASON_CERT_HOST_MISMATCH,
		X509_V_ERR_HOSTNAME_MISMATCH, "mismatch; TLSA record 2 0 1 "},
	{"TA, partial wildcard", PARTIAL, CA, {{2, 0, 1, CA, false}}, REASON_CERT_HOST_MISMATCH,
		X509_V_ERR_HOSTNAME_MISMATCH, "mismatch"},
	{"TA, other name", OTHER_NAME, CA, {{2, 0, 1, CA, false}}, REASON_CERT_HOST_MISMATCH,
		X509_V_ERR_HOSTNAME_MISMATCH, "mismatch"},
	{"TA, the host's name, not the base", OF_THE_HOST, CA, {{2, 1, 1, CA, false}}, REASON_CERT_HOST_MISMATCH,
		X509_V_ERR_HOSTNAME_MISMATCH, "mismatch"},
	{"TA, expired, other name", EXPIRED_OTHER_NAME, CA, {{2, 0, 1, CA, false}}, REASON_CERT_EXPIRED,
		X509_V_ERR_CERT_HAS_EXPIRED, "expired"},
	/* no match: the trust store does not help (RFC 8461 2) */
	{"another digest", GOOD, CA, {{3, 1, 1, GOOD, true}}, REASON_TLSA_MISMATCH, NO_MATCH,
		"no match among the usable TLSA records: 1"},
	{"another certificate", GOOD, CA, {{3, 0, 0, WILDCARD, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	{"another key", GOOD, CA, {{3, 1, 0, WILDCARD, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	{"another selector", GOOD, CA, {{3, 0, 1, GOOD, true}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	{"another authority", GOOD, CA, {{2, 0, 1, STRANGER, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
	{"another's key, whole", GOOD, CA, {{2, 1, 0, STRANGER, false}}, REASON_TLSA_MISMATCH, NO_MATCH, ""},
	{"another's certificate, whole", GOOD, CA, {{2, 0, 0, STRANGER, false}}, REASON_TLSA_MISMATCH, NO_MATCH, ""},
	{"no match, expired, other name", EXPIRED_OTHER_NAME, CA, {{2, 0, 1, STRANGER, false}}, REASON_TLSA_MISMATCH,
		NO_MATCH, "no match"},
	/* D-40: one match among several suffices */
	{"one of two", GOOD, CA, {{3, 1, 1, WILDCARD, false}, {3, 1, 1, GOOD, false}}, REASON_OK, X509_V_OK, "3 1 1"},
	{"TA although EE does not", GOOD, CA, {{3, 1, 1, WILDCARD, false}, {2, 0, 1, CA, false}}, REASON_OK, X509_V_OK,
		"2 0 1"},
	{"EE although TA does not hold", EXPIRED, CA, {{3, 1, 1, EXPIRED, false}, {2, 0, 1, CA, false}}, REASON_OK,
		X509_V_OK, "3 1 1"},
	{"none of three", GOOD, CA, {{3, 1, 1, WILDCARD, false}, {3, 0, 1, EXPIRED, false}, {2, 0, 1, STRANGER, false}},
		REASON_TLSA_MISMATCH, NO_MATCH, "no match among the usable TLSA records: 3"},
	/* D-34: the weaker digest does not count */
	{"weaker digest matches", GOOD, CA, {{3, 1, 1, GOOD, false}, {3, 1, 2, WILDCARD, false}}, REASON_TLSA_MISMATCH,
		NO_MATCH, "no match among the usable TLSA records: 1"},
	{"stronger digest matches", GOOD, CA, {{3, 1, 1, WILDCARD, false}, {3, 1, 2, GOOD, false}}, REASON_OK,
		X509_V_OK, "3 1 2"},
	{"whole beside the stronger digest", GOOD, CA, {{3, 1, 0, GOOD, false}, {3, 1, 2, WILDCARD, false}}, REASON_OK,
		X509_V_OK, "3 1 0"},
	/* D-33: a record that OpenSSL cannot read counts as absent */
	{"no key in it", GOOD, CA, {{3, 1, 0, NOBODY, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no readable"},
	{"no certificate in it", GOOD, CA, {{2, 0, 0, NOBODY, false}}, REASON_TLSA_MISMATCH, NO_MATCH, "no readable"},
	{"no key in one of two", GOOD, CA, {{3, 1, 0, NOBODY, false}, {3, 1, 1, GOOD, false}}, REASON_OK, X509_V_OK,
		"3 1 1"},
	{"no key in one, no match of the other", GOOD, CA, {{3, 1, 0, NOBODY, false}, {3, 1, 1, GOOD, true}},
		REASON_TLSA_MISMATCH, NO_MATCH, "no match"},
};

/* TLSA records */

struct rrset {
	size_t count;
	uint8_t bytes[RECORDS_MAX][TLSA_RDATA_MAX];
	struct span rdata[RECORDS_MAX];
	struct tlsa_set set;
};

static size_t selected_der(const struct recipe *recipe, uint8_t *out)
{
	static const uint8_t empty[] = {0x30, 0x03, 0x02, 0x01, 0x05};
	X509 *cert = pairs[recipe->of].cert;
	uint8_t *end = out;

	if (recipe->of == NOBODY) {
		memcpy(out, empty, sizeof empty);
		return sizeof empty;
	}
	if (recipe->selector == TLSA_SELECTOR_CERT) {
		assert_in_range(i2d_X509(cert, NULL), 1, TLSA_RDATA_MAX - 3);
		return (size_t)i2d_X509(cert, &end);
	}
	return (size_t)i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &end);
}

static void rrset_add(struct rrset *rrset, const struct recipe *recipe)
{
	uint8_t der[TLSA_RDATA_MAX], *out = rrset->bytes[rrset->count];
	size_t len = selected_der(recipe, der);
	unsigned digest_len;

	out[0] = recipe->usage;
	out[1] = recipe->selector;
	out[2] = recipe->matching;
	memcpy(out + 3, der, len);
	if (recipe->matching != TLSA_MATCHING_FULL) {
		const EVP_MD *md = recipe->matching == TLSA_MATCHING_SHA256 ? EVP_sha256() : EVP_sha512();

		assert_int_equal(EVP_Digest(der, len, out + 3, &digest_len, md, NULL), 1);
		len = digest_len;
	}
	out[3 + len - 1] ^= recipe->off;
	rrset->rdata[rrset->count++] = (struct span){(const char *)out, 3 + len};
}

static void rrset_cook(struct rrset *rrset, const struct recipe *recipes, size_t max)
{
	memset(rrset, 0, sizeof *rrset);
	for (size_t i = 0; i < max && recipes[i].usage; i++)
		rrset_add(rrset, &recipes[i]);
	assert_int_equal(tlsa_set_take(&rrset->set, rrset->rdata, rrset->count), TLSA_USABLE);
}

/* Probing */

static struct evidence probe(struct tls_hop *hop, const struct probe_dane *dane)
{
	struct address to;
	struct evidence seen;

	assert_true(address_parse(&to, "127.0.0.1"));
	memset(&seen, 0xff, sizeof seen);
	tls_hop_start(hop);
	probe_await(&room, prober, HOST, &to, hop->port, TIMEOUT_MS, dane, &seen);
	tls_hop_end(hop);
	return seen;
}

static struct tls_hop hop_of(enum cert leaf, enum cert sent)
{
	return (struct tls_hop){.leaf = &pairs[leaf], .sent = sent == NOBODY ? NULL : &pairs[sent]};
}

static void rows_agree(void **state)
{
	static struct rrset rrset;
	(void)state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct tls_hop hop = hop_of(row->leaf, row->sent);

		rrset_cook(&rrset, row->records, RECORDS_MAX);
		struct evidence seen = probe(&hop, &(struct probe_dane){&rrset.set, BASE});

		if (seen.reason != row->reason || seen.chain != row->chain || !strstr(seen.text, row->text))
			fail_msg("%s: %s, %d, %s", row->name, reason_name(seen.reason), seen.chain, seen.text);
		if (seen.reason == REASON_OK && !strstr(seen.text, "... matches"))
			fail_msg("%s: %s", row->name, seen.text);
		if (seen.reason == REASON_TLSA_MISMATCH && strstr(seen.text, "TLSA record "))
			fail_msg("%s: %s", row->name, seen.text);
		if ((seen.mta_address[0] != '\0') != (seen.reason == REASON_CERT_WEAK_KEY))
			fail_msg("%s: for the MTA %s", row->name, seen.mta_address);
		if (strcmp(hop.sni, BASE) != 0 || seen.tlsa_id != rrset.set.id || seen.protocol != 0x0304)
			fail_msg("%s: SNI %s, id, or protocol %x", row->name, hop.sni, seen.protocol);
	}
}

/* Everything else in the evidence is the same under DANE. */
static void evidence_is_whole(void **state)
{
	static const struct recipe recipe = {3, 1, 1, SELF_BAD, false};
	static struct rrset rrset;
	struct tls_hop hop = hop_of(SELF_BAD, NOBODY);
	(void)state;

	rrset_cook(&rrset, &recipe, 1);
	struct evidence seen = probe(&hop, &(struct probe_dane){&rrset.set, BASE});
	assert_int_equal(seen.reason, REASON_OK);
	assert_string_equal(seen.names, "other.example.com");
	assert_string_equal(seen.address, "127.0.0.1");
	assert_true(seen.not_after != 0 && seen.cipher[0] != '\0');
	assert_true(strlen(seen.text) < 60);
}

/* A match does not help a hop without TLS or with an old version. The evidence names the records by which it was
 * judged. */
static void tls_is_needed(void **state)
{
	static const struct recipe recipe = {3, 1, 1, GOOD, false};
	static struct rrset rrset;
	struct tls_hop old = hop_of(GOOD, NOBODY), plain = hop_of(GOOD, NOBODY);
	struct evidence seen;
	struct probe_dane dane = {&rrset.set, BASE};
	(void)state;

	rrset_cook(&rrset, &recipe, 1);
	old.tls_max = TLS1_1_VERSION;
	seen = probe(&old, &dane);
	assert_int_equal(seen.reason, REASON_TLS_TOO_OLD);
	assert_true(seen.tlsa_id == rrset.set.id);
	plain.plain = true;
	seen = probe(&plain, &dane);
	assert_int_equal(seen.reason, REASON_STARTTLS_MISSING);
	assert_true(seen.tlsa_id == rrset.set.id);
}

/* Neither records nor flags of one probe affect the next. */
static void probes_stay_apart(void **state)
{
	static const struct recipe own = {3, 1, 1, STRANGE, false}, other = {3, 1, 1, GOOD, true};
	static struct rrset strange, wrong;
	struct tls_hop stranger = hop_of(STRANGE, NOBODY), host = hop_of(OF_THE_HOST, NOBODY);
	struct tls_hop cn = hop_of(CN_ONLY, NOBODY);
	struct evidence seen;
	(void)state;

	rrset_cook(&strange, &own, 1);
	rrset_cook(&wrong, &other, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(probe(&stranger, &(struct probe_dane){&strange.set, BASE}).reason, REASON_OK);
		assert_int_equal(probe(&stranger, NULL).reason, REASON_CERT_UNTRUSTED);
		assert_int_equal(probe(&host, &(struct probe_dane){&wrong.set, BASE}).reason, REASON_TLSA_MISMATCH);
		seen = probe(&host, NULL);
		assert_int_equal(seen.reason, REASON_OK);
		assert_string_equal(host.sni, HOST);
		assert_true(seen.tlsa_id == 0 && seen.text[0] == '\0');
		assert_int_equal(probe(&cn, NULL).reason, REASON_CERT_HOST_MISMATCH);
	}
}

/* The certificates */

static const struct {
	enum cert issuer;
	struct pki_request request;
} requests[CERT_COUNT] = {
	[INTER] = {STRANGER, {.cn = "inter", .authority = true}},
	[GOOD] = {CA, {.san = "DNS:" BASE}},
	[WILDCARD] = {CA, {.san = "DNS:*.example.com"}},
	[PARTIAL] = {CA, {.san = "DNS:m*.example.com"}},
	[CN_ONLY] = {CA, {.cn = BASE}},
	[CN_BESIDE_SAN] = {CA, {.cn = BASE, .san = "DNS:other.example.com"}},
	[OF_THE_HOST] = {CA, {.san = "DNS:" HOST}},
	[OTHER_NAME] = {CA, {.san = "DNS:other.example.com"}},
	[EXPIRED] = {CA, {.san = "DNS:" BASE, .from_s = -7200, .until_s = -60}},
	[EXPIRED_OTHER_NAME] = {CA, {.san = "DNS:other.example.com", .from_s = -7200, .until_s = -60}},
	[FUTURE] = {CA, {.san = "DNS:" BASE, .from_s = 3600}},
	[CLIENT] = {CA, {.san = "DNS:" BASE, .usage = "clientAuth"}},
	[SHORT_KEY] = {CA, {.san = "DNS:" BASE, .rsa_bits = 1024}},
	[SELF_BAD] = {NOBODY, {.san = "DNS:other.example.com", .from_s = -7200, .until_s = -60}},
	[STRANGE] = {STRANGER, {.san = "DNS:" BASE}},
	[STRANGE_EXPIRED] = {STRANGER, {.san = "DNS:" BASE, .from_s = -7200, .until_s = -60}},
	[BELOW_INTER] = {INTER, {.san = "DNS:" BASE}},
	[FORGED] = {IMPOSTOR, {.san = "DNS:" BASE}},
};

static int set_up(void **state)
{
	char ca_file[] = "/tmp/stsgate-test-dane-XXXXXX";
	struct failure why = {0};
	(void)state;

	pairs[CA] = pki_ca("test");
	pairs[STRANGER] = pki_ca("stranger");
	pairs[IMPOSTOR] = pki_ca("test");
	for (int i = NOBODY + 1; i < CERT_COUNT; i++)
		if (!pairs[i].cert)
			pairs[i] = pki_issue(
				requests[i].issuer == NOBODY ? NULL : &pairs[requests[i].issuer], &requests[i].request);
	pki_write_temporary(&pairs[CA], ca_file);
	trust = trust_new(ca_file, &why);
	unlink(ca_file);
	prober = trust ? prober_new(&(struct probe_options){.trust = trust, .helo = "relay.example"}, &why) : NULL;
	if (!prober)
		fail_msg("%s", why.text);
	probe_room_open(&room);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_room_close(&room);
	for (int i = 0; i < CERT_COUNT; i++)
		pki_free(&pairs[i]);
	prober_free(&prober);
	trust_free(&trust);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(evidence_is_whole),
		cmocka_unit_test(tls_is_needed),
		cmocka_unit_test(probes_stay_apart),
	};

	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
