#include "key_context.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define REMEMBERS 0x30200000ul /* OpenSSL 3.2 */
#define FUNCTIONS_MAX 32
#define DECODERS_MAX 64
#define OF_CERTIFICATES "SubjectPublicKeyInfo" /* the structure of a key in a certificate */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *context;
static bool has_tls_rules;   /* the configuration has rules for TLS, which may choose groups */
static OSSL_PROVIDER *whole; /* the provider `default` of OpenSSL's own context, which does the work */
static OSSL_FUNC_provider_query_operation_fn *whole_query;
static OSSL_FUNC_provider_get_capabilities_fn *whole_capabilities;
static OSSL_DISPATCH functions[FUNCTIONS_MAX]; /* of our provider: all but two are those of `whole` */
static OSSL_ALGORITHM decoders[DECODERS_MAX];  /* some of those of `whole` */

/* --- whether the context may be used ------------------------------------------------------------------------------ */

/* Returns whether the section that configures OpenSSL has only these entries: rules for TLS, which are valid in all
 * contexts, and providers, which providers_are_usual() judges. */
static bool section_is_usual(const CONF *conf)
{
	const char *name = NCONF_get_string(conf, NULL, "openssl_conf");
	STACK_OF(CONF_VALUE) *entries = name ? NCONF_get_section(conf, name) : NULL;
	has_tls_rules = name && NCONF_get_string(conf, name, "ssl_conf");
	for (int i = 0; i < sk_CONF_VALUE_num(entries); i++) {
		const char *entry = sk_CONF_VALUE_value(entries, i)->name;
		if (strcmp(entry, "ssl_conf") != 0 && strcmp(entry, "providers") != 0)
			return false;
	}
	return true;
}

static bool configuration_is_usual(void)
{
	char *file = CONF_get1_default_config_file();
	CONF *conf = NCONF_new(NULL);
	bool absent = file && access(file, F_OK) != 0 && errno == ENOENT;
	bool usual = absent || (file && conf && NCONF_load(conf, file, NULL) == 1 && section_is_usual(conf));
	NCONF_free(conf);
	OPENSSL_free(file);
	return usual;
}

static int count_provider(OSSL_PROVIDER *provider, void *arg)
{
	unsigned *others = arg;
	*others += strcmp(OSSL_PROVIDER_get0_name(provider), "default") != 0;
	return 1;
}

static bool providers_are_usual(void)
{
	unsigned others = 0;
	return OSSL_PROVIDER_do_all(NULL, count_provider, &others) == 1 && others == 0 &&
	       EVP_default_properties_is_fips_enabled(NULL) == 0;
}

/* --- our provider ------------------------------------------------------------------------------------------------- */

static const OSSL_ALGORITHM *query(void *arg, int operation, int *no_cache)
{
	const OSSL_ALGORITHM *algorithms = whole_query(arg, operation, no_cache);
	return operation == OSSL_OP_DECODER ? decoders : algorithms;
}

/* The groups that OpenSSL offers in a handshake if nobody chooses others, by their numbers (RFC 8446 4.2.7). */
static bool is_offered(unsigned group)
{
	return (group >= 23 && group <= 25) || group == 29 || group == 30 || (group >= 256 && group <= 260);
}

struct listener {
	OSSL_CALLBACK *call;
	void *arg;
};

static int pass_offered(const OSSL_PARAM group[], void *arg)
{
	const struct listener *listener = arg;
	unsigned number = 0;
	if (OSSL_PARAM_get_uint(OSSL_PARAM_locate_const(group, OSSL_CAPABILITY_TLS_GROUP_ID), &number) == 1 &&
		!is_offered(number))
		return 1;
	return listener->call(group, listener->arg);
}

/* Each SSL_CTX reads the list of all groups that the provider has. */
static int capabilities(void *arg, const char *capability, OSSL_CALLBACK *call, void *call_arg)
{
	struct listener listener = {call, call_arg};
	if (has_tls_rules || strcmp(capability, "TLS-GROUP") != 0)
		return whole_capabilities(arg, capability, call, call_arg);
	return whole_capabilities(arg, capability, pass_offered, &listener);
}

/* Our provider does not end the other one, so it has no function for its end. */
static bool functions_copy(void)
{
	size_t count = 0;
	const OSSL_DISPATCH *from = OSSL_PROVIDER_get0_dispatch(whole);
	for (; from->function_id != 0 && count < FUNCTIONS_MAX - 1; from++) {
		if (from->function_id == OSSL_FUNC_PROVIDER_TEARDOWN)
			continue;
		functions[count] = *from;
		if (from->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION) {
			whole_query = OSSL_FUNC_provider_query_operation(from);
			functions[count].function = (void (*)(void))query;
		}
		if (from->function_id == OSSL_FUNC_PROVIDER_GET_CAPABILITIES) {
			whole_capabilities = OSSL_FUNC_provider_get_capabilities(from);
			functions[count].function = (void (*)(void))capabilities;
		}
		count++;
	}
	return from->function_id == 0 && whole_query;
}

static bool decoders_copy(void)
{
	size_t count = 0;
	int no_cache = 0;
	const OSSL_ALGORITHM *from = OSSL_PROVIDER_query_operation(whole, OSSL_OP_DECODER, &no_cache);
	for (; from && from->algorithm_names && count < DECODERS_MAX - 1; from++)
		if (strstr(from->property_definition, OF_CERTIFICATES))
			decoders[count++] = *from;
	return from && !from->algorithm_names && count > 0 && no_cache == 0;
}

static int begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **arg)
{
	(void)handle, (void)in;
	*out = functions;
	*arg = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

static bool provider_load(OSSL_LIB_CTX *into)
{
	whole = OSSL_PROVIDER_load(NULL, "default");
	return whole && functions_copy() && decoders_copy() && OSSL_PROVIDER_add_builtin(into, "stsgate", begin) == 1 &&
	       OSSL_PROVIDER_load(into, "stsgate");
}

static void context_make(void)
{
	ERR_set_mark();
	bool usual = OpenSSL_version_num() < REMEMBERS && configuration_is_usual() && providers_are_usual();
	OSSL_LIB_CTX *made = usual ? OSSL_LIB_CTX_new() : NULL;
	if (made && provider_load(made))
		context = made;
	else
		OSSL_LIB_CTX_free(made);
	ERR_pop_to_mark();
}

OSSL_LIB_CTX *key_context(void)
{
	pthread_once(&once, context_make);
	return context;
}
