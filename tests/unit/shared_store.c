#include "shared_store.h"

#include "cm.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 64
#define PAIRS 1024
#define WORDS 8
#define INPUT 300000

/* A value; `field` is "" unless it is in a hash. */
static struct {
	char *key, *field, *value;
} pair[PAIRS];
static struct {
	int fd;
	char *input, *channel;
	size_t len;
} client[CLIENTS];
static size_t clients;
static const struct shared_store *self;

static const char default_info[] =
	"# Server\r\nredis_version:7.0.15\r\n# Memory\r\nused_memory:1048576\r\nmaxmemory:268435456\r\n"
	"maxmemory_policy:volatile-lru\r\n# Persistence\r\nrdb_last_bgsave_status:ok\r\n# Replication\r\n"
	"role:master\r\n";

/* --- replies ------------------------------------------------------------------------------------------------------ */

static void say(int fd, const char *text)
{
	size_t len = strlen(text);
	for (ssize_t sent; len > 0 && (sent = send(fd, text, len, MSG_NOSIGNAL)) > 0; len -= (size_t)sent)
		text += sent;
}

static void say_number(int fd, long number)
{
	char line[32];
	snprintf(line, sizeof line, ":%ld\r\n", number);
	say(fd, line);
}

static void say_count(int fd, size_t count)
{
	char line[32];
	snprintf(line, sizeof line, "*%zu\r\n", count);
	say(fd, line);
}

