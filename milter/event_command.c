#include "event_command.h"

#include "check_limits.h"
#include "clock.h"
#include "event_json.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_MS 1000 /* between two checks whether the rates allow a program */
#define SHOWN_MAX 200

static const struct rate rates[] = {{EVENT_COMMAND_A_MINUTE, 60000, EVENT_COMMAND_A_MINUTE},
	{EVENT_COMMAND_AN_HOUR, 3600000, EVENT_COMMAND_AN_HOUR}};
#define RATES (sizeof rates / sizeof rates[0])

enum news { NEWS_NONE, NEWS_NEW, NEWS_WORSE, NEWS_OVER };

/* What this process knew of an event before. The numbers of events rise, and the store keeps no more events than there are
 * slots: the slot of an event is its number modulo the count of slots. */
struct heard {
	uint32_t number;
	enum event_severity severity;
	bool over;
};

struct waiting {
	struct event_record event;
	enum news news;
};

struct event_command {
	struct check *check;
	pthread_t thread;
	bool joined;
	struct bucket bucket[RATES]; /* only the thread uses them */
	/* Only the thread that writes events uses these two. */
	struct heard heard[EVENTS_MAX];
	uint32_t before; /* the highest number when this process began */

	struct lock lock;
	struct signal_cond wake;
	bool stop GUARDED_BY(lock);
	struct waiting waiting[EVENT_COMMAND_WAITING] GUARDED_BY(lock); /* in the order in which they came */
	size_t count GUARDED_BY(lock);
	uint32_t left_out GUARDED_BY(lock); /* since the last program */
};

static bool goes_on(void *arg)
{
	struct event_command *command = arg;
	lock_take(&command->lock);
	bool stop = command->stop;
	lock_drop(&command->lock);
	return !stop;
}

/* --- news --------------------------------------------------------------------------------------------------------- */

static const char *news_name(enum news news)
{
	switch (news) {
	case NEWS_NONE:
	case NEWS_NEW:
		return "new";
	case NEWS_WORSE:
		return "worse";
	case NEWS_OVER:
		return "over";
	}
	return "new";
}

/* Returns what is new about an event since this process last heard of it. An event that began before this process did is
 * not new. */
static enum news news_of(struct event_command *command, const struct event_record *event)
{
	struct heard *heard = &command->heard[event->number % EVENTS_MAX];
	bool known = heard->number == event->number, over = event->over_at != 0;
	enum news news = NEWS_NONE;
	if (over && !(known && heard->over))
		news = NEWS_OVER;
	else if (event->number > command->before && event->number > heard->number)
		news = NEWS_NEW;
	else if (known && event->severity > heard->severity)
		news = NEWS_WORSE;
	*heard = (struct heard){event->number, event->severity, over};
	return news;
}

/* The program is not run for the event of its own failure, since it could fail again and again. */
static bool is_wanted(struct check *check, const struct event_record *event)
{
	struct config *config = check_config(check);
	const struct settings *settings = config->settings;
	bool wanted = settings->event_command[0] != '\0' && event->kind != EVENT_EVENT_COMMAND_FAILED &&
		      (int)event->severity >= settings->event_command_severity && geteuid() != 0;
	config_unref(&config);
	return wanted;
}

/* --- events that wait --------------------------------------------------------------------------------------------- */

static void waiting_remove(struct event_command *command, size_t at) REQUIRES(command->lock)
{
	command->count--;
	memmove(&command->waiting[at], &command->waiting[at + 1], (command->count - at) * sizeof command->waiting[0]);
}

/* Leaves out one event of a full queue: the newest of the mildest. Returns whether there is room for an event of this
 * severity now. */
static bool waiting_make_room(struct event_command *command, enum event_severity severity) REQUIRES(command->lock)
{
	size_t mildest = 0;
	if (command->count < EVENT_COMMAND_WAITING)
		return true;
	for (size_t i = 1; i < command->count; i++)
		if (command->waiting[i].event.severity <= command->waiting[mildest].event.severity)
			mildest = i;
	command->left_out++;
	if (command->waiting[mildest].event.severity >= severity)
		return false;
	waiting_remove(command, mildest);
	return true;
}

void event_command_hear(void *arg, const struct event_record *event, bool written)
{
	struct event_command *command = arg;
	/* The program is run for the whole, not for its parts. A part may stand for itself later, and is new then. */
	if (!written || event->number == 0 || event->part_of != 0 || !goes_on(command))
		return;
	enum news news = news_of(command, event);
	if (news == NEWS_NONE || !is_wanted(command->check, event))
		return;
	lock_take(&command->lock);
	if (waiting_make_room(command, event->severity))
		command->waiting[command->count++] = (struct waiting){*event, news};
	cond_wake_all(&command->wake);
	lock_drop(&command->lock);
}

/* Returns whether the rates allow a program. The last third is for the worst events, so that a flood of others, which
 * strangers can cause by their own domains, does not keep them out. */
static bool rates_allow(struct event_command *command, enum event_severity severity)
{
	bool allowed = true;
	for (size_t i = 0; i < RATES; i++) {
		bucket_fill(&command->bucket[i], &rates[i], clock_mono_ms());
		allowed = allowed &&
			  bucket_has(&command->bucket[i], &rates[i], severity == EVENT_ERROR ? 0 : rates[i].most / 3);
	}
	return allowed;
}

