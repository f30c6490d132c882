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

/* The most lines of a reply that smfi_setmlreply() takes. */
#define REPLY_LINES_MAX 32
#define REPLY_LINE_SIZE (2 * ANSWER_REPLY_SIZE)

/* Copies a line of a reply. In a reply, the MTA reads `%%` as one percent sign, and any other use of `%` is an error. */
static void reply_escape(char out[REPLY_LINE_SIZE], const char *line)
{
	for (const char *at = line; *at; at++) {
		*out++ = *at;
		if (*at == '%')
			*out++ = '%';
	}
	*out = '\0';
}

/* Refuses a recipient: for now, or for good with ACTION_REJECT. */
static sfsistat refuse(SMFICTX *context, const struct verdict *verdict, enum action action)
{
	char line[ANSWER_REPLY_SIZE], escaped[REPLY_LINE_SIZE];
	char for_now[2][8] = {"451", "4.7.5"}, for_good[2][8] = {"550", "5.7.30"};
	bool reject = action == ACTION_REJECT;
	char(*code)[8] = reject ? for_good : for_now;
	struct text text;
	text_init(&text, line, sizeof line);
	if (reject)
		answer_requiretls(&text, verdict);
	else
		answer_reply(&text, verdict);
	reply_escape(escaped, line);
	if (smfi_setreply(context, code[0], code[1], escaped) != MI_SUCCESS)
		log_error(
			"libmilter rejects the reply text for %s; the reply is a general %s", verdict->domain, code[0]);
	return reject ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

/* Counts what is done about a verdict, and follows the signs of an attack. */
static void decision_count(const struct session *session, const struct message_note *note, unsigned recipients)
{
	const struct verdict_seen seen = seen_make(session, &note->verdict, &note->decision);
	bool inside = arbiter_enter(&milter.arbiter);
	bool follows = inside && check_follows_signs(milter.arbiter.check);
	for (unsigned i = 0; i < recipients; i++) {
		if (follows)
			check_verdict_acted(milter.arbiter.check, &seen);
		counters_action(&note->decision);
	}
	if (inside)
		arbiter_leave(&milter.arbiter);
}

/* Does what a decision demands, unless that is a refusal. */
static void decision_apply(struct message *message, const struct message_note *note)
{
	if (note->decision.tag)
		message_tag(message, &note->verdict);
	if (note->decision.action == ACTION_HOLD)
		message_hold(message, &note->verdict);
}

static sfsistat act(SMFICTX *context, struct session *session, enum session_kind kind,
	const struct recipient *recipient, const struct verdict *verdict)
{
	struct message *message = &session->message;
	const struct settings *settings = message->config->settings;
	struct message_note note = {*verdict, action_decide(settings, kind, verdict), 1};
	counters_requiretls(verdict->requiretls);
	if (message_is_left_to_map(message, kind, recipient->client))
		action_leave_to_map(settings, verdict, &note.decision);
	enum action action = note.decision.action;
	if (message->wishes.after_header && action_delays(&note.decision) && message_note(message, &note))
		return SMFIS_CONTINUE; /* waiting_decide() goes on at the end of the message */
	note.waiting = 0;
	decision_count(session, &note, 1);
	decision_apply(message, &note);
	/* A refused recipient is reported at once. What is done to the message is reported when the message is complete:
	 * Postfix gives it its queue id only then. */
	bool refused = action == ACTION_REFUSE || action == ACTION_REJECT;
	if (verdict_is_logged(settings, verdict) && (refused || !message_note(message, &note)))
		verdict_report(session, verdict, &note.decision);
	return refused ? refuse(context, verdict, action) : SMFIS_CONTINUE;
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
		status = act(context, session, kind, &recipient, &outcome.verdict);
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
		message_begin(&session->message, check_config(milter.arbiter.check), argv);
		arbiter_leave(&milter.arbiter);
	}
	session_queue_id(session, context);
	return session->silent_mail ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
	struct session *session = session_of(context);
	if (message_field(&session->message, name, value))
		session->message.forged++;
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

/* Counts what becomes of the wish of a message with a TLS-Required field. */
static void wish_count(const struct message *message)
{
	if (message->wishes.fields == 0)
		return;
	enum tls_required what = TLS_REQUIRED_IGNORED;
	if (message_prefers_delivery(message)) {
		int treatment = settings_tls_required_no(message->config->settings);
		if (treatment == TLS_REQUIRED_NO_HEADERS)
			what = TLS_REQUIRED_HONOURED;
		else if (treatment == TLS_REQUIRED_NO_MAP)
			what = TLS_REQUIRED_TO_MTA;
	}
	counters_tls_required(DOOR_MILTER, what);
}

/* Decides about the recipients that wait for the header (tls_required_no = headers). They pass if the message prefers delivery
 * to TLS (RFC 8689 5). Otherwise a recipient whose mail must wait delays the whole message, because no single recipient can
 * be refused any more. Returns whether the message must be refused for now. */
static bool waiting_decide(struct session *session)
{
	struct message *message = &session->message;
	bool passes = message_prefers_delivery(message), refused = false;
	for (unsigned i = 0; i < message->note_count; i++) {
		struct message_note *note = &message->note[i];
		if (note->waiting == 0)
			continue;
		if (passes)
			action_honour(message->config->settings, &note->verdict, &note->decision);
		decision_count(session, note, note->waiting);
		decision_apply(message, note);
		refused = refused || note->decision.action == ACTION_REFUSE;
	}
	return refused;
}

/* Adds a line to the reply for each domain whose verdict is of this kind and delays the message. */
static unsigned reply_add(
	char *line[REPLY_LINES_MAX], unsigned lines, const struct message *message, enum verdict_kind kind)
{
	for (unsigned i = 0; i < message->note_count && lines < REPLY_LINES_MAX; i++) {
		const struct message_note *note = &message->note[i];
		char words[ANSWER_REPLY_SIZE];
		struct text text;
		if (note->verdict.kind != kind || note->decision.action != ACTION_REFUSE)
			continue;
		text_init(&text, words, sizeof words);
		answer_reply(&text, &note->verdict);
		line[lines] = xmalloc(REPLY_LINE_SIZE);
		reply_escape(line[lines++], words);
	}
	return lines;
}

/* Refuses the whole message for now. The reply has a line for each domain whose mail must wait, the worst first. */
static sfsistat message_refuse(SMFICTX *context, struct message *message)
{
	char *l[REPLY_LINES_MAX] = {NULL}, code[] = "451", enhanced[] = "4.7.5";
	unsigned lines = reply_add(l, 0, message, VERDICT_FAIL_ENFORCE);
	lines = reply_add(l, lines, message, VERDICT_DEFER);
	if (smfi_setmlreply(context, code, enhanced, l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7], l[8], l[9], l[10],
		    l[11], l[12], l[13], l[14], l[15], l[16], l[17], l[18], l[19], l[20], l[21], l[22], l[23], l[24],
		    l[25], l[26], l[27], l[28], l[29], l[30], l[31], NULL) != MI_SUCCESS)
		log_error("libmilter rejects the reply text for a message; the reply is a general 451");
	while (lines > 0)
		free(l[--lines]);
	for (unsigned i = 0; i < message->note_count; i++)
		message->note[i].decision = (struct decision){.action = ACTION_REFUSE, .would = ACTION_REFUSE};
	return SMFIS_TEMPFAIL;
}

/* Reports the noted verdicts. */
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
	wish_count(message);
	if (waiting_decide(session)) {
		sfsistat status = message_refuse(context, message);
		notes_report(session);
		session_message_end(session);
		return status;
	}
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
