#include "milter.h"

#include "answer.h"
#include "arbiter.h"
#include "clock.h"
#include "log.h"
#include "memory.h"
#include "message.h"
#include "report.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_ID_SIZE 64
/* The most forged header fields that are removed from one message. For each removal the MTA searches its queue file, so a
 * message with more forged fields is quarantined instead. */
#define FORGED_MAX 1000

#define START_POLL_MS 5  /* how often milter_await() checks whether libmilter serves */
#define STOP_NUDGE_MS 20 /* time between two nudges at a stop */
#define STOP_NUDGES 250

/* libmilter passes only the session to a callback, so the milter's data is static. All members except the atomic ones are
 * set before libmilter starts to serve. */
static struct {
	struct listener listener;
	struct arbiter arbiter;
	atomic_bool served; /* on_close() has been called, which shows that libmilter serves */
	atomic_bool ended;  /* milter_run() is about to return */
} milter;

struct session {
	bool silent_mail, silent_header; /* agreed with the MTA: MAIL or header fields get no reply */
	bool authenticated;              /* the client has logged in */
	char queue_id[QUEUE_ID_SIZE];    /* the queue id of this message; "" until the MTA sends it */
	/* The queue id of the previous message. libmilter still returns it for the first recipients of the next
	 * message. */
	char queue_id_before[QUEUE_ID_SIZE];
	struct message message;
};

static struct session *session_of(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);
	if (session)
		return session;
	session = xcalloc(1, sizeof *session);
	if (smfi_setpriv(context, session) != MI_SUCCESS)
		abort();
	return session;
}

static void session_message_end(struct session *session)
{
	if (session->queue_id[0] != '\0')
		memcpy(session->queue_id_before, session->queue_id, sizeof session->queue_id_before);
	session->queue_id[0] = '\0';
	message_end(&session->message);
}

static const char *macro(SMFICTX *context, const char *name)
{
	char symbol[32];
	snprintf(symbol, sizeof symbol, "%s", name);
	const char *value = smfi_getsymval(context, symbol);
	return value ? value : "";
}

static void session_queue_id(struct session *session, SMFICTX *context)
{
	const char *id = macro(context, "i");
	if (strlen(id) < sizeof session->queue_id && strcmp(id, session->queue_id_before) != 0)
		memcpy(session->queue_id, id, strlen(id) + 1);
}

static struct verdict_seen seen_make(
	const struct session *session, const struct verdict *verdict, const struct decision *decision)
{
	struct verdict_seen seen = {.door = DOOR_MILTER,
		.settings = session->message.config->settings,
		.verdict = verdict,
		.queue_id = {session->queue_id, strlen(session->queue_id)}};
	verdict_seen_decide(&seen, decision);
	return seen;
}

/* Logs and records a verdict. Call it between arbiter_enter() and arbiter_leave(). */
static void verdict_report(
	const struct session *session, const struct verdict *verdict, const struct decision *decision)
{
	const struct verdict_seen seen = seen_make(session, verdict, decision);
	check_verdict_seen(milter.arbiter.check, &seen, NULL);
}

static sfsistat refuse(SMFICTX *context, const struct verdict *verdict)
{
	char reply[ANSWER_REPLY_SIZE];
	struct text text;
	text_init(&text, reply, sizeof reply);
	answer_reply(&text, verdict);
	/* In a reply, the MTA reads `%%` as one percent sign, and any other use of `%` is an error. */
	char escaped[2 * ANSWER_REPLY_SIZE], *out = escaped;
	for (const char *at = reply; *at; at++) {
		*out++ = *at;
		if (*at == '%')
			*out++ = '%';
	}
	*out = '\0';
	char code[] = "451", enhanced[] = "4.7.5";
	if (smfi_setreply(context, code, enhanced, escaped) != MI_SUCCESS)
		log_error("libmilter rejects the reply text for %s; the reply is a general 451", verdict->domain);
	return SMFIS_TEMPFAIL;
}

