/* report test: sends one report without real data to an address of the operator, on the way of real ones. */
#include "clock.h"
#include "host_name.h"
#include "memory.h"
#include "output.h"
#include "post.h"
#include "report_parts.h"
#include "session.h"
#include "tlsrpt_envelope.h"
#include "tlsrpt_letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DOMAIN "example.com" /* RFC 2606 */
#define MARK "TEST, no real data:"
#define TOKEN "test" /* no report has it: real tokens are longer */
#define PREFACE                                                                                                        \
	"This is a test of TLS reports. Nothing in it is real: it is about the domain\n"                               \
	"example.com, which belongs to nobody, and its numbers are made up. A real\n"                                  \
	"report looks like what follows.\n"                                                                            \
	"\n"                                                                                                           \
	"Please look at the field Authentication-Results at the top of this mail.\n"                                   \
	"dkim=pass with the domain of the sender means that receivers accept the\n"                                    \
	"reports of this site. Anything else means that they ignore them.\n"                                           \
	"\n"

/* What happened, for the output. */
struct trial {
	const struct settings *settings;
	const char *to;
	const struct dkim_key *key;
	char sender[REPORT_ADDRESS_SIZE];
	struct posted posted;
};

/* Counts three made-up sessions, of which one failed. */
static void sample_count(struct tlsrpt_tally *tally)
{
	static const char *const lines[] = {"version: STSv1", "mode: testing", "mx: mx.example.com", "max_age: 604800"};
	struct tlsrpt_failure failure = {
		.result = TLSRPT_STARTTLS_NOT_SUPPORTED, .mx_name = "mx.example.com", .mx_address = "192.0.2.1"};
	tlsrpt_tally_init(tally, tlsrpt_day(clock_wall_s()) - 1, DOMAIN);
	for (int i = 0; i < 3; i++) {
		struct tlsrpt_session session = {
			.domain = DOMAIN, .record = "v=TLSRPTv1; rua=mailto:tlsrpt@example.com"};
		struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, DOMAIN);
		for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
			names_add(&policy->strings, lines[k], strlen(lines[k]));
		names_add(&policy->patterns, "mx.example.com", strlen("mx.example.com"));
		policy->failed = i == 0;
		if (policy->failed)
			tlsrpt_policy_add(policy, &failure);
		tlsrpt_tally_add(tally, &session);
		tlsrpt_session_free(&session);
	}
}

static char *sample_write(const struct trial *trial, const char *relay, size_t *len, struct failure *why)
{
	const struct settings *settings = trial->settings;
	struct tlsrpt_reporter reporter = {settings->report_organization, settings->report_from, relay};
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	sample_count(&tally);
	tlsrpt_report_init(&report, &reporter, &tally, NULL);
	/* two tests on one day are different mails */
	snprintf(report.unique, sizeof report.unique, "test%012llx",
		(unsigned long long)clock_wall_s() & 0xffffffffffffULL);
	snprintf(report.id, sizeof report.id, "%s@%s", report.unique, report.submitter);
	struct tlsrpt_letter letter = {.report = &report,
		.to = trial->to,
		.key = trial->key,
		.mark = MARK,
		.preface = PREFACE,
		.at = clock_wall_s()};
	char *mail = tlsrpt_letter_write(&letter, len, why);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
	return mail;
}

