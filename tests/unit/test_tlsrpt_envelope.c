/* The envelope sender of our reports, and who may use it. */
#include "cm.h"

#include "corpus.h"
#include "tlsrpt_envelope.h"

#include <string.h>

#define FROM "tlsrpt@Relay.example"

static const struct {
	const char *from, *sender;
	const char *token; /* NULL: not ours */
} senders[] = {
	{FROM, "<tlsrpt+a1B2@relay.example>", "a1B2"},
	{FROM, "tlsrpt+a1B2@RELAY.EXAMPLE", "a1B2"},
	{FROM, "<tlsrpt+0123456789abcdef0123456789abcdef@relay.example>", "0123456789abcdef0123456789abcdef"},
	{"tls+rpt@relay.example", "<tls+rpt+x@relay.example>", "x"},
	{FROM, "<tlsrpt+0123456789abcdef0123456789abcdef0@relay.example>", NULL},
	{FROM, "<tlsrpt@relay.example>", NULL},
	{FROM, "<tlsrpt+@relay.example>", NULL},
	{FROM, "<TLSRPT+a@relay.example>", NULL},
	{FROM, "<tlsrpt-a@relay.example>", NULL},
	{FROM, "<tlsrpt+a-b@relay.example>", NULL},
	{FROM, "<tlsrpt+a@x.example+a@relay.example>", NULL},
	{FROM, "<tlsrpt+a@relay.example.com>", NULL},
	{FROM, "<tlsrpt+a@arelay.example>", NULL},
	{FROM, "<tlsrpt+a@x.relay.example>", NULL},
	{FROM, "<xtlsrpt+a@relay.example>", NULL},
	{FROM, "<<tlsrpt+a@relay.example>>", NULL},
	{FROM, "<tlsrpt+a@relay.example", NULL},
	{FROM, "<>", NULL},
	{FROM, "", NULL},
	{FROM, "+@", NULL},
	{"tls+rpt@relay.example", "<tls+rpt@relay.example>", NULL},
	{"", "<+a@>", NULL},
	{"", "", NULL},
	{"tlsrpt", "<tlsrpt+a>", NULL},
};

static void only_the_exact_form_is_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(senders); i++) {
		struct span token = {NULL, 0}, sender = {senders[i].sender, strlen(senders[i].sender)};
		bool ours = tlsrpt_envelope_token(sender, senders[i].from, &token);
		if (ours != (senders[i].token != NULL) || (ours && !span_is(token, senders[i].token)))
			fail_msg("row %zu: %d", i, ours);
	}
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	char buffer[100];
	struct text text;
	struct span token;
	text_init(&text, buffer, sizeof buffer);
	tlsrpt_envelope_sender(&text, FROM, "7Kq");
	assert_string_equal(buffer, "tlsrpt+7Kq@Relay.example");
	assert_true(tlsrpt_envelope_token((struct span){text.bytes, text.len}, FROM, &token));
	assert_true(span_is(token, "7Kq"));
}

static const struct {
	const char *client;
	bool local;
} clients[] = {
	{"127.0.0.1", true},
	{"127.255.255.254", true},
	{"::1", true},
	{"IPv6:::1", true},
	{"IPv6:0:0:0:0:0:0:0:1", true},
	{"::ffff:127.0.0.1", true},
	{"IPv6:::ffff:127.0.0.1", true},
	{"128.0.0.1", false},
	{"126.0.0.1", false},
	{"10.0.0.1", false},
	{"192.0.2.1", false},
	{"0.0.0.0", false},
	{"::", false},
	{"::2", false},
	{"::127.0.0.1", false},
	{"::ffff:10.0.0.1", false},
	{"64:ff9b::127.0.0.1", false},
	{"fe80::1", false},
	{"fe80::1%lo", false},
	{"127.0.0.1 ", false},
	{"127.1", false},
	{"unknown", false},
	{"localhost", false},
	{"IPv6:", false},
	{"", false},
	{"127.0.0.1.................................................", false},
};

static void only_loopback_is_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(clients); i++) {
		struct span client = {clients[i].client, strlen(clients[i].client)};
		if (tlsrpt_envelope_local(client) != clients[i].local)
			fail_msg("row %zu: `%s`", i, clients[i].client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_exact_form_is_ours),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(only_loopback_is_local),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
