/* Runs subcommands in their own process, with a store in the test's own directory, and keeps their output. */
#ifndef TEST_CALL_H
#define TEST_CALL_H

#include "commands.h"
#include "tool.h"

struct call {
	command_run *run;
	const char *words[4];
	const char *override; /* name=value, or NULL */
	const char *settings; /* a settings file; NULL: none */
	const char *store;    /* NULL: a store that does not exist */
	bool json;
	const char *rate;        /* of warm */
	struct own_value own[4]; /* further options of the command; one without a name ends them */
};

extern char call_directory[64]; /* of the store; temporary stores are made in it, too */

int call_run(void *arg); /* a struct call, in this process */
struct tool_run call_tool(struct call call);
/* With --json; the exit status must be this one. The caller calls json_decref(). */
json_t *call_for_json(struct call call, int status);

/* Returns the member at a path such as `hops.0.host`. */
const json_t *json_at(const json_t *value, const char *path);
void json_is_text(const json_t *value, const char *path, const char *want);
void json_is_nothing(const json_t *value, const char *path);

/* The daemon's store, made by the test that owns it. */
void call_store_make(void);
void call_store_remove(void);

/* Set-up and tear-down of a group of tests. */
int call_directory_make(void **state);
int call_directory_remove(void **state);

#endif
