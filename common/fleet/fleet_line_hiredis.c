#include "fleet_line.h"

#include "clock.h"
#include "fleet_reply.h"
#include "memory.h"
#include "metrics.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READS_MAX 16  /* at a time, so that other work of the loop gets its turn */
#define TIMER_STEP 10 /* milliseconds: deadlines are kept so exactly */
#define NEVER INT64_MAX

struct command {
	struct command *next;
	int64_t sent_ms, end_ms;
	link_answered *answered; /* NULL: nobody waits for the reply, or not any more */
	void *arg;
};
struct commands {
	struct command *first, **last;
	size_t count;
};

struct fleet_line {
	struct line_options options;
	int fd;
	bool open; /* connected */
	int64_t connect_end_ms;
	struct loop_watch *watch; /* NULL: neither connected nor connecting */
	struct reply_reader *reader;
	struct commands waiting; /* in the order of their replies */
	struct commands ended;   /* without an answer; their callbacks are due */
	struct loop_timer *timer;
	int64_t timer_ms;       /* when the timer is due, or NEVER */
	int64_t late_since_ms;  /* NEVER: the last command that was answered or has ended was answered in time */
	int64_t input_since_ms; /* input was received in the second that begins here */
	size_t input;
	char *output;
	size_t output_len, output_sent, output_size;
};

static const struct link_reply no_reply = {.kind = LINK_NONE};

/* How commands end, for the metric; common/check/report.c has the names. */
enum outcome { ANSWERED, REFUSED, LATE, DOWN };

static void outcome_count(enum outcome outcome)
{
	metrics_add(METRIC_FLEET_COMMANDS, outcome, 0, 0, 1);
}

/* --- lists of commands -------------------------------------------------------------------------------------------- */

static void commands_init(struct commands *commands)
{
	*commands = (struct commands){.last = &commands->first};
}

static void commands_add(struct commands *commands, struct command *command)
{
	command->next = NULL;
	*commands->last = command;
	commands->last = &command->next;
	commands->count++;
}

/* Returns the first command, which the caller frees, or NULL. */
static struct command *commands_take(struct commands *commands)
{
	struct command *command = commands->first;
	if (!command)
		return NULL;
	commands->first = command->next;
	if (!commands->first)
		commands->last = &commands->first;
	commands->count--;
	return command;
}

static void command_end(struct command *command, const struct link_reply *reply)
{
	if (command->answered)
		command->answered(command->arg, reply);
	free(command);
}

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

static void timer_by(struct fleet_line *line, int64_t at_ms)
{
	if (at_ms >= line->timer_ms)
		return;
	line->timer_ms = at_ms;
	loop_timer_set(line->timer, at_ms - clock_mono_ms());
}

/* Moves a command that nobody answers to those that have ended. */
static void command_give_up(struct fleet_line *line, struct command *command)
{
	if (command->answered)
		outcome_count(DOWN);
	commands_add(&line->ended, command);
	timer_by(line, clock_mono_ms());
}

/* Ends the commands whose deadline has passed. Their replies are still expected. */
static void deadlines_keep(struct fleet_line *line, int64_t now)
{
	bool late = false;
	for (struct command *command = line->waiting.first; command; command = command->next) {
		if (!command->answered || command->end_ms > now)
			continue;
		struct command *ended = xcalloc(1, sizeof *ended);
		*ended = (struct command){.answered = command->answered, .arg = command->arg};
		command->answered = NULL;
		commands_add(&line->ended, ended);
		outcome_count(LATE);
		late = true;
	}
	if (late && line->late_since_ms == NEVER)
		line->late_since_ms = now;
	else if (late && now - line->late_since_ms >= LINE_LATE_MS)
		line_break(line, "it answers too late", true);
}

/* Calls back those whose commands have ended so far. They may send new commands. */
static void ended_call(struct fleet_line *line)
{
	for (size_t left = line->ended.count; left > 0; left--)
		command_end(commands_take(&line->ended), &no_reply);
}

