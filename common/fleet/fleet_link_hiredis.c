#include "fleet_link.h"

#include "clock.h"
#include "fleet_line.h"
#include "fleet_secret.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"
#include "text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define REST_FIRST_MS 1000
#define STEADY_MS 60000 /* a link that was up for so long has no failures behind it */
#define WHY_SIZE 512
#define QUOTED_MAX 200 /* characters of a server's error */
#define WORDS_MAX 16
/* Octets in a second. A busy farm needs a few megabytes of hints, and next to nothing of news. */
#define COMMANDS_INPUT_MAX (64 << 20)
#define CHANNEL_INPUT_MAX (1 << 20)

/* One of the two connections, with what both have: connecting again and again, login, and a look whether it still works. */
struct side {
	struct link *link;
	struct fleet_line *line;
	struct loop_timer *rest; /* until it connects again */
	struct loop_timer *beat;
	unsigned failures; /* without a steady time between them */
	int64_t up_ms;     /* since when it is up; 0: it is down */
	void (*greet)(struct side *side);
	void (*look)(struct side *side);
	void (*went_down)(struct side *side, const char *why);
};
struct link {
	struct link_options options;
	struct line_address address;
	struct side commands, channel; /* channel.line is NULL until link_listen() */
	char *channel_name;
	link_heard *heard;
	void *heard_arg;
	struct log_limit channel_log;
	bool clock_known;
	int64_t clock_ahead_s;
};

/* --- a side ------------------------------------------------------------------------------------------------------- */

static void side_send(struct side *side, link_answered *answered, size_t count, const char *const *word)
{
	size_t len[WORDS_MAX];
	for (size_t i = 0; i < count; i++)
		len[i] = strlen(word[i]);
	line_send(side->line, LINK_PATIENCE_MS, answered, side, count, word, len);
}

/* Breaks the connection because of what the server has answered. */
static void side_refused(struct side *side, const char *what, const struct link_reply *reply)
{
	char why[WHY_SIZE];
	struct text text;
	text_init(&text, why, sizeof why);
	text_add(&text, what);
	if (reply->kind == LINK_REFUSED) {
		text_add(&text, ": ");
		text_quote(&text, reply->bytes, reply->len, QUOTED_MAX);
	}
	line_break(side->line, why, reply->kind == LINK_NONE);
}

static void side_up(struct side *side)
{
	side->up_ms = clock_mono_ms();
	loop_timer_set(side->beat, LINK_BEAT_MS);
}

static void on_login(void *arg, const struct link_reply *reply)
{
	struct side *side = arg;
	if (reply->kind == LINK_OK)
		side->greet(side);
	else
		side_refused(side, "it refuses the login", reply);
}

/* The first line of a secret is the password. */
static void on_connected(void *arg)
{
	struct side *side = arg;
	const struct settings *settings = side->link->options.settings;
	struct failure why;
	if (settings->fleet_password_file[0] == '\0') {
		side->greet(side);
		return;
	}
	char *password = fleet_secret_read(settings->fleet_password_file, &why);
	if (!password) {
		line_break(side->line, why.text, false);
		return;
	}
	password[strcspn(password, "\r\n")] = '\0';
	if (settings->fleet_user[0] != '\0')
		side_send(side, on_login, 3, (const char *const[]){"AUTH", settings->fleet_user, password});
	else
		side_send(side, on_login, 2, (const char *const[]){"AUTH", password});
	fleet_secret_free(&password);
}

/* How long to wait before the next attempt. Nodes do not come back all at the same moment. */
static int64_t rest_ms(const struct side *side, bool slow)
{
	int64_t rest = LINK_REST_MS;
	if (!slow && side->failures <= 5 && (REST_FIRST_MS << (side->failures - 1)) < LINK_REST_MS)
		rest = REST_FIRST_MS << (side->failures - 1);
	return rest - rest / 4 * (clock_mono_us() % 256) / 256;
}

static void on_broken(void *arg, const char *why, bool slow)
{
	struct side *side = arg;
	bool steady = side->up_ms != 0 && clock_mono_ms() - side->up_ms >= STEADY_MS;
	side->failures = steady ? 1 : side->failures + 1;
	side->up_ms = 0;
	loop_timer_stop(side->beat);
	loop_timer_set(side->rest, rest_ms(side, slow));
	side->went_down(side, why);
}

static void on_rested(void *arg)
{
	struct side *side = arg;
	line_connect(side->line);
}

static void on_beat(void *arg)
{
	struct side *side = arg;
	side->look(side);
	loop_timer_set(side->beat, LINK_BEAT_MS);
}

/* Begins with side->greet, look and went_down set. */
static void side_begin(struct side *side, struct link *link, size_t input_max,
	void (*message)(void *arg, const struct link_reply *list))
{
	side->link = link;
	side->line = line_new(&(struct line_options){.loop = link->options.loop,
		.address = &link->address,
		.connected = on_connected,
		.broken = on_broken,
		.message = message,
		.input_max = input_max,
		.arg = side});
	side->rest = loop_timer_new(link->options.loop, on_rested, side);
	side->beat = loop_timer_new(link->options.loop, on_beat, side);
	loop_timer_set(side->rest, 0);
}