static sfsistat act(SMFICTX *context, struct session *session, enum session_kind kind, const struct verdict *verdict)
{
	struct message *message = &session->message;
	struct decision decision = action_decide(message->config->settings, kind, verdict);
	if (check_follows_signs(milter.arbiter.check)) {
		const struct verdict_seen seen = seen_make(session, verdict, &decision);
		check_verdict_acted(milter.arbiter.check, &seen);
	}
	/* A refused recipient is reported at once. What is done to the message is reported when the message is complete:
	 * Postfix gives it its queue id only then. */
	bool later = decision.action != ACTION_REFUSE;
	if (verdict_is_logged(message->config->settings, verdict) &&
		!(later && message_note(message, verdict, &decision)))
		verdict_report(session, verdict, &decision);
	counters_action(&decision);
	if (decision.tag)
		message_tag(message, verdict);
	switch (decision.action) {
	case ACTION_REFUSE:
		return refuse(context, verdict);
	case ACTION_HOLD:
		message_hold(message, verdict);
		break;
	case ACTION_ACCEPT:
		break;
	}
	return SMFIS_CONTINUE;
}

static sfsistat on_recipient(SMFICTX *context, char **argv)
{
	int64_t asked_us = clock_mono_us();
	struct session *session = session_of(context);
	struct recipient recipient = {.argument = argv[0] ? argv[0] : "",
		.mailer = macro(context, "{rcpt_mailer}"),
		.host = macro(context, "{rcpt_host}"),
		.address = macro(context, "{rcpt_addr}"),
		.client = macro(context, "{client_addr}")};
	enum session_kind kind = session->authenticated ? SESSION_AUTHENTICATED : SESSION_SMTP;
	if (recipient.mailer[0] == '\0')
		kind = SESSION_LOCAL;
	if (message_is_report(&session->message, session->authenticated, recipient.client))
		return SMFIS_CONTINUE;
	/* A stopping daemon cannot judge. In a local session a recipient must not be refused (spec F-2), so on_end()
	 * returns a temporary failure for the whole message. */
	if (!session->message.config || !arbiter_enter(&milter.arbiter)) {
		session->message.unjudged = kind == SESSION_LOCAL;
		return kind == SESSION_LOCAL ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
	}
	session_queue_id(session, context);
	message_recipient(&session->message, recipient.argument);
	sfsistat status = SMFIS_CONTINUE;
	if (arbiter_wanted(session->message.config->settings, &recipient)) {
		struct outcome outcome;
		arbiter_judge(&milter.arbiter, &session->message, kind, &recipient, &outcome);
		status = act(context, session, kind, &outcome.verdict);
		outcome_free(&outcome);
		counters_answer(DOOR_MILTER, asked_us);
	}
	arbiter_leave(&milter.arbiter);
	return status;
}

