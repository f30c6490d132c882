/* Two relays' stores and a file between them, for the tests of export, import and warm. */
#ifndef TEST_MOVING_ROOM_H
#define TEST_MOVING_ROOM_H

#include "call.h"
#include "store.h"
#include "world.h"

#define NOW ((int64_t)WORLD_START_S)
#define POLICY(mode, mx) "version: STSv1\nmode: " mode "\nmx: " mx "\nmax_age: 604800\n"
#define HEADER "{\"stsgate\": 1, \"exported_at\": 1900000000}\n"
/* A line: a domain whose policy was fetched at that time. */
#define FETCHED(at, text)                                                                                              \
	"{\"domain\": \"d.example\", \"policy\": {\"fetched_at\": " at ", \"id\": \"1\", \"text\": \"" text "\"}}"
#define GOOD_TEXT "version: STSv1\\nmode: enforce\\nmx: a.example\\nmax_age: 600\\n"

extern char one[96], two[96], file[96]; /* their paths; both stores are empty at first */

struct store *store_at(const char *path);
/* Leaves in the store the snapshot of a daemon, a verdict on mail that waits, an override, and a domain that is due, and
 * holds the owner's lock, as a running daemon does. The caller closes the descriptor. */
int daemon_at(const char *path);
/* Leaves word in the store that this daemon has stopped. */
void daemon_stops(const char *path);
void policy_set(struct entry *entry, const char *text, const char *id, int64_t at);
void put(struct store *store, struct entry *entry); /* takes the entry over */
/* Entries and hops of all kinds. */
void store_fill(const char *path);
struct entry entry_at(const char *path, const char *domain);

/* `domain` NULL: all domains. */
struct tool_run exported(const char *path, const char *domain);
void file_write(const char *bytes, size_t len);
struct tool_run imported(const char *path, const char *bytes, size_t len);
void imported_is(const char *path, const char *text, int status, const char *out);

int stores_make(void **state);
int stores_remove(void **state);
#define ON_STORES(test) cmocka_unit_test_setup_teardown(test, stores_make, stores_remove)

#endif
