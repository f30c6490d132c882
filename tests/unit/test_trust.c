/* trust: bad files, reading the file again when it changes, and the check of the host name. The test replaces the
 * clock and the log. */
#include "clock.h"
#include "log.h"
#include "pki.h"
#include "trust.h"

#include <grp.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t now_ms = 1000000;
static int warnings;

int64_t clock_mono_ms(void)
{
	return now_ms;
}

int64_t clock_wall_s(void)
{
	return now_ms / 1000;
}

void log_write(enum log_level level, const char *format, ...)
{
	(void)format;
	warnings += level == LOG_LEVEL_WARNING;
}

/* Returns the error of checking `cert` against the current authorities, with a host name or without. */
static int verify(X509_STORE *store, X509 *cert, const char *host)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	assert_int_equal(X509_STORE_CTX_init(ctx, store, cert, NULL), 1);
	if (host)
		assert_true(trust_check_host(X509_STORE_CTX_get0_param(ctx), host));
	int error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	return error;
}

static bool trusts(struct trust *trust, const struct pki_pair *pair)
{
	X509_STORE *store = trust_store(trust);
	bool good = verify(store, pair->cert, NULL) == X509_V_OK;

	X509_STORE_free(store);
	return good;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_bad_files(void **state)
{
	char path[] = "/tmp/stsgate-test-trust-XXXXXX";
	static const char *const contents[] = {
		"", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
	(void)state;

	close(mkstemp(path));
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		struct failure why = {0};

		write_text(path, contents[i]);
		assert_null(trust_new(path, &why));
		assert_int_equal(why.code, EX_CONFIG);
		assert_non_null(strstr(why.text, path));
		assert_true(strlen(why.text) > strlen(path) + 10);
	}
	unlink(path);
	static const struct {
		const char *file;
		int code;
		const char *words;
	} places[] = {{"/nonexistent/ca.pem", EX_NOINPUT, "No such file"}, {"/tmp", EX_CONFIG, "not a regular file"}};
	for (size_t i = 0; i < 2; i++) {
		struct failure why = {0};

		assert_null(trust_new(places[i].file, &why));
		assert_int_equal(why.code, places[i].code);
		assert_non_null(strstr(why.text, places[i].file));
		assert_non_null(strstr(why.text, places[i].words));
	}
}

/* A file that exists and may not be read is not reported as one without certificates. */
static void test_unreadable_file(void **state)
{
	char path[] = "/tmp/stsgate-test-trust-XXXXXX";
	struct failure why = {0};
	(void)state;

	close(mkstemp(path));
	assert_int_equal(chmod(path, 0), 0);
	pid_t child = fork();
	if (child == 0) {
		bool root = geteuid() == 0;
		bool left = !root || (setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
		_exit(left && trust_new(path, &why) == NULL && why.code == EX_NOINPUT &&
					strstr(why.text, "Permission denied") != NULL
				? 0
				: 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	unlink(path);
}

static void test_system(void **state)
{
	struct pki_pair ca = pki_ca("nobody");
	struct failure why = {0};
	struct trust *trust = trust_new(NULL, &why);
	(void)state;

	if (!trust)
		fail_msg("%s", why.text);
	assert_false(trusts(trust, &ca));
	trust_free(&trust);
	assert_null(trust);
	pki_free(&ca);
}

static void test_change(void **state)
{
	char path[] = "/tmp/stsgate-test-trust-XXXXXX";
	struct pki_pair one = pki_ca("one"), two = pki_ca("two");
	struct failure why = {0};
	(void)state;

	pki_write_temporary(&one, path);
	struct trust *trust = trust_new(path, &why);
	assert_non_null(trust);
	assert_true(trusts(trust, &one));
	assert_false(trusts(trust, &two));
	X509_STORE *held = trust_store(trust);

	unlink(path);
	pki_write(&two, path);
	now_ms += TRUST_LOOK_S * 1000 - 1;
	assert_true(trusts(trust, &one)); /* the file has not been looked at again yet */
	now_ms += 1;
	assert_true(trusts(trust, &two));
	assert_false(trusts(trust, &one));
	assert_int_equal(
		verify(held, one.cert, NULL), X509_V_OK); /* a caller that has the old authorities keeps them */
	X509_STORE_free(held);

	trust_free(&trust);
	pki_free(&one);
	pki_free(&two);
	unlink(path);
}

static void test_damage(void **state)
{
	char path[] = "/tmp/stsgate-test-trust-XXXXXX";
	struct pki_pair one = pki_ca("one"), two = pki_ca("two");
	struct failure why = {0};
	(void)state;

	pki_write_temporary(&two, path);
	struct trust *trust = trust_new(path, &why);
	assert_non_null(trust);
	warnings = 0;
	write_text(path, "damaged\n");
	for (int i = 0; i < 3; i++) {
		now_ms += TRUST_LOOK_S * 1000;
		assert_true(trusts(trust, &two));
	}
	assert_int_equal(warnings, 1);
	unlink(path);
	now_ms += TRUST_LOOK_S * 1000;
	assert_true(trusts(trust, &two));
	assert_int_equal(warnings, 2);
	pki_write(&one, path);
	now_ms += TRUST_LOOK_S * 1000;
	assert_true(trusts(trust, &one));
	assert_int_equal(warnings, 2);

	trust_free(&trust);
	pki_free(&one);
	pki_free(&two);
	unlink(path);
}

static const struct {
	const char *cn, *san, *host;
	bool good;
} hosts[] = {
	{NULL, "DNS:mx.example.com", "mx.example.com", true},
	{NULL, "DNS:a.example.org,DNS:mx.example.com", "mx.example.com", true},
	{NULL, "DNS:MX.Example.COM", "mx.example.com", true},
	{NULL, "DNS:*.example.com", "mx.example.com", true},
	{NULL, "DNS:*.example.com", "a.mx.example.com", false},
	{NULL, "DNS:*.example.com", "example.com", false},
	{NULL, "DNS:*.com", "mx.example.com", false},
	{NULL, "DNS:*.example.com", "mx_1.example.com", true},
	{NULL, "DNS:mx_1.example.com", "mx_1.example.com", true},
	{NULL, "DNS:mx-1.example.com", "mx_1.example.com", false},
	{NULL, "DNS:*.example.com", "a.mx_1.example.com", false},
	{NULL, "DNS:m*.example.com", "mx_1.example.com", false},
	{NULL, "DNS:m*.example.com", "mx.example.com", false},
	{NULL, "DNS:mx.*.com", "mx.example.com", false},
	{NULL, "DNS:other.example.com", "mx.example.com", false},
	{"mx.example.com", NULL, "mx.example.com", false},
	{"mx.example.com", "DNS:other.example.com", "mx.example.com", false},
	{"mx.example.com", "email:a@example.com", "mx.example.com", false},
	{NULL, "IP:192.0.2.1", "mx.example.com", false},
	{NULL, "URI:https://mx.example.com/", "mx.example.com", false},
};

static void test_hosts(void **state)
{
	char path[] = "/tmp/stsgate-test-trust-XXXXXX";
	struct pki_pair ca = pki_ca("ca");
	struct failure why = {0};
	(void)state;

	pki_write_temporary(&ca, path);
	struct trust *trust = trust_new(path, &why);
	assert_non_null(trust);
	X509_STORE *store = trust_store(trust);
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct pki_pair leaf = pki_issue(&ca, &(struct pki_request){.cn = hosts[i].cn, .san = hosts[i].san});
		int error = verify(store, leaf.cert, hosts[i].host);

		if (error != (hosts[i].good ? X509_V_OK : X509_V_ERR_HOSTNAME_MISMATCH))
			fail_msg("row %zu: %s", i, X509_verify_cert_error_string(error));
		pki_free(&leaf);
	}
	X509_STORE_free(store);
	trust_free(&trust);
	pki_free(&ca);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_unreadable_file),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