static void side_end(struct side *side)
{
	line_free(&side->line);
	loop_timer_free(&side->rest);
	loop_timer_free(&side->beat);
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

/* Reads the answer to TIME: seconds and microseconds, as text. */
static bool clock_read(const struct link_reply *reply, int64_t *ahead_s)
{
	char *end;
	if (reply->kind != LINK_LIST || reply->count != 2 || reply->item[0].kind != LINK_BYTES)
		return false;
	long long at = strtoll(reply->item[0].bytes, &end, 10);
	if (*end != '\0' || at <= 0 || at > INT32_MAX * INT64_C(100))
		return false;
	*ahead_s = at - clock_wall_s();
	return true;
}

static bool is_forbidden(const struct link_reply *reply)
{
	return reply->kind == LINK_REFUSED && strncmp(reply->bytes, "NOPERM", strlen("NOPERM")) == 0;
}

/* A server that does not tell the time to this user works nevertheless. */
static void on_clock(void *arg, const struct link_reply *reply)
{
	struct side *side = arg;
	struct link *link = side->link;
	link->clock_known = clock_read(reply, &link->clock_ahead_s);
	if (!link->clock_known && !is_forbidden(reply)) {
		side_refused(side, "it does not work", reply);
		return;
	}
	if (side->up_ms != 0)
		return;
	side_up(side);
	if (link->options.changed)
		link->options.changed(link->options.arg, true, "");
}

static void ask_clock(struct side *side)
{
	side_send(side, on_clock, 1, (const char *const[]){"TIME"});
}

static void commands_down(struct side *side, const char *why)
{
	struct link *link = side->link;
	link->clock_known = false;
	if (link->options.changed)
		link->options.changed(link->options.arg, false, why);
}

void link_command(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len)
{
	line_send(link->commands.line, deadline_ms, answered, arg, count, word, len);
}

void link_ask(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word)
{
	size_t *len = xcalloc(count, sizeof *len);
	for (size_t i = 0; i < count; i++)
		len[i] = strlen(word[i]);
	link_command(link, deadline_ms, answered, arg, count, word, len);
	free(len);
}

bool link_is_up(const struct link *link)
{
	return link->commands.up_ms != 0;
}

bool link_clock(const struct link *link, int64_t *ahead_s)
{
	*ahead_s = link->clock_ahead_s;
	return link->clock_known && link_is_up(link);
}

/* --- the channel -------------------------------------------------------------------------------------------------- */

static void on_subscribed(void *arg, const struct link_reply *reply)
{
	struct side *side = arg;
	if (reply->kind == LINK_LIST)
		side_up(side);
	else
		side_refused(side, "it refuses the channel", reply);
}

static void subscribe(struct side *side)
{
	side_send(side, on_subscribed, 2, (const char *const[]){"SUBSCRIBE", side->link->channel_name});
}

static void ping(struct side *side)
{
	side_send(side, NULL, 1, (const char *const[]){"PING"});
}

static void on_message(void *arg, const struct link_reply *list)
{
	const struct side *side = arg;
	side->link->heard(side->link->heard_arg, list->item[2].bytes, list->item[2].len);
}

/* While the commands do not work either, one line in the log says enough; but they may notice a moment later, so the first failure
 * is not logged. */
static void channel_down(struct side *side, const char *why)
{
	char words[LOG_LIMIT_WORDS_SIZE];
	unsigned left_out;
	struct link *link = side->link;
	if (link_is_up(link) && side->failures > 1 && log_limit_passes(&link->channel_log, &left_out))
		log_warning("fleet_server: no news by the channel %s, so decisions of other relays come later: %s%s",
			link->channel_name, why, log_limit_words(words, left_out));
}

void link_listen(struct link *link, const char *channel, link_heard *heard, void *arg)
{
	link->channel_name = xstrdup(channel);
	link->heard = heard;
	link->heard_arg = arg;
	link->channel = (struct side){.greet = subscribe, .look = ping, .went_down = channel_down};
	side_begin(&link->channel, link, CHANNEL_INPUT_MAX, on_message);
}

/* --- the link ----------------------------------------------------------------------------------------------------- */

/* The settings have been checked: the host is an address. */
static void address_set(struct line_address *address, const char *value)
{
	struct settings_socket place;
	struct sockaddr_un *un = (struct sockaddr_un *)&address->at;
	struct sockaddr_in *in = (struct sockaddr_in *)&address->at;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->at;
	settings_socket_parse(&place, value, NULL);
	if (place.family == SOCKET_UNIX) {
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, place.path, strlen(place.path) + 1);
		address->len = sizeof *un;
	} else if (place.family == SOCKET_INET6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(place.port);
		inet_pton(AF_INET6, place.host, &in6->sin6_addr);
		address->len = sizeof *in6;
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(place.port);
		inet_pton(AF_INET, place.host, &in->sin_addr);
		address->len = sizeof *in;
	}
}

struct link *link_new(const struct link_options *options)
{
	struct link *link = xcalloc(1, sizeof *link);
	link->options = *options;
	address_set(&link->address, options->settings->fleet_server);
	link->commands = (struct side){.greet = ask_clock, .look = ask_clock, .went_down = commands_down};
	side_begin(&link->commands, link, COMMANDS_INPUT_MAX, NULL);
	return link;
}

void link_free(struct link **slot)
{
	struct link *link = *slot;
	if (!link)
		return;
	if (link->channel.line)
		side_end(&link->channel);
	side_end(&link->commands);
	free(link->channel_name);
	free(link);
	*slot = NULL;
}