static sfsistat on_mail(SMFICTX *context, char **argv)
{
	struct session *session = session_of(context);
	session_message_end(session);
	session->authenticated = macro(context, "{auth_authen}")[0] != '\0' || macro(context, "{auth_type}")[0] != '\0';
	if (arbiter_enter(&milter.arbiter)) {
		message_begin(&session->message, check_config(milter.arbiter.check), argv[0] ? argv[0] : "");
		arbiter_leave(&milter.arbiter);
	}
	session_queue_id(session, context);
	return session->silent_mail ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
	(void)value;
	struct session *session = session_of(context);
	struct message *message = &session->message;
	if (message->config && strcasecmp(name, message->config->settings->milter_header) == 0)
		message->forged++;
	return session->silent_header ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* Removes forged header fields, or quarantines the message if there are more than FORGED_MAX. Then inserts the header
 * fields for the message's verdicts. Returns false if the MTA rejects a change.
 *
 * Position 1 is right below the MTA's own Received field in Postfix and Sendmail (spec M-13). Each field is inserted
 * above the previous one, so the second loop runs backwards. */
static bool headers_change(SMFICTX *context, const struct message *message, const char *id)
{
	char *name = message->config->settings->milter_header;
	bool done = true;
	if (message->forged > FORGED_MAX) {
		char reason[] = "stsgate: too many forged headers";
		log_warning("%sfrontend=milter quarantining a message with %u forged %s header fields", id,
			message->forged, name);
		done = smfi_quarantine(context, reason) == MI_SUCCESS;
	} else {
		for (unsigned i = message->forged; i > 0; i--)
			done &= smfi_chgheader(context, name, (int)i, NULL) == MI_SUCCESS;
	}
	if (!done)
		return false;
	for (unsigned i = message->tag_count; i-- > 0;) {
		char value[ANSWER_HEADER_SIZE];
		struct text text;
		text_init(&text, value, sizeof value);
		if (message_header(message, i, &text))
			done &= smfi_insheader(context, 1, name, value) == MI_SUCCESS;
	}
	return done;
}

static bool hold(SMFICTX *context, const struct message *message)
{
	char words[ANSWER_HEADER_SIZE], reason[ANSWER_HEADER_SIZE + 16];
	struct text text;
	text_init(&text, words, sizeof words);
	answer_header(&text, &message->held_for, true);
	snprintf(reason, sizeof reason, "stsgate: %s", words);
	return smfi_quarantine(context, reason) == MI_SUCCESS;
}

/* Reports the verdicts whose recipients were accepted. */
static void notes_report(const struct session *session)
{
	const struct message *message = &session->message;
	if (message->note_count == 0 || !arbiter_enter(&milter.arbiter))
		return;
	for (unsigned i = 0; i < message->note_count; i++)
		verdict_report(session, &message->note[i].verdict, &message->note[i].decision);
	arbiter_leave(&milter.arbiter);
}

static sfsistat on_end(SMFICTX *context)
{
	struct session *session = session_of(context);
	struct message *message = &session->message;
	/* After a temporary failure, Postfix keeps a local message in its maildrop queue and submits it again later. */
	if (!message->config || message->unjudged)
		return SMFIS_TEMPFAIL;
	session_queue_id(session, context);
	notes_report(session);
	char prefix[QUEUE_ID_PREFIX_SIZE];
	const char *id = queue_id_prefix(prefix, (struct span){session->queue_id, strlen(session->queue_id)});
	bool changed = headers_change(context, message, id);
	bool held = !message->held || hold(context, message);
	if (!changed || !held)
		log_error(
			"%sthe MTA rejects the changes to a message: allow the milter to add and change header fields "
			"and to quarantine",
			id);
	if (message->tags_left_out > 0)
		log_warning(
			"%sfrontend=milter a message has more than %d policy domains: %u verdicts are not recorded in "
			"its header",
			id, MESSAGE_TAGS_MAX, message->tags_left_out);
	session_message_end(session);
	/* If the MTA does not quarantine a message that must be held, defer the message. */
	return held ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat on_abort(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);
	if (session)
		session_message_end(session);
	return SMFIS_CONTINUE;
}

/* For a connection that is only a nudge, libmilter calls no other callback, so there is no session. */
static sfsistat on_close(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);
	atomic_store(&milter.served, true);
	if (!session)
		return SMFIS_CONTINUE;
	message_end(&session->message);
	free(session);
	smfi_setpriv(context, NULL);
	return SMFIS_CONTINUE;
}

#define ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST)
#define NOT_WANTED (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOBODY | SMFIP_NOEOH | SMFIP_NODATA | SMFIP_NOUNKNOWN)

static sfsistat on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused2,
	unsigned long unused3, unsigned long *actions_out, unsigned long *steps_out, unsigned long *out2,
	unsigned long *out3)
{
	(void)unused2;
	(void)unused3;
	struct session *session = session_of(context);
	*actions_out = actions & ACTIONS;
	*steps_out = steps & (NOT_WANTED | SMFIP_NR_MAIL | SMFIP_NR_HDR);
	*out2 = *out3 = 0;
	session->silent_mail = (*steps_out & SMFIP_NR_MAIL) != 0;
	session->silent_header = (*steps_out & SMFIP_NR_HDR) != 0;
	/* If a list is set for one stage, Postfix sends no macros at stages without a list. So all lists are set (spec
	 * M-8). */
	char mail[] = "i {auth_type} {auth_authen}", rcpt[] = "i {rcpt_mailer} {rcpt_host} {rcpt_addr} {client_addr}",
	     eom[] = "i";
	bool set = (actions & SMFIF_SETSYMLIST) == 0 ||
		   (smfi_setsymlist(context, SMFIM_ENVFROM, mail) == MI_SUCCESS &&
			   smfi_setsymlist(context, SMFIM_ENVRCPT, rcpt) == MI_SUCCESS &&
			   smfi_setsymlist(context, SMFIM_EOM, eom) == MI_SUCCESS);
	if (!set)
		log_error("libmilter rejects the list of macros");
	return SMFIS_CONTINUE;
}