static void say_value(int fd, const char *value)
{
	char line[32];
	if (!value) {
		say(fd, "$-1\r\n");
		return;
	}
	snprintf(line, sizeof line, "$%zu\r\n", strlen(value));
	say(fd, line);
	say(fd, value);
	say(fd, "\r\n");
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static int pair_find(const char *key, const char *field)
{
	for (int i = 0; i < PAIRS; i++)
		if (pair[i].key && strcmp(pair[i].key, key) == 0 && strcmp(pair[i].field, field) == 0)
			return i;
	return -1;
}

static long pair_remove(const char *key, const char *field)
{
	int i = pair_find(key, field);
	if (i < 0)
		return 0;
	free(pair[i].key);
	free(pair[i].field);
	free(pair[i].value);
	pair[i].key = NULL;
	return 1;
}

static void pair_set(const char *key, const char *field, const char *value)
{
	pair_remove(key, field);
	for (int i = 0; i < PAIRS; i++)
		if (!pair[i].key) {
			pair[i].key = strdup(key);
			pair[i].field = strdup(field);
			pair[i].value = strdup(value);
			return;
		}
}

static void hash_say(int fd, const char *key, bool all)
{
	size_t count = 0;
	for (int i = 0; i < PAIRS; i++)
		count += pair[i].key && strcmp(pair[i].key, key) == 0;
	if (!all) {
		say_number(fd, (long)count);
		return;
	}
	say_count(fd, 2 * count);
	for (int i = 0; i < PAIRS; i++)
		if (pair[i].key && strcmp(pair[i].key, key) == 0) {
			say_value(fd, pair[i].field);
			say_value(fd, pair[i].value);
		}
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static void time_say(int fd)
{
	char now[32];
	snprintf(now, sizeof now, "%lld", (long long)time(NULL) + self->ahead_s);
	say_count(fd, 2);
	say_value(fd, now);
	say_value(fd, "0");
}

static void publish(int fd, const char *channel, const char *message)
{
	long heard = 0;
	for (size_t i = 0; i < clients; i++) {
		if (!client[i].channel || strcmp(client[i].channel, channel) != 0)
			continue;
		heard++;
		say_count(client[i].fd, 3);
		say_value(client[i].fd, "message");
		say_value(client[i].fd, channel);
		say_value(client[i].fd, message);
	}
	say_number(fd, heard);
}

static void subscribe(size_t i, const char *channel)
{
	free(client[i].channel);
	client[i].channel = strdup(channel);
	say_count(client[i].fd, 3);
	say_value(client[i].fd, "subscribe");
	say_value(client[i].fd, channel);
	say_number(client[i].fd, 1);
}

static void login(int fd, const char *password)
{
	if (self->password && strcmp(self->password, password) == 0)
		say(fd, "+OK\r\n");
	else
		say(fd, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
}

static void set(int fd, char *const *word, size_t count)
{
	bool only_new = false;
	for (size_t i = 3; i < count; i++)
		only_new |= strcasecmp(word[i], "NX") == 0;
	if (only_new && pair_find(word[1], "") >= 0) {
		say_value(fd, NULL);
		return;
	}
	pair_set(word[1], "", word[2]);
	say(fd, "+OK\r\n");
}

static void get(int fd, const char *key, const char *field)
{
	int i = pair_find(key, field);
	say_value(fd, self->lie ? self->lie : i >= 0 ? pair[i].value : NULL);
}

static bool is_refused(const char *command)
{
	char wanted[40];
	snprintf(wanted, sizeof wanted, " %.30s ", command);
	return self->refused && strstr(self->refused, wanted);
}

static void command(size_t i, char *const *word, size_t count)
{
	int fd = client[i].fd;
	const char *name = word[0];
	if (is_refused(name))
		say(fd, "-NOPERM this user has no permissions to run the command\r\n");
	else if (strcasecmp(name, "AUTH") == 0)
		login(fd, word[count - 1]);
	else if (strcasecmp(name, "TIME") == 0)
		time_say(fd);
	else if (strcasecmp(name, "PING") == 0)
		say(fd, "+PONG\r\n");
	else if (strcasecmp(name, "INFO") == 0)
		say_value(fd, self->info ? self->info : default_info);
	else if (strcasecmp(name, "SET") == 0 && count >= 3)
		set(fd, word, count);
	else if (strcasecmp(name, "GET") == 0 && count == 2)
		get(fd, word[1], "");
	else if (strcasecmp(name, "HGET") == 0 && count == 3)
		get(fd, word[1], word[2]);
	else if (strcasecmp(name, "DEL") == 0 && count == 2)
		say_number(fd, pair_remove(word[1], ""));
	else if (strcasecmp(name, "HDEL") == 0 && count == 3)
		say_number(fd, pair_remove(word[1], word[2]));
	else if (strcasecmp(name, "HLEN") == 0 && count == 2)
		hash_say(fd, word[1], false);
	else if (strcasecmp(name, "HGETALL") == 0 && count == 2)
		hash_say(fd, word[1], true);
	else if (strcasecmp(name, "PUBLISH") == 0 && count == 3)
		publish(fd, word[1], word[2]);
	else if (strcasecmp(name, "SUBSCRIBE") == 0 && count == 2)
		subscribe(i, word[1]);
	else if (strcasecmp(name, "HSET") == 0 && count == 4) {
		pair_set(word[1], word[2], word[3]);
		say_number(fd, 1);
	} else
		say(fd, "-ERR unknown command\r\n");
}

/* --- input -------------------------------------------------------------------------------------------------------- */

/* Takes one command off the front of a client's input, and obeys it. Returns false if it is not whole yet. */
static bool command_take(size_t i)
{
	char *at = client[i].input, *end = at + client[i].len, *word[WORDS];
	long count = 0;
	*end = '\0';
	if (*at != '*' || !strchr(at, '\n'))
		return false;
	count = strtol(at + 1, NULL, 10);
	at = strchr(at, '\n') + 1;
	if (count < 1 || count > WORDS)
		return false;
	for (long k = 0; k < count; k++) {
		if (at >= end || *at != '$' || !strchr(at, '\n'))
			return false;
		long len = strtol(at + 1, NULL, 10);
		at = strchr(at, '\n') + 1;
		if (len < 0 || end - at < len + 2)
			return false;
		word[k] = at;
		at += len + 2;
	}
	/* Only now is it certain that the command is whole: its words may get their ends. */
	for (long k = 0; k < count; k++)
		word[k][strcspn(word[k], "\r")] = '\0';
	command(i, word, (size_t)count);
	client[i].len = (size_t)(end - at);
	memmove(client[i].input, at, client[i].len);
	return true;
}

static void client_read(size_t i)
{
	ssize_t got = recv(client[i].fd, client[i].input + client[i].len, INPUT - client[i].len, 0);
	if (got <= 0) {
		close(client[i].fd);
		free(client[i].input);
		free(client[i].channel);
		client[i] = client[--clients];
		return;
	}
	client[i].len += (size_t)got;
	while (command_take(i))
		;
}

static void serve(int listening)
{
	struct pollfd ready[CLIENTS + 1];
	for (;;) {
		for (size_t i = 0; i < clients; i++)
			ready[i] = (struct pollfd){.fd = client[i].fd, .events = POLLIN};
		size_t count = clients;
		ready[count] = (struct pollfd){.fd = listening, .events = POLLIN};
		poll(ready, (nfds_t)count + 1, -1);
		for (size_t i = count; i-- > 0;)
			if (ready[i].revents)
				client_read(i);
		if (ready[count].revents && clients < CLIENTS) {
			client[clients].fd = accept(listening, NULL, NULL);
			client[clients].input = malloc(INPUT + 1);
			client[clients].channel = NULL;
			client[clients++].len = 0;
		}
	}
}

/* --- the test's side ---------------------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const struct shared_store *store)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, store->path, strlen(store->path) + 1);
	return at;
}

void shared_store_start(struct shared_store *store)
{
	strcpy(store->directory, "/tmp/stsgate-shared-XXXXXX");
	assert_non_null(mkdtemp(store->directory));
	assert_int_equal(chmod(store->directory, 0755), 0); /* the tool may be root, and then becomes nobody */
	snprintf(store->path, sizeof store->path, "%s/store", store->directory);
	snprintf(store->setting, sizeof store->setting, "fleet_server=unix:%s", store->path);
	struct sockaddr_un at = address_of(store);
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listening, 16), 0);
	assert_int_equal(chmod(store->path, 0777), 0);
	store->pid = fork();
	assert_true(store->pid >= 0);
	if (store->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		self = store;
		serve(listening);
		_exit(0);
	}
	close(listening);
}

void shared_store_stop(struct shared_store *store)
{
	kill(store->pid, SIGKILL);
	waitpid(store->pid, NULL, 0);
	unlink(store->path);
	rmdir(store->directory);
}

void shared_store_tell(const struct shared_store *store, const char *const *words)
{
	struct sockaddr_un at = address_of(store);
	char answer[256];
	size_t count = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	while (words[count])
		count++;
	say_count(fd, count);
	for (size_t i = 0; i < count; i++)
		say_value(fd, words[i]);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	close(fd);
}
