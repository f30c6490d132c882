#include "fleet_guest.h"

#include "clock.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PUBLISH_MS 200 /* a subscription needs a moment, so a message is sent again */

/* --- on the loop's thread ----------------------------------------------------------------------------------------- */

/* Only the first state counts: after a failure the link would try again, but the tool does not wait for that. */
static void guest_changed(void *arg, bool up, const char *why)
{
	struct fleet_guest *guest = arg;
	lock_take(&guest->lock);
	if (guest->state == GUEST_CONNECTS || (guest->state == GUEST_UP && !up)) {
		guest->state = up ? GUEST_UP : GUEST_DOWN;
		snprintf(guest->why, sizeof guest->why, "%s", why);
	}
	cond_wake_all(&guest->cond);
	lock_drop(&guest->lock);
}

static void guest_heard(void *arg, const char *bytes, size_t len)
{
	struct fleet_guest *guest = arg;
	lock_take(&guest->lock);
	if (len > 0 && len == strlen(guest->wanted) && memcmp(bytes, guest->wanted, len) == 0)
		guest->heard = true;
	cond_wake_all(&guest->cond);
	lock_drop(&guest->lock);
}

struct clock_task {
	struct loop_task task; /* the first member */
	struct fleet_guest *guest;
	bool known, done;
	int64_t ahead_s;
};

static void clock_read(struct loop_task *task)
{
	struct clock_task *clock = (struct clock_task *)task;
	struct fleet_guest *guest = clock->guest;
	lock_take(&guest->lock);
	clock->known = link_clock(guest->link, &clock->ahead_s);
	clock->done = true;
	cond_wake_all(&guest->cond);
	lock_drop(&guest->lock);
}

/* --- the tool's thread -------------------------------------------------------------------------------------------- */

static bool guest_wait(struct fleet_guest *guest, struct failure *why)
{
	int64_t until_ms = clock_mono_ms() + GUEST_CONNECT_MS;
	lock_take(&guest->lock);
	while (guest->state == GUEST_CONNECTS && cond_wait_until(&guest->cond, &guest->lock, until_ms))
		;
	bool up = guest->state == GUEST_UP;
	if (!up)
		failure_set(why, EX_UNAVAILABLE, "fleet_server: %s: %s", guest->settings->fleet_server,
			guest->why[0] ? guest->why : "no answer in time");
	lock_drop(&guest->lock);
	return up;
}

bool fleet_guest_open(
	struct fleet_guest *guest, const struct settings *settings, const char *channel, struct failure *why)
{
	*guest = (struct fleet_guest){.settings = settings};
	lock_init(&guest->lock);
	cond_init(&guest->cond);
	guest->loop = loop_new(why);
	if (guest->loop) {
		guest->link = link_new(&(struct link_options){
			.settings = settings, .loop = guest->loop, .changed = guest_changed, .arg = guest});
		if (channel)
			link_listen(guest->link, channel, guest_heard, guest);
		if (loop_start(guest->loop, why) && guest_wait(guest, why))
			return true;
	}
	fleet_guest_close(guest);
	return false;
}

void fleet_guest_close(struct fleet_guest *guest)
{
	if (guest->loop) {
		loop_stop(guest->loop);
		loop_join(guest->loop);
		link_free(&guest->link);
		loop_free(&guest->loop);
	}
	cond_destroy(&guest->cond);
	lock_destroy(&guest->lock);
}

struct link_reply *fleet_guest_ask(struct fleet_guest *guest, size_t count, const char *const *word)
{
	return fleet_call(guest->loop, guest->link, LINK_PATIENCE_MS, count, word, NULL);
}

bool fleet_guest_hears(struct fleet_guest *guest, const char *channel, const char *message, int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;
	lock_take(&guest->lock);
	snprintf(guest->wanted, sizeof guest->wanted, "%s", message);
	guest->heard = false;
	while (!guest->heard && clock_mono_ms() < until_ms) {
		lock_drop(&guest->lock);
		struct link_reply *reply =
			fleet_guest_ask(guest, 3, (const char *const[]){"PUBLISH", channel, message});
		bool lost = reply->kind != LINK_NUMBER;
		fleet_call_free(&reply);
		lock_take(&guest->lock);
		int64_t again_ms = clock_mono_ms() + PUBLISH_MS;
		while (!guest->heard && !lost && cond_wait_until(&guest->cond, &guest->lock, again_ms))
			;
		if (lost)
			break;
	}
	bool heard = guest->heard;
	lock_drop(&guest->lock);
	return heard;
}

bool fleet_guest_clock(struct fleet_guest *guest, int64_t *ahead_s)
{
	struct clock_task clock = {.task = {.run = clock_read}, .guest = guest};
	loop_post(guest->loop, &clock.task);
	lock_take(&guest->lock);
	while (!clock.done)
		cond_wait(&guest->cond, &guest->lock);
	lock_drop(&guest->lock);
	*ahead_s = clock.ahead_s;
	return clock.known;
}
