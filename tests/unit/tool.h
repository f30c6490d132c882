/* Runs the built stsgate ($STSGATE, or the one in the build directory), or a function of it, and keeps its output. */
#ifndef TEST_TOOL_H
#define TEST_TOOL_H

#include <jansson.h>
#include <stddef.h>

#define TOOL_WORDS_MAX 16
#define TOOL_SECONDS 60 /* a run that takes longer is killed, and the test fails */

struct tool_run {
	int status;
	char *out, *err; /* NUL-terminated */
};

/* Runs a function in its own process, which exits with the function's result. */
struct tool_run tool_call(int (*function)(void *arg), void *arg);
/* `input` (may be NULL) is its standard input; NULL ends the arguments. */
struct tool_run tool_run(const char *input, size_t input_len, const char *const *words);
void tool_run_free(struct tool_run *run);
/* Its standard output, which must be one JSON value. The caller calls json_decref(). */
json_t *tool_json(const struct tool_run *run);

#define TOOL(...) tool_run(NULL, 0, (const char *const[]){__VA_ARGS__, NULL})

#endif
