#include "way_out.h"

#include "clock.h"
#include "host_name.h"
#include "memory.h"
#include "nameserver.h"
#include "probe_smtp.h"
#include "text.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOKUP_MS 1500
#define CONNECT_MS 5000
#define TALK_MS 6000
#define TYPE_A 1
#define TYPE_MX 15
#define TYPE_AAAA 28
#define READ_SIZE 1024
#define ADDRESSES_MAX 8 /* of one host */

struct attempt {
	struct way_out *target;
	const struct settings *settings;
	const char *helo;
	pthread_t thread;
	bool started;
};

/* --- names -------------------------------------------------------------------------------------------------------- */

/* Asks the servers in their order until one answers. */
static void name_ask(const char *name, unsigned type, const struct settings *settings, struct nameserver_reply *reply)
{
	struct nameserver server[NAMESERVERS_MAX];
	size_t count = nameservers_find(&settings->dns_servers, server);
	for (size_t i = 0; i < count; i++) {
		if (!nameserver_ask(&server[i], name, type, NAMESERVER_EDNS, LOOKUP_MS, reply))
			continue;
		if (!reply->truncated || nameserver_ask(&server[i], name, type, NAMESERVER_TCP, LOOKUP_MS, reply))
			return;
	}
}

size_t way_out_addresses(const char *host, const struct settings *settings, struct address *out, size_t max)
{
	struct nameserver_reply *reply = xcalloc(1, sizeof *reply);
	name_ask(host, TYPE_A, settings, reply);
	size_t count = nameserver_addresses(reply, out, max);
	if (count == 0 && reply->answered) {
		name_ask(host, TYPE_AAAA, settings, reply);
		count = nameserver_addresses(reply, out, max);
	}
	free(reply);
	return count;
}

size_t way_out_mx(const char *domain, const struct settings *settings, struct domain *out, size_t max)
{
	struct nameserver_reply *reply = xcalloc(1, sizeof *reply);
	name_ask(domain, TYPE_MX, settings, reply);
	size_t count = nameserver_mx(reply, out, max);
	free(reply);
	return count;
}

bool way_out_choose(struct way_out *target, const struct address *list, size_t count, const struct settings *settings)
{
	bool any = target->proxy || (target->smtp ? settings->probe_private : settings->fetch_private);
	for (size_t i = 0; i < count; i++)
		if (any || address_is_global(&list[i])) {
			target->address = list[i];
			return true;
		}
	return false;
}

/* Finds the address of a host whose name may come from strangers. */
static bool address_find(struct way_out *target, const struct settings *settings)
{
	struct address list[ADDRESSES_MAX];
	return target->address.len > 0 ||
	       way_out_choose(target, list, way_out_addresses(target->host, settings, list, ADDRESSES_MAX), settings);
}

/* --- one connection ----------------------------------------------------------------------------------------------- */

static socklen_t address_fill(struct sockaddr_storage *out, const struct address *address, uint16_t port)
{
	memset(out, 0, sizeof *out);
	if (address->len == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address->bytes, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof *in6;
}

/* Binds to the address of probe_bind that has the same family, if there is one. */
static bool bind_own(int fd, const struct attempt *attempt)
{
	const struct settings_list *own = &attempt->settings->probe_bind;
	for (size_t i = 0; attempt->target->smtp && i < own->count; i++) {
		struct address address;
		struct sockaddr_storage here;
		if (!address_parse(&address, own->item[i]) || address.len != attempt->target->address.len)
			continue;
		socklen_t len = address_fill(&here, &address, 0);
		return bind(fd, (const struct sockaddr *)&here, len) == 0;
	}
	return true;
}

static bool ready_wait(int fd, short events, int64_t until_ms)
{
	struct pollfd one = {.fd = fd, .events = events};
	int64_t left_ms = until_ms - clock_mono_ms();
	return left_ms > 0 && poll(&one, 1, (int)left_ms) == 1;
}

/* Returns 0 or the errno. */
static int connect_try(int fd, const struct attempt *attempt)
{
	struct sockaddr_storage there;
	int err = 0;
	socklen_t len = address_fill(&there, &attempt->target->address, attempt->target->port), size = sizeof err;
	if (!bind_own(fd, attempt))
		return errno;
	if (connect(fd, (const struct sockaddr *)&there, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (!ready_wait(fd, POLLOUT, clock_mono_ms() + CONNECT_MS))
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) == 0 ? err : errno;
}

/* Talks until it is known whether STARTTLS is offered. STARTTLS itself is not sent. */
static void smtp_talk(int fd, const struct attempt *attempt)
{
	char bytes[READ_SIZE], buffer[DIALOGUE_SAY_SIZE];
	struct way_out *target = attempt->target;
	struct evidence seen = {.at = 0};
	struct look look = {.at = 0};
	struct dialogue dialogue;
	int64_t until_ms = clock_mono_ms() + TALK_MS;
	dialogue_begin(&dialogue, attempt->helo, false, &seen, &look);
	while (dialogue.state == DIALOGUE_GREETING || dialogue.state == DIALOGUE_EHLO) {
		struct text say;
		text_init(&say, buffer, sizeof buffer);
		ssize_t len = ready_wait(fd, POLLIN, until_ms) ? recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) : -1;
		if (len > 0)
			dialogue_feed(&dialogue, bytes, (size_t)len, &say);
		else
			dialogue_fail(&dialogue, len == 0 ? PEER_CLOSED : PEER_SILENT, &say);
		target->starttls = dialogue.state == DIALOGUE_STARTTLS;
		const char *words = target->starttls ? "QUIT\r\n" : say.bytes;
		send(fd, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	struct text words;
	text_init(&words, target->words, sizeof target->words);
	target->mangled = look.rewritten;
	target->plain = !target->starttls && seen.reason == REASON_STARTTLS_MISSING;
	if (!target->starttls && !target->plain)
		text_quote(&words, seen.text, strlen(seen.text), sizeof target->words - 1);
}

/* The thread of one target. */
static void *attempt_run(void *arg)
{
	struct attempt *attempt = arg;
	struct way_out *target = attempt->target;
	target->found = address_find(target, attempt->settings);
	int family = target->address.len == 16 ? AF_INET6 : AF_INET;
	int fd = target->found ? socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
	target->err = fd < 0 ? errno : connect_try(fd, attempt);
	target->connected = fd >= 0 && target->err == 0;
	if (target->connected && target->smtp)
		smtp_talk(fd, attempt);
	if (fd >= 0)
		close(fd);
	return NULL;
}

void way_out_try(struct way_out *target, size_t count, const struct settings *settings)
{
	struct attempt attempt[WAY_OUT_MAX];
	char host[HOST_NAME_SIZE] = "";
	if (!*settings->probe_helo)
		host_name(host);
	for (size_t i = 0; i < count && i < WAY_OUT_MAX; i++) {
		attempt[i] = (struct attempt){.target = &target[i],
			.settings = settings,
			.helo = *settings->probe_helo ? settings->probe_helo : host};
		attempt[i].started = pthread_create(&attempt[i].thread, NULL, attempt_run, &attempt[i]) == 0;
	}
	for (size_t i = 0; i < count && i < WAY_OUT_MAX; i++)
		if (attempt[i].started)
			pthread_join(attempt[i].thread, NULL);
}
