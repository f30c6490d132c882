#include "tlsrpt_collector.h"

#include "datagram.h"
#include "lock.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"
#include "report.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MIN 100 /* datagrams that the kernel should keep */

struct tlsrpt_collector {
	const struct settings *settings;
	struct listener listener;
	struct datagram_sender sender; /* to tlsrpt_forward, or with tlsrpt = feed to tlsrpt_socket */
	struct loop *loop;
	struct datagram_receiver *receiver;
	void (*sink)(void *arg, const struct tlsrpt_session *session);
	void *arg;
	struct log_limit refused; /* loop's thread */
	struct lock lock;         /* guards `lost`; no other lock is taken while it is held */
	struct log_limit lost GUARDED_BY(lock);
};

/* --- sending --------------------------------------------------------------------------------------------------------- */

/* Returns what to do about a datagram that could not be sent. */
static const char *send_advice(int err)
{
	if (err == ENOENT || err == ECONNREFUSED)
		return "start the other collector, or correct the path";
	if (err == EACCES)
		return "let the daemon's user write to that socket, and reach its directory";
	if (err == EAGAIN)
		return "the other collector is too slow, or has stopped reading";
	return "look at the other collector";
}

static void lost_log(struct tlsrpt_collector *collector, const char *cause, const char *advice)
{
	char words[LOG_LIMIT_WORDS_SIZE];
	unsigned left_out = 0;
	bool feed = collector->settings->tlsrpt == TLSRPT_FEED;
	lock_take(&collector->lock);
	bool passes = log_limit_passes(&collector->lost, &left_out);
	lock_drop(&collector->lock);
	if (passes)
		log_warning("%s: `%s`: a TLS session was not passed on: %s%s: %s",
			feed ? "tlsrpt_socket" : "tlsrpt_forward", collector->sender.to.sun_path, cause,
			log_limit_words(words, left_out), advice);
}

static bool datagram_pass(struct tlsrpt_collector *collector, const char *bytes, size_t len)
{
	if (datagram_send(&collector->sender, bytes, len))
		return true;
	int err = errno;
	lost_log(collector, strerror(err), send_advice(err));
	return false;
}

/* Invalid UTF-8 stays here: tlsrpt-collectd may end when it receives some (spec T-74). */
static void datagram_forward(struct tlsrpt_collector *collector, const char *bytes, size_t len)
{
	bool valid = utf8_is_valid(bytes, len);
	if (!valid)
		lost_log(collector, "its datagram is not valid UTF-8",
			"it was counted here, but the other collector could fail");
	bool passed = valid && datagram_pass(collector, bytes, len);
	counters_tlsrpt_datagram(passed ? DATAGRAM_FORWARDED : DATAGRAM_NOT_FORWARDED);
}

void tlsrpt_collector_feed(void *arg, const struct tlsrpt_session *session)
{
	struct tlsrpt_collector *collector = arg;
	size_t len;
	char *bytes = tlsrpt_session_write(session, &len);
	if (!bytes)
		lost_log(collector, "its datagram would exceed 64 KiB",
			"the policy of its domain is very large, so nothing is wrong here");
	bool passed = bytes && datagram_pass(collector, bytes, len);
	counters_tlsrpt_datagram(passed ? DATAGRAM_FED : DATAGRAM_NOT_FED);
	free(bytes);
}

/* --- receiving ------------------------------------------------------------------------------------------------------- */

static void datagram_refuse(struct tlsrpt_collector *collector, const char *reason)
{
	char words[LOG_LIMIT_WORDS_SIZE];
	unsigned left_out = 0;
	counters_tlsrpt_datagram(DATAGRAM_REFUSED);
	if (log_limit_passes(&collector->refused, &left_out))
		log_warning(
			"tlsrpt_socket: a datagram %s, so it was not counted%s: only Postfix, or another program with "
			"libtlsrpt, should send to this socket",
			reason, log_limit_words(words, left_out));
}

static void on_datagram(void *arg, const char *bytes, size_t len)
{
	struct tlsrpt_collector *collector = arg;
	struct tlsrpt_session session;
	const char *reason = "";
	if (!tlsrpt_session_read(bytes, len, &session, &reason)) {
		datagram_refuse(collector, reason);
		return;
	}
	collector->sink(collector->arg, &session);
	tlsrpt_session_free(&session);
	counters_tlsrpt_datagram(DATAGRAM_COUNTED);
	if (collector->sender.fd >= 0)
		datagram_forward(collector, bytes, len);
}

/* --- start and stop -------------------------------------------------------------------------------------------------- */

bool tlsrpt_collector_listener(struct listener *listener, const struct settings *settings, struct failure *why)
{
	const char *path = settings->tlsrpt == TLSRPT_COLLECT ? settings->tlsrpt_socket : "";
	return listener_init_datagram(listener, "tlsrpt_socket", path, why);
}

static bool sockets_make(struct tlsrpt_collector *collector, const struct listener_access *access, struct failure *why)
{
	const struct settings *settings = collector->settings;
	bool feed = settings->tlsrpt == TLSRPT_FEED;
	const char *to = feed ? settings->tlsrpt_socket : settings->tlsrpt_forward;
	if (!tlsrpt_collector_listener(&collector->listener, settings, why) ||
		(listener_on(&collector->listener) && !listener_open(&collector->listener, access, why)))
		return false;
	return to[0] == '\0' || datagram_sender_open(&collector->sender, to, why) ||
	       failure_prefix(why, "%s", feed ? "tlsrpt_socket" : "tlsrpt_forward");
}

/* A container has the kernel's default of 10, also where systemd has set 512 outside. */
static void queue_note(void)
{
	unsigned most = datagram_queue_max();
	if (most > 0 && most < QUEUE_MIN)
		log_info(
			"tlsrpt_socket: the kernel keeps only %u datagrams for a socket, so sessions get lost when Postfix "
			"reports many at once: set net.unix.max_dgram_qlen = 512 (sysctl.conf(5)), and restart stsgated",
			most);
}

struct tlsrpt_collector *tlsrpt_collector_new(
	const struct settings *settings, const struct listener_access *access, struct failure *why)
{
	struct tlsrpt_collector *collector = xcalloc(1, sizeof *collector);
	collector->settings = settings;
	collector->sender.fd = -1;
	lock_init(&collector->lock);
	if (!sockets_make(collector, access, why))
		tlsrpt_collector_free(&collector);
	return collector;
}

bool tlsrpt_collector_start(struct tlsrpt_collector *collector,
	void (*sink)(void *arg, const struct tlsrpt_session *session), void *arg, struct failure *why)
{
	collector->sink = sink;
	collector->arg = arg;
	if (!listener_on(&collector->listener))
		return true;
	queue_note();
	collector->loop = loop_new(why);
	if (!collector->loop)
		return false;
	collector->receiver = datagram_receiver_new(
		collector->loop, collector->listener.fd, TLSRPT_DATAGRAM_MAX, on_datagram, collector);
	return loop_start(collector->loop, why);
}

void tlsrpt_collector_stop(struct tlsrpt_collector *collector)
{
	if (!collector || !collector->loop)
		return;
	loop_stop(collector->loop);
	loop_join(collector->loop);
	datagram_receiver_free(&collector->receiver);
	loop_free(&collector->loop);
}

void tlsrpt_collector_free(struct tlsrpt_collector **slot)
{
	struct tlsrpt_collector *collector = *slot;
	if (!collector)
		return;
	tlsrpt_collector_stop(collector);
	listener_close(&collector->listener);
	datagram_sender_close(&collector->sender);
	lock_destroy(&collector->lock);
	free(collector);
	*slot = NULL;
}
