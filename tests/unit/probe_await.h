/* Probes on the thread of a loop of their own, which a test's thread waits for. Any error ends the program. */
#ifndef TESTS_PROBE_AWAIT_H
#define TESTS_PROBE_AWAIT_H

#include "memory.h"
#include "probe.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void await_must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "probe_await: %s\n", what);
		abort();
	}
}

struct probe_room {
	struct loop *loop;
	struct probe_line *line;
	struct look look; /* of the newest probe_await() */
};

static inline void probe_room_open(struct probe_room *room)
{
	struct failure why = {0};
	room->loop = loop_new(&why);
	await_must(room->loop && loop_start(room->loop, &why), "no loop");
	room->line = probe_line_new(room->loop);
}

/* Also closes the connections that still wait for a reply to QUIT. */
static inline void probe_room_close(struct probe_room *room)
{
	loop_stop(room->loop);
	loop_join(room->loop);
	probe_line_free(&room->line);
	loop_free(&room->loop);
}

/* Runs `call` on the loop's thread, and waits until it has run. */
struct room_call {
	struct loop_task task;
	void (*call)(void *arg);
	void *arg;
	sem_t ran;
};

static inline void room_call_run(struct loop_task *task)
{
	struct room_call *call = (struct room_call *)task;
	call->call(call->arg);
	sem_post(&call->ran);
}

static inline void room_run(struct probe_room *room, void (*call)(void *arg), void *arg)
{
	struct room_call one = {.task.run = room_call_run, .call = call, .arg = arg};
	sem_init(&one.ran, 0, 0);
	loop_post(room->loop, &one.task);
	sem_wait(&one.ran);
	sem_destroy(&one.ran);
}

/* One probe. */
struct awaited {
	/* set before room_begin() */
	struct prober *prober;
	const char *host;
	struct address address;
	uint16_t port;
	int timeout_ms;
	const struct probe_dane *dane;
	void (*then)(struct awaited *awaited); /* called on the loop's thread after the answer; NULL: nothing */
	/* valid after room_wait(), or in `then` */
	struct evidence seen;
	struct look look;
	bool may_pass;
	/* private */
	struct probe_room *room;
	struct probe *probe;
	bool begun;
	unsigned wakes;
	sem_t woken;
};

static inline void awaited_wake(void *arg)
{
	struct awaited *awaited = arg;
	await_must(awaited->begun, "woken from inside probe_begin()");
	await_must(++awaited->wakes == 1, "woken twice");
	await_must(loop_is_mine(awaited->room->loop), "woken on another thread");
	await_must(probe_answer(awaited->probe, &awaited->seen, &awaited->may_pass), "woken without an answer");
	awaited->look = *probe_look(awaited->probe);
	if (awaited->then)
		awaited->then(awaited);
	sem_post(&awaited->woken);
}

static inline void dane_lend(struct tlsa_set *set, const struct probe_dane *dane)
{
	*set = *dane->set;
	for (size_t i = 0; i < set->count; i++)
		set->record[i].data.at = xmemdup(set->record[i].data.at, set->record[i].data.len);
}

static inline void dane_take_back(struct tlsa_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		memset((char *)set->record[i].data.at, 0xff, set->record[i].data.len);
		free((char *)set->record[i].data.at);
	}
	memset(set, 0xff, sizeof *set);
}

/* Begins the probe on the loop's thread, then overwrites everything that was passed to probe_begin(), except the
 * prober. */
static inline void awaited_begin(void *arg)
{
	struct awaited *awaited = arg;
	struct tlsa_set set = {.count = 0};
	char host[DOMAIN_SIZE], base[DOMAIN_SIZE] = "";
	struct address address = awaited->address;
	snprintf(host, sizeof host, "%s", awaited->host);
	if (awaited->dane) {
		snprintf(base, sizeof base, "%s", awaited->dane->base);
		dane_lend(&set, awaited->dane);
	}
	const struct probe_dane dane = {&set, base};
	awaited->probe = probe_begin(awaited->prober, awaited->room->line, host, &address, awaited->port,
		awaited->timeout_ms, awaited->dane ? &dane : NULL, (struct wake){awaited_wake, awaited});
	await_must(!probe_answer(awaited->probe, &awaited->seen, &awaited->may_pass), "answered before it began");
	awaited->begun = true;
	if (awaited->dane)
		dane_take_back(&set);
	memset(host, 'x', sizeof host - 1);
	memset(base, 'x', sizeof base - 1);
	memset(&address, 0xff, sizeof address);
}

static inline void awaited_drop(void *arg)
{
	probe_drop(&((struct awaited *)arg)->probe);
}

static inline void room_prepare(struct probe_room *room, struct awaited *awaited)
{
	awaited->room = room;
	awaited->wakes = 0;
	awaited->begun = false;
	sem_init(&awaited->woken, 0, 0);
}

static inline void room_begin(struct probe_room *room, struct awaited *awaited)
{
	room_prepare(room, awaited);
	room_run(room, awaited_begin, awaited);
}

static inline void room_drop(struct probe_room *room, struct awaited *awaited)
{
	room_run(room, awaited_drop, awaited);
	await_must(!awaited->probe, "dropped and still there");
	sem_destroy(&awaited->woken);
}

/* Returns may_pass. */
static inline bool probe_await(struct probe_room *room, struct prober *prober, const char *host,
	const struct address *address, uint16_t port, int timeout_ms, const struct probe_dane *dane,
	struct evidence *seen)
{
	struct awaited awaited = {.prober = prober,
		.host = host,
		.address = *address,
		.port = port,
		.timeout_ms = timeout_ms,
		.dane = dane};
	memset(&awaited.seen, 0xff, sizeof awaited.seen);
	room_begin(room, &awaited);
	sem_wait(&awaited.woken);
	room_drop(room, &awaited);
	*seen = awaited.seen;
	room->look = awaited.look;
	return awaited.may_pass;
}

#endif
