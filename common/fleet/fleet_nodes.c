#include "fleet_nodes.h"

#include "clock.h"
#include "fleet_node.h"
#include "fleet_value.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"
#include "metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORGET_MAX 16 /* nodes that one count removes */
#define TWIN_LOG_MS 3600000
#define NODES_OCTETS_MAX (8 << 20) /* memory that the hash takes; more are not nodes */
#define TWIN_S 2                   /* by so much a process before this one may have been later, if the clock was set */

struct fleet_nodes {
	const struct fleet_base *base;
	struct loop_timer *timer;
	char place[FLEET_PLACE_SIZE];
	int64_t started_at;
	unsigned ticks;
	struct log_limit many_log;
	int64_t twin_next_ms; /* when the next line about a twin may be logged */
	_Atomic int64_t decided_at;
};

static void counts_set(uint64_t current, uint64_t silent)
{
	metrics_set(METRIC_FLEET_NODES, FLEET_NODE_CURRENT, 0, 0, current);
	metrics_set(METRIC_FLEET_NODES, FLEET_NODE_SILENT, 0, 0, silent);
}

/* --- this node ---------------------------------------------------------------------------------------------------- */

static void own_write(struct fleet_nodes *nodes)
{
	const struct fleet_base *base = nodes->base;
	struct store_usage usage = {0};
	struct fleet_node node = {.seen_at = clock_wall_s(),
		.started_at = nodes->started_at,
		.decided_at = atomic_load(&nodes->decided_at)};
	size_t len;
	store_usage(base->store, &usage, NULL);
	snprintf(node.name, sizeof node.name, "%s", base->node);
	snprintf(node.version, sizeof node.version, "%s", PACKAGE_VERSION);
	node.entries = (int64_t)usage.entries;
	node.clock_known = link_clock(base->link, &node.ahead_s);
	node.ahead_s = -node.ahead_s; /* the link knows how far the server is ahead of this machine */
	char *sealed = fleet_node_seal(base->keys, base->prefix, &node, &len);
	if (sealed)
		link_ask(base->link, LINK_PATIENCE_MS, NULL, NULL, 4,
			(const char *const[]){"HSET", nodes->place, node.name, sealed});
	free(sealed);
}

/* Another relay of the same name overwrites what this one says, and their decisions cannot be told apart: cloned machines. What the
 * process before this one has left is older than this one's start. */
static void twin_look(struct fleet_nodes *nodes, const struct link_reply *value)
{
	const struct fleet_base *base = nodes->base;
	struct fleet_node node;
	if (value->kind != LINK_BYTES || fleet_node_open(base->keys, base->prefix, base->node, strlen(base->node),
						 value->bytes, value->len, clock_wall_s(), &node) != FLEET_TAKEN)
		return;
	bool twin = node.started_at != nodes->started_at && node.seen_at > nodes->started_at + TWIN_S;
	if (!twin || clock_mono_ms() < nodes->twin_next_ms)
		return;
	nodes->twin_next_ms = clock_mono_ms() + TWIN_LOG_MS;
	log_warning("another relay of the farm has the name %s, too: set fleet_node to a name of its own on each",
		base->node);
}

static void own_comes(void *arg, const struct link_reply *reply)
{
	if (reply->kind == LINK_NONE)
		return;
	twin_look(arg, reply);
	own_write(arg);
}

/* --- all nodes ---------------------------------------------------------------------------------------------------- */

static void node_forget(struct fleet_nodes *nodes, const struct fleet_node *node)
{
	link_ask(nodes->base->link, LINK_PATIENCE_MS, NULL, NULL, 3,
		(const char *const[]){"HDEL", nodes->place, node->name});
}