/* Takes the most severe event, if the rates allow a program for it. Returns false if there is nothing to do now. */
static bool waiting_take(struct event_command *command, struct waiting *out) REQUIRES(command->lock)
{
	size_t worst = 0;
	for (size_t i = 1; i < command->count; i++)
		if (command->waiting[i].event.severity > command->waiting[worst].event.severity)
			worst = i;
	if (command->count == 0 || !rates_allow(command, command->waiting[worst].event.severity))
		return false;
	*out = command->waiting[worst];
	waiting_remove(command, worst);
	for (size_t i = 0; i < RATES; i++)
		bucket_take(&command->bucket[i], &rates[i]);
	return true;
}

/* Waits for an event that may be reported now. Returns false if the thread must stop. */
static bool waiting_next(struct event_command *command, struct waiting *out, uint32_t *left_out)
{
	lock_take(&command->lock);
	while (!command->stop && !waiting_take(command, out)) {
		if (command->count == 0)
			cond_wait(&command->wake, &command->lock);
		else
			cond_wait_until(&command->wake, &command->lock, clock_mono_ms() + LOOK_MS);
	}
	bool stop = command->stop;
	*left_out = command->left_out;
	command->left_out = 0;
	lock_drop(&command->lock);
	return !stop;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

/* Writes the line that the program reads. */
static void input_write(struct text *out, const struct waiting *told, const struct config *config, uint32_t left_out)
{
	const struct event_telling telling = {
		.news = news_name(told->news), .left_out = left_out, .relay = config->host, .version = PACKAGE_VERSION};
	event_json_told(out, &told->event, &telling);
	text_add(out, "\n");
}

static void program_report(
	struct event_command *command, const struct event_record *event, const char *path, const struct failure *why)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	text_init(&text, detail, sizeof detail);
	text_quote(&text, path, strlen(path), SHOWN_MAX);
	text_add(&text, why ? "" : " was run");
	text_add(&text, " for event ");
	text_add_number(&text, event->number);
	text_add(&text, " (");
	text_add(&text, event_name(event->kind));
	text_add(&text, ")");
	text_add(&text, why ? " " : "");
	text_add(&text, why ? why->text : "");
	if (why)
		check_event(command->check, EVENT_EVENT_COMMAND_FAILED, "", detail);
	else
		log_info("event_command: %s", detail);
}

static void command_run(struct event_command *command, const struct waiting *told, uint32_t left_out)
{
	char input[EVENT_JSON_TOLD_SIZE + 1], name[64];
	char *words[SETTINGS_WORDS_MAX + 1];
	struct text text;
	struct failure why;
	struct config *config = check_config(command->check);
	char *line = xstrdup(config->settings->event_command);
	text_init(&text, input, sizeof input);
	input_write(&text, told, config, left_out);
	config_unref(&config);
	snprintf(name, sizeof name, "STSGATE_EVENT=%s", event_name(told->event.kind));
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LANG=C.UTF-8";
	char *environment[] = {path, language, name, NULL};
	const struct program program = {.words = words,
		.environment = environment,
		.input = {input, text.len},
		.limit_ms = EVENT_COMMAND_MS,
		.go_on = goes_on,
		.arg = command};
	if (settings_words(line, words) > 0)
		program_report(command, &told->event, words[0], program_run(&program, &why) ? NULL : &why);
	free(line);
}

static void *command_main(void *arg)
{
	struct event_command *command = arg;
	struct waiting told;
	uint32_t left_out;
	while (waiting_next(command, &told, &left_out))
		command_run(command, &told, left_out);
	return NULL;
}

/* --- start and stop ----------------------------------------------------------------------------------------------- */

static void command_destroy(struct event_command *command)
{
	lock_destroy(&command->lock);
	cond_destroy(&command->wake);
	free(command);
}

struct event_command *event_command_start(struct check *check, struct store *store, struct failure *why)
{
	struct event_command *command = xcalloc(1, sizeof *command);
	command->check = check;
	store_event_number(store, &command->before, NULL);
	lock_init(&command->lock);
	cond_init(&command->wake);
	int err = pthread_create(&command->thread, NULL, command_main, command);
	if (err == 0)
		return command;
	failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
	command_destroy(command);
	return NULL;
}

void event_command_stop(struct event_command *command)
{
	if (!command)
		return;
	lock_take(&command->lock);
	command->stop = true;
	cond_wake_all(&command->wake);
	lock_drop(&command->lock);
}

void event_command_join(struct event_command *command)
{
	if (!command || command->joined)
		return;
	event_command_stop(command);
	pthread_join(command->thread, NULL);
	command->joined = true;
}

void event_command_free(struct event_command **command)
{
	if (*command)
		command_destroy(*command);
	*command = NULL;
}

void event_command_warn(const struct settings *settings)
{
	char *words[SETTINGS_WORDS_MAX + 1], *line = xstrdup(settings->event_command);
	bool set = settings_words(line, words) > 0;
	if (set && geteuid() == 0)
		log_warning("event_command is not run, because stsgated runs as root: set user to an unprivileged "
			    "user");
	else if (set && access(words[0], X_OK) != 0)
		log_warning("event_command: %s cannot be run: %s", words[0], strerror(errno));
	free(line);
}
