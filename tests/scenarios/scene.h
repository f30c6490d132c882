/* One scenario case under way: the product as the case's settings make it, a store in a directory of its own, and what
 * the last question brought. */
#ifndef SCENARIOS_SCENE_H
#define SCENARIOS_SCENE_H

#include "check.h"

#define SCENE_WORDS_MAX 64
#define SCENE_LINE_MAX 4096
#define SCENE_SETTINGS_MAX 32
#define SCENE_SETTLE_MS 20000 /* background work takes no longer, or the case fails */

struct scene {
	const char *file;
	unsigned line;
	unsigned failures;
	unsigned expectations;

	char directory[256];
	char *setting[SCENE_SETTINGS_MAX];
	size_t setting_count;
	struct loops *loops;
	struct config *config;
	struct store *store;
	struct check *check;
	unsigned gates;

	/* The last question. */
	char domain[DOMAIN_SIZE];
	struct question question;
	int wait_ms;
	struct outcome outcome;
	bool waited;
	unsigned calls_before; /* of the world, when it was asked */
};

/* A statement: its words, quotes taken off, the first being its name. */
struct words {
	size_t count;
	char *word[SCENE_WORDS_MAX];
};

struct scene;
struct statement {
	const char *name; /* NULL ends a list */
	bool (*run)(struct scene *scene, const struct words *words);
};
extern const struct statement scene_world_statements[];
void words_cut(struct words *words, char *line); /* the words stay in the line */

void scene_begin(struct scene *scene, const char *file);
void scene_end(struct scene *scene);
/* Runs one line. False: it cannot be read; said on standard output. */
bool scene_run(struct scene *scene, char *line);

/* For expectations: says what failed, and what was called since the last question. */
bool scene_wrong(struct scene *scene, const char *what, const char *expected, const char *seen);
bool scene_bad(struct scene *scene, const char *what, const char *word);
bool scene_expect(struct scene *scene, const struct words *words);
/* `90`, `5m`, `1d12h`; false when it is none. */
bool duration_parse(const char *text, int64_t *seconds);
/* The value of `key=value`, or NULL when the word is none of that key. */
const char *word_value(const char *word, const char *key);

#endif
