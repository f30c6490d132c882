#include "nameserver.h"

#include "clock.h"
#include "rdata.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define QUERY_MAX 512
#define PORT 53
#define FLAGS_RD_AD 0x0120 /* please recurse; AD: report whether the answer was validated (RFC 6840 5.7) */
#define OPT_DO 0x80        /* third octet of the TTL of an OPT record */

/* --- servers ------------------------------------------------------------------------------------------------------ */

static bool server_set(struct nameserver *server, const char *text)
{
	char host[64];
	struct address address;
	const char *at = strchr(text, '@'), *zone = strchr(text, '%');
	size_t len = strcspn(text, "@%");
	unsigned long port = at ? strtoul(at + 1, NULL, 10) : PORT;
	*server = (struct nameserver){.len = 0};
	if (len >= sizeof host || port == 0 || port > UINT16_MAX)
		return false;
	snprintf(host, sizeof host, "%.*s", (int)len, text);
	if (!address_parse(&address, host))
		return false;
	char formatted[ADDRESS_TEXT_SIZE];
	address_format(&address, formatted);
	if (port == PORT)
		snprintf(server->text, sizeof server->text, "%s", formatted);
	else
		snprintf(server->text, sizeof server->text, "%s@%lu", formatted, port);
	if (address.len == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)&server->address;
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		memcpy(&in->sin_addr, address.bytes, 4);
		server->len = sizeof *in;
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&server->address;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		in6->sin6_scope_id = zone && !at ? if_nametoindex(zone + 1) : 0;
		memcpy(&in6->sin6_addr, address.bytes, 16);
		server->len = sizeof *in6;
	}
	return true;
}

static size_t servers_of_file(struct nameserver out[NAMESERVERS_MAX])
{
	char line[256], word[64];
	size_t count = 0;
	FILE *file = fopen(RESOLV_CONF, "re");
	while (file && count < NAMESERVERS_MAX && fgets(line, sizeof line, file))
		if (sscanf(line, "nameserver %63s", word) == 1 && server_set(&out[count], word))
			count++;
	if (file)
		fclose(file);
	return count;
}

size_t nameservers_find(const struct settings_list *configured, struct nameserver out[NAMESERVERS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; configured && i < configured->count && count < NAMESERVERS_MAX; i++)
		count += server_set(&out[count], configured->item[i]);
	if (!configured || configured->count == 0)
		count = servers_of_file(out);
	if (count == 0)
		count += server_set(&out[0], "127.0.0.1");
	return count;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* Returns the length of the query, or 0 if `name` is no name. */
static size_t query_make(uint8_t out[QUERY_MAX], uint16_t id, const char *name, unsigned type, bool extended)
{
	uint8_t *at = out;
	NS_PUT16(id, at);
	NS_PUT16(FLAGS_RD_AD, at);
	NS_PUT16(1, at); /* questions */
	NS_PUT16(0, at);
	NS_PUT16(0, at);
	NS_PUT16(extended ? 1 : 0, at); /* additional records */
	if (ns_name_pton(name, at, NS_MAXCDNAME) < 0)
		return 0;
	while (*at != 0)
		at += 1 + *at;
	at++;
	NS_PUT16(type, at);
	NS_PUT16(ns_c_in, at);
	if (extended) {
		const uint8_t opt[] = {
			0, 0, ns_t_opt, NAMESERVER_UDP_SIZE >> 8, NAMESERVER_UDP_SIZE & 0xff, 0, 0, OPT_DO, 0, 0, 0};
		memcpy(at, opt, sizeof opt);
		at += sizeof opt;
	}
	return (size_t)(at - out);
}

bool nameserver_reply_read(struct nameserver_reply *out, uint16_t id)
{
	ns_msg msg;
	ns_rr rr;
	out->answered = false;
	out->records = out->signatures = 0;
	if (ns_initparse(out->bytes, (int)out->len, &msg) != 0 || ns_msg_id(msg) != id ||
		!ns_msg_getflag(msg, ns_f_qr) || ns_msg_getflag(msg, ns_f_opcode) != ns_o_query)
		return false;
	out->answered = true;
	out->rcode = (unsigned)ns_msg_getflag(msg, ns_f_rcode);
	out->truncated = ns_msg_getflag(msg, ns_f_tc);
	out->authentic = ns_msg_getflag(msg, ns_f_ad);
	for (int i = 0; i < ns_msg_count(msg, ns_s_an) && ns_parserr(&msg, ns_s_an, i, &rr) == 0; i++) {
		out->records += ns_rr_type(rr) == out->type;
		out->signatures += ns_rr_type(rr) == ns_t_rrsig;
	}
	return true;
}

/* Calls `take` for each record of the answer, until it has taken `max` of them. */
static size_t records_take(const struct nameserver_reply *reply, size_t max, void *out,
	bool (*take)(const ns_msg *msg, const ns_rr *rr, void *out, size_t index))
{
	ns_msg msg;
	ns_rr rr;
	size_t count = 0;
	if (!reply->answered || ns_initparse(reply->bytes, (int)reply->len, &msg) != 0)
		return 0;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an) && count < max && ns_parserr(&msg, ns_s_an, i, &rr) == 0; i++)
		count += take(&msg, &rr, out, count);
	return count;
}

