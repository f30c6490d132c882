#include "talk.h"

#include "listener.h"
#include "socketmap.h"
#include "text.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX 4096

/* Questions that the daemon answers at once, without looking up anything: an address literal has no policy, and policy
 * delegation judges at RCPT only. The milter's question is the negotiation of libmilter (SMFIC_OPTNEG), with all that
 * Postfix offers, so that libmilter misses nothing; then SMFIC_QUIT. */
#define MILTER_QUESTION "\0\0\0\15O\0\0\0\6\0\0\1\377\0\37\377\377\0\0\0\1Q"
#define MAP_QUESTION "19:postfix [192.0.2.1],"
#define DELEGATION_QUESTION "request=smtpd_access_policy\nprotocol_state=CONNECT\n\n"
#define HTTP_QUESTION "GET /healthz HTTP/1.0\r\n\r\n"
static const struct span questions[] = {
	[TALK_MILTER] = {MILTER_QUESTION, sizeof MILTER_QUESTION - 1},
	[TALK_SOCKETMAP] = {MAP_QUESTION, sizeof MAP_QUESTION - 1},
	[TALK_DELEGATION] = {DELEGATION_QUESTION, sizeof DELEGATION_QUESTION - 1},
	[TALK_HTTP] = {HTTP_QUESTION, sizeof HTTP_QUESTION - 1},
	[TALK_DATAGRAM] = {"", 0},
};

/* --- reading the reply -------------------------------------------------------------------------------------------- */

static bool begins_with(struct span text, const char *word)
{
	return text.len >= strlen(word) && memcmp(text.at, word, strlen(word)) == 0;
}

static enum talk_end judge_netstring(struct span reply)
{
	struct span payload;
	size_t used;
	switch (netstring_read(reply, REPLY_MAX, &payload, &used)) {
	case NETSTRING_MORE:
		return TALK_SILENT;
	case NETSTRING_OK:
		return begins_with(payload, "NOTFOUND") || begins_with(payload, "TEMP ") ? TALK_ANSWERED : TALK_STRANGE;
	case NETSTRING_MALFORMED:
		break;
	}
	return TALK_STRANGE;
}

/* A packet is four octets of length, the command, and its data. */
static enum talk_end judge_milter(struct span reply)
{
	if (reply.len < 5)
		return TALK_SILENT;
	return reply.at[0] == 0 && reply.at[1] == 0 && reply.at[4] == 'O' ? TALK_ANSWERED : TALK_STRANGE;
}

static enum talk_end judge_lines(struct span reply, const char *begin, bool whole)
{
	size_t len = reply.len < strlen(begin) ? reply.len : strlen(begin);
	if (memcmp(reply.at, begin, len) != 0)
		return TALK_STRANGE;
	return len == strlen(begin) && whole ? TALK_ANSWERED : TALK_SILENT;
}

enum talk_end talk_judge(enum talk_protocol protocol, struct span reply, bool ended)
{
	if (reply.len == 0)
		return TALK_SILENT;
	switch (protocol) {
	case TALK_MILTER:
		return judge_milter(reply);
	case TALK_SOCKETMAP:
		return judge_netstring(reply);
	case TALK_DELEGATION:
		return judge_lines(reply, "action=", true);
	case TALK_HTTP:
		return judge_lines(reply, "HTTP/1.", ended);
	case TALK_DATAGRAM:
		break;
	}
	return TALK_STRANGE;
}

/* The status and the first line of the body of an HTTP reply. */
static void http_words(struct talk *talk, struct span reply)
{
	char *body = memmem(reply.at, reply.len, "\r\n\r\n", 4);
	struct span status = reply, text = {reply.at + reply.len, 0};
	if (body)
		text = (struct span){body + 4, reply.len - (size_t)(body + 4 - reply.at)};
	const char *blank = memchr(status.at, ' ', status.len), *end = memchr(status.at, '\r', status.len);
	status = blank && end && blank < end ? (struct span){blank + 1, (size_t)(end - blank - 1)}
					     : (struct span){"", 0};
	text = span_trim(text, "\r\n");
	struct text words;
	text_init(&words, talk->words, sizeof talk->words);
	for (size_t i = 0; i < status.len && i < 3; i++)
		text_add_bytes(&words, status.at[i] >= '0' && status.at[i] <= '9' ? status.at + i : "?", 1);
	text_add(&words, " ");
	for (size_t i = 0; i < text.len && text.at[i] != '\r' && text.at[i] != '\n'; i++)
		text_add_bytes(&words, text.at[i] >= 0x20 && text.at[i] <= 0x7e ? text.at + i : "?", 1);
}

