#include "trust.h"

#include "clock.h"
#include "domain.h"
#include "file_version.h"
#include "key_context.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "text.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* update-ca-certificates rewrites this file each time it runs. It is watched for changes even if the system's store is
 * a directory. */
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct trust {
	struct lock lock;
	char *file;                                   /* NULL: the system's */
	X509_STORE *store GUARDED_BY(lock);           /* never NULL */
	struct file_version version GUARDED_BY(lock); /* of the file when it was last read, or could not be read */
	int64_t looked_at_ms GUARDED_BY(lock);
};

static const char *watched_file(const struct trust *trust)
{
	return trust->file ? trust->file : SYSTEM_BUNDLE;
}

static const char *openssl_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());
	return words ? words : "unknown error";
}

static bool load_file(X509_STORE *store, const char *file, struct failure *why)
{
	struct stat st;
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return failure_set(why, EX_CONFIG, "%s is not a regular file; name a file of PEM certificates", file);
	if (access(file, R_OK) != 0)
		return failure_set(why, EX_NOINPUT,
			"%s cannot be read: %s; name a file of PEM certificates that the daemon's user can read", file,
			strerror(errno));
	ERR_clear_error();
	bool loaded = X509_STORE_load_file_ex(store, file, key_context(), NULL) == 1;
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
	for (int i = 0; loaded && i < sk_X509_OBJECT_num(objects); i++)
		if (X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) == X509_LU_X509)
			return true;
	failure_set(why, EX_CONFIG, "%s has no readable certificate (%s); name a file of PEM certificates", file,
		openssl_words());
	ERR_clear_error();
	return false;
}

static X509_STORE *store_load(const char *file, struct failure *why)
{
	X509_STORE *store = xneed(X509_STORE_new());
	struct stat st;
	bool loaded;
	if (file || stat(SYSTEM_BUNDLE, &st) == 0)
		loaded = load_file(store, file ? file : SYSTEM_BUNDLE, why);
	else
		/* OpenSSL reads a directory of hashed names only when it looks for a certificate: an empty directory
		 * is not noticed here. */
		loaded = X509_STORE_set_default_paths_ex(store, key_context(), NULL) == 1 ||
			 failure_set(
				 why, EX_OSERR, "the system's certificate store cannot be used: %s", openssl_words());
	if (loaded)
		return store;
	X509_STORE_free(store);
	return NULL;
}

struct trust *trust_new(const char *file, struct failure *why)
{
	struct trust *trust = xcalloc(1, sizeof *trust);
	lock_init(&trust->lock);
	trust->file = file ? xstrdup(file) : NULL;
	lock_take(&trust->lock);
	trust->version = file_version_now(watched_file(trust));
	trust->looked_at_ms = clock_mono_ms();
	trust->store = store_load(file, why);
	bool loaded = trust->store;
	lock_drop(&trust->lock);
	if (!loaded)
		trust_free(&trust);
	return trust;
}

void trust_free(struct trust **trust)
{
	if (!trust || !*trust)
		return;
	X509_STORE_free((*trust)->store);
	lock_destroy(&(*trust)->lock);
	free((*trust)->file);
	free(*trust);
	*trust = NULL;
}

/* Reads the file again. This takes some ten milliseconds; other threads use the old store meanwhile. */
static void trust_reload(struct trust *trust)
{
	struct failure why;
	X509_STORE *fresh = store_load(trust->file, &why);
	if (!fresh) {
		log_warning(
			"certificate authorities could not be read again, so the old ones stay in use: %s", why.text);
		return;
	}
	lock_take(&trust->lock);
	X509_STORE *old = trust->store;
	trust->store = fresh;
	lock_drop(&trust->lock);
	X509_STORE_free(old);
	log_info("certificate authorities were read again from %s", watched_file(trust));
}

X509_STORE *trust_store(struct trust *trust)
{
	int64_t now_ms = clock_mono_ms();
	bool changed = false;
	lock_take(&trust->lock);
	if (now_ms - trust->looked_at_ms >= TRUST_LOOK_S * 1000) {
		struct file_version now = file_version_now(watched_file(trust));
		changed = !file_version_same(&now, &trust->version);
		trust->looked_at_ms = now_ms;
		trust->version = now;
	}
	lock_drop(&trust->lock);
	if (changed)
		trust_reload(trust);
	lock_take(&trust->lock);
	X509_STORE *store = trust->store;
	X509_STORE_up_ref(store);
	lock_drop(&trust->lock);
	return store;
}

/* In OpenSSL a wildcard never matches a label with an underscore, but MTAs accept such a match. If the first label of
 * `host` has an underscore, this also accepts a certificate for a second name: `host` with 63 zeros as its first label.
 * That label is so long that no real host has it, so in practice only a wildcard covers the name. */
static bool accept_star(X509_VERIFY_PARAM *param, const char *host)
{
	char plain[DOMAIN_SIZE];
	const char *rest = strchr(host, '.');
	if (!rest || !memchr(host, '_', (size_t)(rest - host)))
		return true;
	int len = snprintf(plain, sizeof plain, "%063d%s", 0, rest);
	return len >= (int)sizeof plain || X509_VERIFY_PARAM_add1_host(param, plain, 0) == 1;
}

struct trust_count trust_count(struct trust *trust)
{
	struct trust_count count = {0};
	X509_STORE *store = trust_store(trust);
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		if (!certificate)
			continue;
		count.authorities++;
		count.expired += X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
	}
	X509_STORE_free(store);
	/* A file without a certificate is not accepted. */
	count.directory = count.authorities == 0;
	return count;
}

bool trust_check_host(X509_VERIFY_PARAM *param, const char *host)
{
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && accept_star(param, host);
}

void trust_issuer(char out[TRUST_ISSUER_SIZE], const X509 *cert)
{
	BIO *bio = xneed(BIO_new(BIO_s_mem()));
	char *bytes;
	X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, XN_FLAG_RFC2253);
	long len = BIO_get_mem_data(bio, &bytes);
	if (len >= TRUST_ISSUER_SIZE)
		len = TRUST_ISSUER_SIZE - 1;
	if (len > 0)
		memcpy(out, bytes, (size_t)len);
	out[len > 0 ? len : 0] = '\0';
	BIO_free(bio);
}

bool trust_lacks_issuer(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
}

bool trust_explain(struct text *text, int error, X509 *leaf, int sent)
{
	text_add(text, X509_verify_cert_error_string(error));
	if (error == X509_V_ERR_INVALID_PURPOSE) {
		uint32_t usage = X509_get_extended_key_usage(leaf);
		text_add(text, usage == UINT32_MAX ? ": its key usage does not allow TLS servers"
						   : ": no server authentication");
		text_add(text, usage == XKU_SSL_CLIENT ? ", clients only" : "");
	}
	if (error == X509_V_ERR_EE_KEY_TOO_SMALL || error == X509_V_ERR_CA_KEY_TOO_SMALL) {
		text_add(text, ": the certificate has ");
		text_add_number(text, EVP_PKEY_get_bits(X509_get0_pubkey(leaf)));
		text_add(text, " bits");
	}
	if (!trust_lacks_issuer(error))
		return false;
	text_add(text, "; certificates sent: ");
	text_add_number(text, sent);
	text_add(text, "; neither sent nor known here: ");
	return true;
}