static bool address_take(const ns_msg *msg, const ns_rr *rr, void *out, size_t index)
{
	(void)msg;
	return (ns_rr_type(*rr) == ns_t_a || ns_rr_type(*rr) == ns_t_aaaa) &&
	       rdata_address((struct address *)out + index, ns_rr_rdata(*rr), ns_rr_rdlen(*rr));
}

static bool mx_take(const ns_msg *msg, const ns_rr *rr, void *out, size_t index)
{
	char name[NS_MAXDNAME];
	if (ns_rr_type(*rr) != ns_t_mx || ns_rr_rdlen(*rr) < 3 ||
		ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg), ns_rr_rdata(*rr) + 2, name, sizeof name) < 0)
		return false;
	return domain_parse((struct domain *)out + index, name, strlen(name));
}

size_t nameserver_addresses(const struct nameserver_reply *reply, struct address *out, size_t max)
{
	return records_take(reply, max, out, address_take);
}

size_t nameserver_mx(const struct nameserver_reply *reply, struct domain *out, size_t max)
{
	return records_take(reply, max, out, mx_take);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static bool ready_wait(int fd, short events, int64_t until_ms)
{
	struct pollfd one = {.fd = fd, .events = events};
	int64_t left_ms = until_ms - clock_mono_ms();
	return left_ms > 0 && poll(&one, 1, (int)left_ms) == 1;
}

/* Reads until the answer to this id comes; others are late or forged. */
static bool udp_read(int fd, uint16_t id, int64_t until_ms, struct nameserver_reply *out)
{
	while (ready_wait(fd, POLLIN, until_ms)) {
		ssize_t len = recv(fd, out->bytes, sizeof out->bytes, MSG_DONTWAIT);
		if (len < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		out->len = len > 0 ? (size_t)len : 0;
		if (len > 0 && nameserver_reply_read(out, id))
			return true;
	}
	return false;
}

static bool tcp_read(int fd, size_t len, int64_t until_ms, uint8_t *bytes)
{
	for (size_t have = 0; have < len;) {
		ssize_t got = ready_wait(fd, POLLIN, until_ms) ? recv(fd, bytes + have, len - have, MSG_DONTWAIT) : 0;
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

static bool tcp_ask(
	int fd, const uint8_t *query, size_t len, uint16_t id, int64_t until_ms, struct nameserver_reply *out)
{
	uint8_t framed[QUERY_MAX + 2], length[2];
	framed[0] = (uint8_t)(len >> 8);
	framed[1] = (uint8_t)len;
	memcpy(framed + 2, query, len);
	if (!ready_wait(fd, POLLOUT, until_ms) ||
		send(fd, framed, len + 2, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len + 2 ||
		!tcp_read(fd, sizeof length, until_ms, length))
		return false;
	out->len = (size_t)length[0] << 8 | length[1];
	return tcp_read(fd, out->len, until_ms, out->bytes) && nameserver_reply_read(out, id);
}

bool nameserver_ask(const struct nameserver *server, const char *name, unsigned type, enum nameserver_way way,
	int timeout_ms, struct nameserver_reply *out)
{
	uint8_t query[QUERY_MAX];
	uint16_t id = 0;
	int64_t until_ms = clock_mono_ms() + timeout_ms;
	out->answered = false;
	out->type = type;
	bool drawn = getrandom(&id, sizeof id, 0) == sizeof id;
	size_t len = drawn ? query_make(query, id, name, type, way != NAMESERVER_PLAIN) : 0;
	int kind = way == NAMESERVER_TCP ? SOCK_STREAM : SOCK_DGRAM;
	int fd = len > 0 ? socket(server->address.ss_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
	if (fd < 0)
		return false;
	bool connected =
		connect(fd, (const struct sockaddr *)&server->address, server->len) == 0 || errno == EINPROGRESS;
	if (connected && way == NAMESERVER_TCP)
		tcp_ask(fd, query, len, id, until_ms, out);
	for (int i = 2; connected && way != NAMESERVER_TCP && i > 0 && !out->answered; i--)
		if (send(fd, query, len, MSG_NOSIGNAL) == (ssize_t)len)
			udp_read(fd, id, i > 1 ? until_ms - timeout_ms * 2 / 3 : until_ms, out);
	close(fd);
	return out->answered;
}