static void timer_renew(struct fleet_line *line)
{
	int64_t next = line->ended.first ? 0 : NEVER, soonest = clock_mono_ms() + TIMER_STEP;
	if (line->watch && !line->open)
		next = line->connect_end_ms;
	if (line->waiting.first && line->waiting.first->sent_ms + LINK_PATIENCE_MS < next)
		next = line->waiting.first->sent_ms + LINK_PATIENCE_MS;
	for (const struct command *command = line->waiting.first; command; command = command->next)
		if (command->answered && command->end_ms < next)
			next = command->end_ms;
	if (next != NEVER)
		timer_by(line, next < soonest && !line->ended.first ? soonest : next);
}

static void on_time(void *arg)
{
	struct fleet_line *line = arg;
	int64_t now = clock_mono_ms();
	line->timer_ms = NEVER;
	if (line->watch && !line->open && now >= line->connect_end_ms)
		line_break(line, "it does not accept the connection", true);
	deadlines_keep(line, now);
	if (line->waiting.first && now >= line->waiting.first->sent_ms + LINK_PATIENCE_MS)
		line_break(line, "it does not answer", true);
	ended_call(line);
	timer_renew(line);
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static void output_add(struct fleet_line *line, const char *bytes, size_t len)
{
	if (line->output_len + len > line->output_size && line->output_sent > 0) {
		line->output_len -= line->output_sent;
		memmove(line->output, line->output + line->output_sent, line->output_len);
		line->output_sent = 0;
	}
	if (line->output_len + len > line->output_size) {
		line->output_size = 2 * (line->output_len + len);
		line->output = xrealloc(line->output, line->output_size);
	}
	memcpy(line->output + line->output_len, bytes, len);
	line->output_len += len;
	loop_watch_set(line->watch, LOOP_READ | LOOP_WRITE);
}

static void output_drop(struct fleet_line *line)
{
	free(line->output);
	line->output = NULL;
	line->output_len = line->output_sent = line->output_size = 0;
}

static void output_send(struct fleet_line *line)
{
	char why[128];
	while (line->output_sent < line->output_len) {
		ssize_t sent = send(
			line->fd, line->output + line->output_sent, line->output_len - line->output_sent, MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (sent < 0) {
			snprintf(why, sizeof why, "cannot write to it: %s", strerror(errno));
			line_break(line, why, false);
			return;
		}
		line->output_sent += (size_t)sent;
	}
	output_drop(line);
	loop_watch_set(line->watch, LOOP_READ);
}

void line_send(struct fleet_line *line, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len)
{
	int64_t now = clock_mono_ms();
	char *bytes = NULL;
	struct command *command = xcalloc(1, sizeof *command);
	*command = (struct command){.sent_ms = now, .end_ms = now + deadline_ms, .answered = answered, .arg = arg};
	if (!line->open || line->waiting.count + line->ended.count >= LINK_WAITING_MAX ||
		line->output_len - line->output_sent > LINE_OUTPUT_MAX) {
		command_give_up(line, command);
		return;
	}
	int size = (int)redisFormatCommandArgv(&bytes, (int)count, (const char **)word, len);
	if (size < 0)
		abort();
	output_add(line, bytes, (size_t)size);
	redisFreeCommand(bytes);
	commands_add(&line->waiting, command);
	timer_by(line, command->end_ms);
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

static bool is_message(const struct link_reply *reply)
{
	return reply->kind == LINK_LIST && reply->count == 3 && reply->item[0].kind == LINK_BYTES &&
	       strcmp(reply->item[0].bytes, "message") == 0 && reply->item[2].kind == LINK_BYTES;
}

static void reply_take(struct fleet_line *line, const struct link_reply *reply)
{
	if (line->options.message && is_message(reply)) {
		line->options.message(line->options.arg, reply);
		return;
	}
	struct command *command = commands_take(&line->waiting);
	if (!command) {
		line_break(line, "it sent a reply to no command", false);
		return;
	}
	if (command->answered) {
		line->late_since_ms = NEVER;
		outcome_count(reply->kind == LINK_REFUSED ? REFUSED : ANSWERED);
	}
	command_end(command, reply);
}

/* Handles what the bytes complete. A callback may break the line. */
static void replies_take(struct fleet_line *line, const char *bytes, size_t len)
{
	struct link_reply *reply;
	const char *why;
	reply_feed(line->reader, bytes, len);
	while (line->open) {
		if (!reply_next(line->reader, &reply, &why)) {
			line_break(line, why, true);
			return;
		}
		if (!reply)
			return;
		reply_take(line, reply);
		reply_free(&reply);
	}
}

/* Returns whether the server sends no more than it may. */
static bool input_count(struct fleet_line *line, size_t len)
{
	int64_t now = clock_mono_ms();
	if (now - line->input_since_ms >= 1000) {
		line->input_since_ms = now;
		line->input = 0;
	}
	line->input += len;
	return line->input <= line->options.input_max;
}

static void input_read(struct fleet_line *line)
{
	char bytes[REPLY_READ_SIZE], why[128];
	for (int i = 0; line->open && i < READS_MAX; i++) {
		ssize_t got = recv(line->fd, bytes, sizeof bytes, 0);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (got > 0 && !input_count(line, (size_t)got)) {
			line_break(line, "it sends too much", true);
			return;
		}
		if (got > 0) {
			replies_take(line, bytes, (size_t)got);
			continue;
		}
		snprintf(why, sizeof why, "%s%s", got < 0 ? "cannot read from it: " : "it closed the connection",
			got < 0 ? strerror(errno) : "");
		line_break(line, why, false);
	}
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static void connection_fail(struct fleet_line *line, int err)
{
	char why[128];
	snprintf(why, sizeof why, "cannot connect: %s", strerror(err));
	line_break(line, why, false);
}

static void on_ready(void *arg, int fd, unsigned what)
{
	struct fleet_line *line = arg;
	int err = 0;
	socklen_t size = sizeof err;
	if (!line->open) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 || err != 0) {
			connection_fail(line, err ? err : errno);
			return;
		}
		line->open = true;
		loop_watch_set(line->watch, LOOP_READ);
		line->options.connected(line->options.arg);
		return;
	}
	if (what & LOOP_WRITE)
		output_send(line);
	if (line->open && what & LOOP_READ)
		input_read(line);
}

void line_connect(struct fleet_line *line)
{
	const struct line_address *address = line->options.address;
	line->fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool begun = line->fd >= 0 && (connect(line->fd, (const struct sockaddr *)&address->at, address->len) == 0 ||
					      errno == EINPROGRESS);
	int err = errno;
	int yes = 1;
	/* A command must not wait for the answer to the one before it. */
	if (address->at.ss_family != AF_UNIX && line->fd >= 0)
		setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	line->connect_end_ms = clock_mono_ms() + LINK_PATIENCE_MS;
	line->late_since_ms = NEVER;
	line->input = 0;
	if (line->fd >= 0)
		line->watch = loop_watch_new(line->options.loop, line->fd, begun ? LOOP_WRITE : 0, on_ready, line);
	line->reader = reply_reader_new();
	if (begun)
		timer_by(line, line->connect_end_ms);
	else
		connection_fail(line, err);
}

/* Ends the connection, or the attempt to make one. */
static void line_close(struct fleet_line *line)
{
	loop_watch_free(&line->watch);
	if (line->fd >= 0)
		close(line->fd);
	line->fd = -1;
	line->open = false;
	reply_reader_free(&line->reader);
	output_drop(line);
	for (struct command *command; (command = commands_take(&line->waiting)) != NULL;)
		command_give_up(line, command);
}

void line_break(struct fleet_line *line, const char *why, bool slow)
{
	if (!line->reader)
		return;
	line_close(line);
	line->options.broken(line->options.arg, why, slow);
}

struct fleet_line *line_new(const struct line_options *options)
{
	struct fleet_line *line = xcalloc(1, sizeof *line);
	line->options = *options;
	line->fd = -1;
	line->timer = loop_timer_new(options->loop, on_time, line);
	line->timer_ms = line->late_since_ms = NEVER;
	commands_init(&line->waiting);
	commands_init(&line->ended);
	return line;
}

void line_free(struct fleet_line **slot)
{
	struct fleet_line *line = *slot;
	if (!line)
		return;
	line_close(line);
	while (line->ended.first)
		ended_call(line);
	loop_timer_free(&line->timer);
	free(line);
	*slot = NULL;
}
