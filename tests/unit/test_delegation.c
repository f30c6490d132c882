/* Policy delegation: parsing of requests, the question in them, and the text of replies. */
#include "cm.h"

#include "answer.h"
#include "delegation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY "request=smtpd_access_policy\n"

static const struct {
	struct span in;
	enum delegation_read state;
	const char *domain; /* NULL: nothing to judge */
} requests[] = {
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=u@a.example\n\n")}, DELEGATION_OK, "a.example"},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=u@a.example\n\nrequest=")}, DELEGATION_OK, "a.example"},
	{{LIT("recipient=u@a.example\nprotocol_state=RCPT\nx=\n" POLICY "\n")}, DELEGATION_OK, "a.example"},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=\"x@y@a.example\n\n")}, DELEGATION_OK, "a.example"},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=a=b@[192.0.2.1]\n\n")}, DELEGATION_OK, "[192.0.2.1]"},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=@a.example\n\n")}, DELEGATION_OK, "a.example"},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=user\n\n")}, DELEGATION_OK, NULL},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=user@\n\n")}, DELEGATION_OK, NULL},
	{{LIT(POLICY "protocol_state=RCPT\nrecipient=\n\n")}, DELEGATION_OK, NULL},
	{{LIT(POLICY "protocol_state=RCPT\n\n")}, DELEGATION_OK, NULL},
	{{LIT(POLICY "protocol_state=DATA\nrecipient=u@a.example\n\n")}, DELEGATION_OK, NULL},
	{{LIT(POLICY "protocol_state=rcpt\nrecipient=u@a.example\n\n")}, DELEGATION_OK, NULL},
	{{LIT(POLICY "recipient=u@a.example\n\n")}, DELEGATION_OK, NULL},
	{{LIT("")}, DELEGATION_MORE, NULL},
	{{LIT("request")}, DELEGATION_MORE, NULL},
	{{LIT(POLICY "protocol_state=RCPT\n")}, DELEGATION_MORE, NULL},
	{{LIT("\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("\r\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("protocol_state=RCPT\n\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("request=smtpd_access_policy2\n\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("request=junk\nprotocol_state=RCPT\n\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("request=smtpd_access_policy\r\n\r\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("GET / HTTP/1.0\r\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("GET /?a=b HTTP/1.0\r\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("=x\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("recipient\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("recipient=a\0b\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("recipient=a@b\nrecipient=a@b\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT("recipient=\nrecipient=a@b\n")}, DELEGATION_MALFORMED, NULL},
	{{LIT(POLICY POLICY)}, DELEGATION_MALFORMED, NULL},
};

static void requests_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct delegation_request request;
		struct span domain = {"", 0};
		size_t used = 0;
		enum delegation_read got = delegation_read(&request, requests[i].in, &used);
		if (got != requests[i].state)
			fail_msg("row %zu: %d", i, (int)got);
		if (got != DELEGATION_OK)
			continue;
		assert_ptr_equal(requests[i].in.at + used, strstr(requests[i].in.at, "\n\n") + 2);
		assert_int_equal(delegation_domain(&request, &domain), requests[i].domain != NULL);
		if (requests[i].domain == NULL)
			continue;
		assert_int_equal(domain.len, strlen(requests[i].domain));
		assert_memory_equal(domain.at, requests[i].domain, domain.len);
	}
}

static void all_attributes_are_kept(void **state)
{
	(void)state;
	static const char text[] = POLICY "protocol_state=RCPT\nclient_address=192.0.2.1\nqueue_id=Q\ninstance=I\n"
					  "sender=S\nrecipient=R\nsasl_method=M\nsasl_username=U\nunknown=x\n\n";
	struct delegation_request request;
	size_t used;
	assert_int_equal(delegation_read(&request, (struct span){LIT(text)}, &used), DELEGATION_OK);
	const struct {
		struct span got;
		const char *want;
	} rows[] = {{request.state, "RCPT"}, {request.client, "192.0.2.1"}, {request.queue_id, "Q"},
		{request.instance, "I"}, {request.sender, "S"}, {request.recipient, "R"}, {request.sasl_method, "M"},
		{request.sasl_username, "U"}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(rows[i].got.len, strlen(rows[i].want));
		assert_memory_equal(rows[i].got.at, rows[i].want, rows[i].got.len);
	}
}

static void login_is_told_by_either_attribute(void **state)
{
	(void)state;
	struct delegation_request request = {.sasl_username = {"", 0}};
	assert_false(delegation_authenticated(&request));
	request.sasl_username = (struct span){"u", 1};
	assert_true(delegation_authenticated(&request));
	request = (struct delegation_request){.sasl_method = {"EXTERNAL", 8}};
	assert_true(delegation_authenticated(&request));
}

/* The longest request, one octet more, and a request without end. */
static void requests_are_bounded(void **state)
{
	(void)state;
	char *text = malloc(DELEGATION_REQUEST_MAX + 1);
	struct delegation_request request;
	size_t used, head = strlen(POLICY "sender=");
	assert_non_null(text);
	memset(text, 'x', DELEGATION_REQUEST_MAX + 1);
	memcpy(text, POLICY "sender=", head);
	memcpy(text + DELEGATION_REQUEST_MAX - 2, "\n\n", 2);
	struct span in = {text, DELEGATION_REQUEST_MAX};
	assert_int_equal(delegation_read(&request, in, &used), DELEGATION_OK);
	assert_int_equal(used, DELEGATION_REQUEST_MAX);
	memcpy(text + DELEGATION_REQUEST_MAX - 2, "x\n\n", 3);
	in.len = DELEGATION_REQUEST_MAX - 1;
	assert_int_equal(delegation_read(&request, in, &used), DELEGATION_MORE);
	in.len = DELEGATION_REQUEST_MAX;
	assert_int_equal(delegation_read(&request, in, &used), DELEGATION_MALFORMED);
	in.len = DELEGATION_REQUEST_MAX + 1;
	assert_int_equal(delegation_read(&request, in, &used), DELEGATION_MALFORMED);
	free(text);
}

static const struct verdict failing = {.kind = VERDICT_FAIL_ENFORCE,
	.reason = REASON_STARTTLS_MISSING,
	.domain = "a.example",
	.hop = "mx.a.example",
	.has_policy = true,
	.mode = POLICY_ENFORCE};

static const char *reply_text(const struct delegation_reply *reply)
{
	static char bytes[DELEGATION_REPLY_SIZE];
	struct text text;
	text_init(&text, bytes, sizeof bytes);
	delegation_reply(&text, reply);
	assert_false(text.cut);
	return bytes;
}

static void replies_are_written(void **state)
{
	(void)state;
	struct delegation_reply reply = {.action = DELEGATION_DUNNO, .verdict = &failing, .header = "X-T"};
	assert_string_equal(reply_text(&reply), "action=DUNNO\n\n");
	reply.action = DELEGATION_PREPEND;
	assert_string_equal(reply_text(&reply), "action=PREPEND X-T: policy=enforce; verdict=fail-enforce; "
						"reason=starttls-not-supported\n\n");
	reply.with_domains = true;
	assert_string_equal(reply_text(&reply), "action=PREPEND X-T: domain=a.example; policy=enforce; "
						"verdict=fail-enforce; reason=starttls-not-supported; "
						"mx=mx.a.example\n\n");
	reply.action = DELEGATION_HOLD;
	assert_string_equal(reply_text(&reply), "action=HOLD stsgate: domain=a.example; policy=enforce; "
						"verdict=fail-enforce; reason=starttls-not-supported; "
						"mx=mx.a.example\n\n");
	reply.action = DELEGATION_DEFER;
	char words[ANSWER_REPLY_SIZE], want[DELEGATION_REPLY_SIZE];
	struct text text;
	text_init(&text, words, sizeof words);
	answer_reply(&text, &failing);
	snprintf(want, sizeof want, "action=DEFER_IF_PERMIT 4.7.5 %s\n\n", words);
	assert_string_equal(reply_text(&reply), want);
}

/* The longest names and every reason: no reply is truncated, and none contains a line end before its own. */
static void replies_fit(void **state)
{
	(void)state;
	char header[65];
	struct verdict long_one = failing;
	memset(header, 'X', 64);
	header[64] = '\0';
	memset(long_one.domain, 'a', DOMAIN_SIZE - 1);
	memset(long_one.hop, 'b', DOMAIN_SIZE - 1);
	for (int reason = 0; reason < REASON_COUNT; reason++)
		for (int action = DELEGATION_DUNNO; action <= DELEGATION_DEFER; action++) {
			long_one.reason = (enum reason)reason;
			const char *text =
				reply_text(&(struct delegation_reply){.action = (enum delegation_action)action,
					.verdict = &long_one,
					.header = header,
					.with_domains = true});
			assert_int_equal(strcspn(text, "\n"), strlen(text) - 2);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(all_attributes_are_kept),
		cmocka_unit_test(login_is_told_by_either_attribute),
		cmocka_unit_test(requests_are_bounded),
		cmocka_unit_test(replies_are_written),
		cmocka_unit_test(replies_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
