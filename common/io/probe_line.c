/* Probes on an event loop, and the probers that they belong to. */
#include "clock.h"
#include "loop.h"
#include "memory.h"
#include "probe_dial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define QUIT_WAIT_MS 2000
/* For the reply to EHLO inside TLS. After a bad certificate, the reply shows who is at the other end. After a good one, mail may
 * wait for the answer, and the reply only shows what the host offers. */
#define EHLO_WAIT_BAD_MS 2000
#define EHLO_WAIT_GOOD_MS 1000

struct probe_line {
	struct loop *loop;
	LIST_HEAD(, probe) leaving; /* probes in the stage DIAL_QUIT */
	size_t leaving_count;
};

struct probe {
	struct probe_line *line;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct wake wake;
	int64_t deadline_ms; /* by the monotonic clock */
	bool listening;      /* in the stage DIAL_EHLO, and the timer is set for it */
	bool answered;
	bool leaving;           /* is in line->leaving */
	bool dropped;           /* the caller has dropped it: probe_end() frees it */
	LIST_ENTRY(probe) next; /* in line->leaving */
	struct dial dial;
};

struct probe_line *probe_line_new(struct loop *loop)
{
	struct probe_line *line = xcalloc(1, sizeof *line);
	line->loop = loop;
	return line;
}

/* Closes the connection. Frees the probe if its caller has dropped it. */
static void probe_end(struct probe *probe)
{
	if (probe->leaving) {
		LIST_REMOVE(probe, next);
		probe->line->leaving_count--;
	}
	probe->leaving = false;
	loop_watch_free(&probe->watch);
	loop_timer_free(&probe->timer);
	dial_close(&probe->dial);
	if (probe->dropped)
		free(probe);
}

void probe_line_free(struct probe_line **line)
{
	if (!*line)
		return;
	while (!LIST_EMPTY(&(*line)->leaving))
		probe_end(LIST_FIRST(&(*line)->leaving));
	free(*line);
	*line = NULL;
}

/* Limits the wait for the reply to EHLO inside TLS. */
static void probe_listen(struct probe *probe)
{
	int64_t left_ms = probe->deadline_ms - clock_mono_ms();
	int most_ms = probe->dial.seen.reason == REASON_OK ? EHLO_WAIT_GOOD_MS : EHLO_WAIT_BAD_MS;
	probe->listening = true;
	loop_timer_set(probe->timer, left_ms < 1 ? 1 : left_ms < most_ms ? (int)left_ms : most_ms);
}

/* Handles the stage that the connection has reached. Calls the wake last, because it may drop this probe and others,
 * and begin new ones. */
static void probe_advance(struct probe *probe)
{
	struct dial *dial = &probe->dial;
	struct wake wake = probe->wake;
	bool news = !probe->answered && dial->stage >= DIAL_ANSWERED;
	probe->answered |= news;
	if (dial->stage == DIAL_EHLO && !probe->listening)
		probe_listen(probe);
	if (dial->stage == DIAL_ANSWERED) {
		bool room = probe->line->leaving_count < PROBE_LEAVING_MAX;
		dial_quit(dial);
		if (!room)
			dial->stage = DIAL_OVER;
		if (dial->stage == DIAL_QUIT) {
			LIST_INSERT_HEAD(&probe->line->leaving, probe, next);
			probe->line->leaving_count++;
			probe->leaving = true;
			loop_timer_set(probe->timer, QUIT_WAIT_MS);
		}
	}
	if (dial->stage != DIAL_OVER) {
		unsigned wants = dial_wants(dial);
		loop_watch_set(
			probe->watch, (wants & DIAL_READ ? LOOP_READ : 0) | (wants & DIAL_WRITE ? LOOP_WRITE : 0));
	} else {
		probe_end(probe);
	}
	if (news)
		wake.call(wake.arg);
}

static void on_ready(void *arg, int fd, unsigned what)
{
	struct probe *probe = arg;
	(void)fd;
	(void)what;
	dial_go(&probe->dial);
	probe_advance(probe);
}

/* The deadline has passed, or the reply to QUIT or to EHLO inside TLS did not come in time, or the probe has failed in
 * probe_begin(). */
static void on_time(void *arg)
{
	struct probe *probe = arg;
	dial_late(&probe->dial);
	probe_advance(probe);
}

struct probe *probe_begin(struct prober *prober, struct probe_line *line, const char *host,
	const struct address *address, uint16_t port, int timeout_ms, const struct probe_dane *dane, struct wake wake)
{
	struct probe *probe = xcalloc(1, sizeof *probe);
	probe->line = line;
	probe->wake = wake;
	probe->timer = loop_timer_new(line->loop, on_time, probe);
	dial_begin(&probe->dial, prober, host, address, port, dane);
	if (probe->dial.stage == DIAL_OVER) {
		loop_timer_set(probe->timer, 0);
	} else {
		probe->watch = loop_watch_new(line->loop, probe->dial.fd, LOOP_WRITE, on_ready, probe);
		probe->deadline_ms = clock_mono_ms() + timeout_ms;
		loop_timer_set(probe->timer, timeout_ms);
	}
	return probe;
}

bool probe_answer(const struct probe *probe, struct evidence *seen, bool *temporary)
{
	if (!probe->answered)
		return false;
	*seen = probe->dial.seen;
	*temporary = probe->dial.temporary;
	return true;
}

const struct look *probe_look(const struct probe *probe)
{
	return &probe->dial.look;
}

void probe_drop(struct probe **slot)
{
	struct probe *probe = *slot;
	if (!probe)
		return;
	*slot = NULL;
	probe->dropped = true;
	if (!probe->leaving)
		probe_end(probe);
}

struct prober *prober_new(const struct probe_options *options, struct failure *why)
{
	struct prober *prober = xcalloc(1, sizeof *prober);
	prober->helo = xstrdup(options->helo);
	prober->bind4 = options->bind4;
	prober->bind6 = options->bind6;
	prober->trust = options->trust;
	prober->shown = options->shown;
	prober->shown_arg = options->shown_arg;
	prober->leaf = options->leaf;
	prober->leaf_arg = options->leaf_arg;
	if ((prober->context = tls_context_new(why)))
		return prober;
	prober_free(&prober);
	return NULL;
}

void prober_free(struct prober **prober)
{
	if (!prober || !*prober)
		return;
	tls_context_free((*prober)->context);
	free((*prober)->helo);
	free(*prober);
	*prober = NULL;
}
