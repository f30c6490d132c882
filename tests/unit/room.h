/* A store directory for a test, and entries to put there. */
#ifndef TEST_ROOM_H
#define TEST_ROOM_H

#include "store.h"

#include <sys/types.h>

#define ROOM_BYTES (1024 * 1024)
#define ROOM_NOW clock_wall_s()
#define ROOM_DAY 86400

/* Makes an empty directory, whose name is in `room`. Can be used as set-up and tear-down of cmocka. */
extern char room[256];
int room_make(void **state);
int room_remove(void **state);
const char *room_file(const char *name); /* static */
bool room_has(const char *name);
/* Counts the files in the directory whose names begin like this. `last` (256 octets, may be NULL) gets the name of
 * one of them that is no lock file. */
int room_count(const char *prefix, char *last);

struct store *room_open(uint64_t max_bytes, enum store_access access);

enum kind { KIND_EXPIRED, KIND_NEGATIVE, KIND_TESTING, KIND_NONE, KIND_ONCE, KIND_USED, KIND_PLACED, KIND_COUNT };
/* Stores an entry of this kind of about `size` octets. */
bool room_put(struct store *store, const char *domain, enum kind kind, size_t size, struct failure *why);
bool room_put_due(struct store *store, const char *domain, int64_t due_at, struct failure *why);
enum store_found room_get(struct store *store, const char *domain, struct entry *out);
bool room_knows(struct store *store, const char *domain);

/* For a closed store: count the records of a table; put bytes under a key. */
size_t room_records(const char *table);
void room_write(const char *table, const char *key, size_t key_len, const char *value);
struct bytes room_read(const char *table, const char *key); /* malloc'ed */
void room_write_bytes(const char *table, const char *key, size_t key_len, const void *bytes, size_t len);

/* For a closed store: overwrites the first page of a table's tree with zeros. */
void room_table_zero(const char *table);
/* For a closed store: removes a table, as if an earlier version had made the store. */
void room_table_drop(const char *table);

/* Runs `body` in a child and waits; returns what it returned. `body` may not use cmocka. */
bool room_child(bool (*body)(void));
/* Starts `body(fd)` in a child; the parent reads from the descriptor that is left in `fd`. */
pid_t room_spawn(void (*body)(int fd), int *fd);
void room_kill(pid_t pid);

#endif