static bool trial_send(struct trial *trial, struct failure *why)
{
	char relay[HOST_NAME_SIZE];
	struct text sender;
	size_t len = 0;
	text_init(&sender, trial->sender, sizeof trial->sender);
	tlsrpt_envelope_sender(&sender, trial->settings->report_from, TOKEN);
	host_name(relay);
	char *mail = sample_write(trial, relay, &len, why);
	if (!mail)
		return false;
	const struct post post = {.server = trial->settings->report_smtp,
		.helo = relay,
		.sender = trial->sender,
		.receiver = trial->to,
		.message = {mail, len},
		.timeout_ms = POST_MS};
	post_smtp(&post, &trial->posted);
	free(mail);
	return true;
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static const char *const outcomes[] = {
	[TLSRPT_DONE] = "accepted", [TLSRPT_NEVER] = "refused", [TLSRPT_LATER] = "failed", [TLSRPT_UNSURE] = "unsure"};

static void signature_print(const struct trial *trial)
{
	const char *at = strchr(trial->settings->report_from, '@');
	int bits = trial->key ? dkim_key_bits(trial->key) : 0;
	if (!trial->key)
		line_print("signed", "not by stsgate (report_dkim_key is empty), so the MTA's signer must do it");
	else if (bits > 0)
		line_print("signed", "by stsgate: d=%s, s=%s, rsa-sha256, %d bits", at + 1,
			trial->settings->report_dkim_selector, bits);
	else
		line_print("signed", "by stsgate: d=%s, s=%s, ed25519-sha256", at + 1,
			trial->settings->report_dkim_selector);
}

static void trial_print(const struct trial *trial)
{
	line_print("from", "%s, envelope sender %s", trial->settings->report_from, trial->sender);
	line_print("to", "%s", trial->to);
	signature_print(trial);
	line_print("result", "%s by %s%s%s", outcomes[trial->posted.outcome], trial->settings->report_smtp,
		trial->posted.detail[0] ? ": " : "", trial->posted.detail);
	if (trial->posted.outcome == TLSRPT_DONE || trial->posted.outcome == TLSRPT_UNSURE)
		line_print("next",
			"where it arrives, look at the field Authentication-Results: receivers accept the reports only "
			"if it has dkim=pass for %s",
			strchr(trial->settings->report_from, '@') + 1);
	else
		line_print("next", "look at the MTA's log, and at report_smtp; reports would fail in the same way");
}

static void trial_print_json(const struct trial *trial)
{
	json_t *object = json_made(json_object());
	bool is_signed = trial->key != NULL;
	json_put(object, "from", json_text(trial->settings->report_from));
	json_put(object, "envelope_sender", json_text(trial->sender));
	json_put(object, "to", json_text(trial->to));
	json_put(object, "server", json_text(trial->settings->report_smtp));
	json_put(object, "signed", json_made(json_boolean(is_signed)));
	json_put(object, "domain", json_text(strchr(trial->settings->report_from, '@') + 1));
	json_put(object, "selector", json_text(is_signed ? trial->settings->report_dkim_selector : NULL));
	json_put(object, "result", json_text(outcomes[trial->posted.outcome]));
	json_put(object, "detail", json_text(trial->posted.detail));
	json_print(object);
}

static int trial_status(const struct trial *trial)
{
	switch (trial->posted.outcome) {
	case TLSRPT_DONE:
		return STATUS_YES;
	case TLSRPT_NEVER:
		return STATUS_NO;
	case TLSRPT_LATER:
	case TLSRPT_UNSURE:
		break;
	}
	return STATUS_UNSURE;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static bool words_fit(const struct settings *settings, const char *to, struct failure *why)
{
	char host[DOMAIN_SIZE];
	struct quote quote;
	if (!report_mailbox_read(host, to, strlen(to)))
		return failure_set(
			why, EX_USAGE, "%s is not an address such as postmaster@example.com", quote_string(&quote, to));
	return settings->report_from[0] != '\0' ||
	       failure_set(why, EX_CONFIG, "report_from is empty: set it, and report_organization, first");
}

int report_test(const struct options *options, size_t count, char **words)
{
	struct failure why = {0};
	int status = EX_USAGE;
	struct settings *settings = session_settings(options, &status);
	struct dkim_key *key = NULL;
	(void)count;
	if (!settings)
		return status;
	session_leave_root(settings); /* so that the key is read as stsgated reads it */
	struct trial trial = {.settings = settings, .to = words[0]};
	bool sent = words_fit(settings, words[0], &why) && tlsrpt_letter_key(&key, settings, &why);
	trial.key = key;
	sent = sent && trial_send(&trial, &why);
	if (sent && options->json)
		trial_print_json(&trial);
	else if (sent)
		trial_print(&trial);
	status = sent ? trial_status(&trial) : complain(&why);
	dkim_key_free(&key);
	settings_free(&settings);
	return status;
}