/* --- the child ---------------------------------------------------------------------------------------------------- */

static bool user_become(const struct talk_user *user)
{
	if (user->root && (chroot(user->root) != 0 || chdir("/") != 0))
		return false;
	/* Postfix's processes give up all supplementary groups, too. */
	return !user->change || (setgroups(1, &user->gid) == 0 && setgid(user->gid) == 0 && setuid(user->uid) == 0);
}

static void reply_read(struct talk *talk, enum talk_protocol protocol, int fd)
{
	char bytes[REPLY_MAX];
	struct span reply = {bytes, 0};
	bool ended = false;
	while (talk->end == TALK_SILENT && !ended && reply.len < sizeof bytes) {
		ssize_t len = read(fd, bytes + reply.len, sizeof bytes - reply.len);
		ended = len <= 0;
		reply.len += len > 0 ? (size_t)len : 0;
		talk->end = talk_judge(protocol, reply, ended);
	}
	struct text words;
	text_init(&words, talk->words, sizeof talk->words);
	if (talk->end == TALK_SILENT && ended)
		talk->end = reply.len == 0 ? TALK_CLOSED : TALK_STRANGE;
	if (talk->end == TALK_STRANGE)
		text_quote(&words, bytes, reply.len, 60);
	if (talk->end == TALK_ANSWERED && protocol == TALK_HTTP)
		http_words(talk, reply);
}

static struct talk child_talk(
	enum talk_protocol protocol, const struct settings_socket *place, const struct talk_user *user)
{
	struct listener listener = {.setting = "", .text = "", .place = *place, .fd = -1};
	struct sockaddr_storage address;
	socklen_t len;
	struct talk talk = {.end = TALK_FAILED};
	bool found = listener_address(&listener, false, &address, &len, NULL);
	int type = protocol == TALK_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM;
	int fd = found ? socket(address.ss_family, type, 0) : -1;
	if (fd < 0 || !user_become(user)) {
		talk.err = found ? errno : EHOSTUNREACH;
		return talk;
	}
	if (connect(fd, (const struct sockaddr *)&address, len) != 0) {
		talk.err = errno;
		talk.end = TALK_REFUSED;
		return talk;
	}
	talk.end = protocol == TALK_DATAGRAM ? TALK_ANSWERED : TALK_SILENT;
	if (protocol == TALK_DATAGRAM)
		return talk;
	if (write(fd, questions[protocol].at, questions[protocol].len) == (ssize_t)questions[protocol].len)
		reply_read(&talk, protocol, fd);
	else
		talk.end = TALK_CLOSED;
	return talk;
}

/* --- the parent --------------------------------------------------------------------------------------------------- */

struct talk talk_ask(enum talk_protocol protocol, const struct settings_socket *place, const char *path,
	const struct talk_user *user)
{
	struct talk talk = {.end = TALK_FAILED};
	struct settings_socket there = *place;
	int ends[2], status = 0;
	if (path && path != place->path)
		snprintf(there.path, sizeof there.path, "%s", path);
	if (pipe(ends) != 0) {
		talk.err = errno;
		return talk;
	}
	pid_t child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_IGN);
		alarm(TALK_SECONDS);
		talk = child_talk(protocol, &there, user);
		_exit(write(ends[1], &talk, sizeof talk) == sizeof talk ? 0 : 1);
	}
	talk.err = errno;
	close(ends[1]);
	struct talk got;
	bool whole = child > 0 && read(ends[0], &got, sizeof got) == sizeof got && got.end <= TALK_FAILED;
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (whole) {
		got.words[sizeof got.words - 1] = '\0';
		return got;
	}
	if (child > 0)
		talk = (struct talk){.end = WIFSIGNALED(status) ? TALK_SILENT : TALK_FAILED};
	return talk;
}
