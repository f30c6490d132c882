/* report send: sends the reports about the days that are over. */
#include "clock.h"
#include "output.h"
#include "report_parts.h"
#include "session.h"
#include "store.h"
#include "tlsrpt_sender.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define WAIT_MS 60000

struct sending {
	json_t *array; /* NULL: print text */
	size_t count;
	int status;
};

static int status_of(enum tlsrpt_send_state state)
{
	switch (state) {
	case TLSRPT_SENT:
		return STATUS_YES;
	case TLSRPT_GIVEN_UP:
	case TLSRPT_SUPPRESSED:
		return STATUS_NO;
	case TLSRPT_WAITING:
	case TLSRPT_SENDING:
	case TLSRPT_RETRY:
		return STATUS_UNSURE;
	}
	return STATUS_UNSURE;
}

static json_t *row_json(const struct tlsrpt_send *row)
{
	char day[REPORT_DAY_SIZE];
	json_t *object = json_made(json_object());
	json_put(object, "day", json_text(report_day_text(day, row->day)));
	json_put(object, "domain", json_text(row->domain));
	json_put(object, "address", json_text(row->address));
	json_put(object, "state", json_text(tlsrpt_send_state_name(row->state)));
	json_put(object, "attempts", json_made(json_integer(row->attempts)));
	json_put(object, "next_at", json_when(row->next_at));
	json_put(object, "detail", json_text(row->detail));
	return object;
}

static void row_print(const struct tlsrpt_send *row)
{
	char day[REPORT_DAY_SIZE];
	struct quote address;
	printf("%-10s  %s  %s to %s: %s\n", tlsrpt_send_state_name(row->state), report_day_text(day, row->day),
		row->domain, quote_string(&address, row->address), row->detail);
}

/* Prints what became of a report. The sender calls it (tlsrpt_sender_options.told). */
static void row_take(void *arg, const struct tlsrpt_send *row)
{
	struct sending *sending = arg;
	sending->count++;
	sending->status = status_worse(sending->status, status_of(row->state));
	if (sending->array)
		json_add(sending->array, row_json(row));
	else
		row_print(row);
}

/* Returns why there is nothing to send. */
static const char *reason_find(struct session *session)
{
	int64_t today = tlsrpt_day(clock_wall_s());
	const struct store_tally_key from = {.day = 0};
	struct store_tally_key first;
	size_t count = 0;
	if (!store_page_tallies(session->store, &from, 1, &first, &count, NULL))
		return "the store cannot be read";
	if (count == 0)
		return "no TLS session was counted yet";
	if (first.day >= today)
		return "sessions were counted today only, and reports are sent about days that are over (in UTC)";
	return "those about the days that are over were sent, are given up, or are not wanted; `stsgate report list` "
	       "lists them";
}

/* Says that nothing was sent. With --due that is usual, and a timer that runs it should be silent. */
static void nothing_note(struct session *session, bool due)
{
	if (due)
		nothing_print("no report is due now");
	else
		fprintf(stderr, "stsgate: note: there is no report to send: %s\n", reason_find(session));
}

/* Makes passes until each report was tried once. */
static int passes_make(struct session *session, struct tlsrpt_sender *sender, struct tlsrpt_pass *pass)
{
	struct failure why = {0};
	do
		if (!tlsrpt_sender_pass(sender, session->config, pass, &why))
			return complain(&why);
	while (pass->again && tlsrpt_sender_rest(sender, clock_mono_ms() + WAIT_MS));
	return STATUS_YES;
}

static int send_run_on(struct session *session, const struct options *options)
{
	struct sending sending = {.array = options->json ? json_made(json_array()) : NULL};
	struct tlsrpt_pass pass;
	struct tlsrpt_sender *sender = tlsrpt_sender_new(&(struct tlsrpt_sender_options){.store = session->store,
		.loop = session->loops->at[0],
		.at_once = !option_given(options, "due"),
		.told = row_take,
		.arg = &sending});
	int status = passes_make(session, sender, &pass);
	tlsrpt_sender_free(&sender);
	if (options->json)
		json_print_list("reports", sending.array, status == STATUS_YES);
	else if (status == STATUS_YES && pass.waiting == 0 && sending.count == 0)
		nothing_note(session, option_given(options, "due"));
	if (status == STATUS_YES && pass.waiting > 0)
		fprintf(stderr,
			"stsgate: note: %zu reports wait: the MTA does not answer, or a host got as many reports within the hour as "
			"it may\n",
			pass.waiting);
	if (pass.waiting > 0)
		sending.status = status_worse(sending.status, STATUS_UNSURE);
	return status_worse(status, sending.status);
}

int report_send(const struct options *options, size_t count, char **words)
{
	struct session session;
	(void)count;
	(void)words;
	int status = session_open(&session, options, NEEDS_STORE_AND_LOOPS, NULL, NULL);
	if (status != 0)
		return status;
	if (settings_send_reports(session.config->settings)) {
		status = send_run_on(&session, options);
	} else {
		fputs("stsgate: reports are off: set tlsrpt = collect, report_from and report_organization\n", stderr);
		status = EX_CONFIG;
	}
	session_close(&session);
	return status;
}
