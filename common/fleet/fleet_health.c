#include "fleet_health.h"

#include "age.h"
#include "clock.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"
#include "metrics.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

struct fleet_health {
	struct check *check;
	const struct link *link;
	const char *server;
	struct loop_timer *unreachable, *clock, *steady;
	bool up, waits;  /* waits: for a steady link */
	int64_t down_ms; /* since when */
	bool clock_is_off;
	char why[512]; /* the link is down */
	struct log_limit up_log, down_log;
};

static void on_unreachable(void *arg)
{
	struct fleet_health *health = arg;
	char detail[640];
	snprintf(detail, sizeof detail, "fleet_server %s: %s", health->server, health->why);
	check_shares(health->check, false, detail);
}

static void clock_look(struct fleet_health *health)
{
	int64_t ahead;
	if (!link_clock(health->link, &ahead))
		return;
	bool off = ahead > CLOCK_SKEW_S || ahead < -CLOCK_SKEW_S;
	char words[64];
	struct text span;
	text_init(&span, words, sizeof words);
	text_add_span(&span, ahead < 0 ? -ahead : ahead);
	if (off && !health->clock_is_off)
		log_warning(
			"fleet_server %s: its clock is %s %s this machine's; what relays with different clocks share "
			"may be ignored: let NTP keep all clocks",
			health->server, words, ahead > 0 ? "ahead of" : "behind");
	else if (!off && health->clock_is_off)
		log_info("fleet_server %s: its clock and this machine's agree again", health->server);
	health->clock_is_off = off;
}

static void on_clock(void *arg)
{
	struct fleet_health *health = arg;
	clock_look(health);
	loop_timer_set(health->clock, HEALTH_CLOCK_MS);
}

/* Only now is it certain that the link is not one that breaks as soon as it is used. */
static void on_steady(void *arg)
{
	struct fleet_health *health = arg;
	loop_timer_stop(health->unreachable);
	health->waits = false;
	check_shares(health->check, true, "");
}

static void went_up(struct fleet_health *health)
{
	char span[64] = "", words[LOG_LIMIT_WORDS_SIZE];
	struct text after;
	unsigned left_out;
	text_init(&after, span, sizeof span);
	if (health->waits) {
		text_add(&after, " again, after ");
		text_add_span(&after, (clock_mono_ms() - health->down_ms) / 1000);
	}
	if (log_limit_passes(&health->up_log, &left_out))
		log_info("fleet_server %s: connected%s%s", health->server, span, log_limit_words(words, left_out));
	loop_timer_set(health->steady, HEALTH_STEADY_MS);
	loop_timer_set(health->clock, 0);
}

static void went_down(struct fleet_health *health, const char *why)
{
	char words[LOG_LIMIT_WORDS_SIZE];
	unsigned left_out;
	if (log_limit_passes(&health->down_log, &left_out))
		log_warning("fleet_server %s: %s; nothing is shared until it can be reached%s", health->server, why,
			log_limit_words(words, left_out));
	health->waits = true;
	health->down_ms = clock_mono_ms();
	loop_timer_set(health->unreachable, HEALTH_UNREACHABLE_MS);
}

static void changed_now(void)
{
	metrics_set(METRIC_FLEET_CHANGED, 0, 0, 0, (uint64_t)clock_wall_s());
}

void fleet_health_changed(void *arg, bool up, const char *why)
{
	struct fleet_health *health = arg;
	if (up != health->up)
		changed_now();
	health->up = up;
	metrics_set(METRIC_FLEET_UP, 0, 0, 0, up);
	if (up) {
		went_up(health);
		return;
	}
	snprintf(health->why, sizeof health->why, "%s", why);
	loop_timer_stop(health->steady);
	if (!health->waits)
		went_down(health, why);
}

struct fleet_health *fleet_health_new(struct loop *loop, struct check *check, const char *server)
{
	struct fleet_health *health = xcalloc(1, sizeof *health);
	health->check = check;
	health->server = server;
	snprintf(health->why, sizeof health->why, "not connected");
	health->unreachable = loop_timer_new(loop, on_unreachable, health);
	health->clock = loop_timer_new(loop, on_clock, health);
	health->steady = loop_timer_new(loop, on_steady, health);
	changed_now();
	return health;
}

void fleet_health_watch(struct fleet_health *health, const struct link *link)
{
	health->link = link;
}

void fleet_health_free(struct fleet_health **slot)
{
	struct fleet_health *health = *slot;
	if (!health)
		return;
	loop_timer_free(&health->unreachable);
	loop_timer_free(&health->clock);
	loop_timer_free(&health->steady);
	free(health);
	*slot = NULL;
}