/* Counts the fields of the hash. Fields that are no nodes are ignored; `stsgate fleet list` shows them. */
static void nodes_count(struct fleet_nodes *nodes, const struct link_reply *fields)
{
	const struct fleet_base *base = nodes->base;
	uint64_t count[FLEET_NODE_STATES] = {0};
	int64_t now = clock_wall_s(), ahead_s = 0;
	unsigned forgotten = 0;
	link_clock(base->link, &ahead_s);
	for (size_t i = 0; i + 1 < fields->count; i += 2) {
		const struct link_reply *name = &fields->item[i], *value = &fields->item[i + 1];
		struct fleet_node node;
		if (name->kind != LINK_BYTES || value->kind != LINK_BYTES ||
			fleet_node_open(base->keys, base->prefix, name->bytes, name->len, value->bytes, value->len, now,
				&node) != FLEET_TAKEN)
			continue;
		int64_t age_s = fleet_node_age_s(&node, now + ahead_s);
		count[fleet_node_state(age_s)]++;
		if (age_s > NODE_FORGET_S && forgotten++ < FORGET_MAX)
			node_forget(nodes, &node);
	}
	counts_set(count[FLEET_NODE_CURRENT], count[FLEET_NODE_SILENT]);
}

static void fields_come(void *arg, const struct link_reply *reply)
{
	if (reply->kind == LINK_LIST)
		nodes_count(arg, reply);
}

static void usage_comes(void *arg, const struct link_reply *reply)
{
	struct fleet_nodes *nodes = arg;
	if (fleet_usage_is_large(reply, NODES_OCTETS_MAX))
		counts_set(0, 0);
	else if (reply->kind != LINK_NONE)
		link_ask(nodes->base->link, LINK_PATIENCE_MS, fields_come, nodes, 2,
			(const char *const[]){"HGETALL", nodes->place});
}

/* Asks for the fields if their number and their size are no danger for the link. */
static void number_comes(void *arg, const struct link_reply *reply)
{
	struct fleet_nodes *nodes = arg;
	char words[LOG_LIMIT_WORDS_SIZE];
	unsigned left_out;
	if (reply->kind != LINK_NUMBER)
		return;
	if (reply->number <= NODES_MAX) {
		link_ask(nodes->base->link, LINK_PATIENCE_MS, usage_comes, nodes, FLEET_USAGE_WORDS,
			FLEET_USAGE(nodes->place));
		return;
	}
	counts_set(0, 0);
	if (log_limit_passes(&nodes->many_log, &left_out))
		log_warning(
			"the shared store has %lld nodes of this farm; more than %d are not counted: remove what is "
			"no node from the hash %s%s",
			(long long)reply->number, NODES_MAX, nodes->place, log_limit_words(words, left_out));
}

static void nodes_tick(void *arg)
{
	struct fleet_nodes *nodes = arg;
	loop_timer_set(nodes->timer, NODES_WRITE_MS);
	if (!link_is_up(nodes->base->link)) {
		nodes->ticks = 0;
		counts_set(0, 0);
		return;
	}
	link_ask(nodes->base->link, LINK_PATIENCE_MS, own_comes, nodes, 3,
		(const char *const[]){"HGET", nodes->place, nodes->base->node});
	if (nodes->ticks++ % NODES_READ_EVERY == 0)
		link_ask(nodes->base->link, LINK_PATIENCE_MS, number_comes, nodes, 2,
			(const char *const[]){"HLEN", nodes->place});
}

struct fleet_nodes *fleet_nodes_new(const struct fleet_base *base)
{
	struct fleet_nodes *nodes = xcalloc(1, sizeof *nodes);
	nodes->base = base;
	nodes->started_at = clock_wall_s();
	fleet_nodes_place(nodes->place, sizeof nodes->place, base->prefix);
	nodes->timer = loop_timer_new(base->loop, nodes_tick, nodes);
	loop_timer_set(nodes->timer, 1000); /* the link needs a moment to come up */
	return nodes;
}

void fleet_nodes_free(struct fleet_nodes **slot)
{
	if (!*slot)
		return;
	loop_timer_free(&(*slot)->timer);
	free(*slot);
	*slot = NULL;
}

void fleet_nodes_decided(struct fleet_nodes *nodes, int64_t at)
{
	atomic_store(&nodes->decided_at, at);
}