bool milter_open(const struct listener *listener, const struct listener_access *access, struct failure *why)
{
	/* libmilter only logs its errors. So our own listener first tries to open the address: its error messages give
	 * the cause and advice. */
	struct listener trial = *listener;
	if (!listener_open(&trial, access, why))
		return false;
	listener_close(&trial);
	milter.listener = trial;
	char name[] = "stsgate";
	struct smfiDesc filter = {.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_recipient,
		.xxfi_header = on_header,
		.xxfi_eom = on_end,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate};
	bool file = trial.place.family == SOCKET_UNIX;
	if (file && !socket_file_begin(&trial.file, why))
		return false;
	char *place = xstrdup(trial.text);
	mode_t before = umask(listener_umask(access));
	bool open = smfi_register(filter) == MI_SUCCESS && smfi_setconn(place) == MI_SUCCESS &&
		    smfi_setbacklog(LISTENER_BACKLOG) == MI_SUCCESS && smfi_opensocket(false) == MI_SUCCESS;
	umask(before);
	if (file)
		socket_file_end();
	free(place);
	if (!open)
		return failure_set(why, EX_OSERR, "%s: libmilter cannot listen at `%s`; see the mail log for its error",
			trial.setting, trial.text);
	if (listener_give(&trial, access, why) && nudge_init(&milter.arbiter.nudge, &trial, why))
		return true;
	milter_close();
	return false;
}

bool milter_run(struct check *check)
{
	milter.arbiter.check = check;
	bool done = smfi_main() == MI_SUCCESS;
	atomic_store(&milter.ended, true);
	return done;
}

bool milter_await(struct failure *why)
{
	struct timespec rest = {.tv_nsec = START_POLL_MS * 1000000L};
	if (!nudge_send(&milter.arbiter.nudge)) {
		log_warning(
			"%s: stsgated cannot connect to its own socket `%s`: %s: a recipient that waits for a first "
			"contact may delay other sessions: set socket_owner and socket_mode so that stsgated's user can connect",
			milter.listener.setting, milter.listener.text, strerror(errno));
		return true;
	}
	for (int i = 0; i < MILTER_START_MS / START_POLL_MS && !atomic_load(&milter.ended); i++) {
		if (atomic_load(&milter.served))
			return true;
		nanosleep(&rest, NULL);
	}
	return failure_set(why, EX_OSERR, "%s: libmilter does not serve at `%s`; see the mail log for its error",
		milter.listener.setting, milter.listener.text);
}

static void *library_stop(void *arg)
{
	(void)arg;
	smfi_stop();
	return NULL;
}

/* smfi_stop() waits for a lock that libmilter's listener holds for up to 5 s, or until somebody connects. So this
 * function connects until libmilter has ended. */
void milter_stop(uint32_t grace_ms)
{
	pthread_t stopper;
	struct timespec rest = {.tv_nsec = STOP_NUDGE_MS * 1000000L};
	arbiter_hurry(&milter.arbiter, grace_ms);
	if (pthread_create(&stopper, NULL, library_stop, NULL) != 0) {
		smfi_stop();
		return;
	}
	for (int i = 0; i < STOP_NUDGES && !atomic_load(&milter.ended); i++) {
		nudge_send(&milter.arbiter.nudge);
		nanosleep(&rest, NULL);
	}
	pthread_join(stopper, NULL);
}

unsigned milter_waiting(void)
{
	int waiting = atomic_load(&milter.arbiter.waiting);
	return waiting > 0 ? (unsigned)waiting : 0;
}

bool milter_quiesce(uint32_t wait_ms)
{
	return arbiter_quiesce(&milter.arbiter, wait_ms);
}

void milter_close(void)
{
	if (milter.listener.place.family == SOCKET_UNIX)
		socket_file_remove(&milter.listener.file);
}
