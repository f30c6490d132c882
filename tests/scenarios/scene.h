/* A running scenario case: the product with the case's settings, a store in its own directory, and the result of the last
 * question. */
#ifndef SCENARIOS_SCENE_H
#define SCENARIOS_SCENE_H

#include "check.h"

#define SCENE_WORDS_MAX 64
#define SCENE_LINE_MAX 4096
#define SCENE_SETTINGS_MAX 32
#define SCENE_SETTLE_MS 20000 /* limit for background work; then the case fails */

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
	unsigned calls_before; /* calls of the world before the question */
};

/* The words of a statement, without quotes; the first word is its name. */
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
/* Runs one line. Prints an error and returns false if the line cannot be parsed. */
bool scene_run(struct scene *scene, char *line);

/* For expectations: prints the failure and the calls since the last question. */
bool scene_wrong(struct scene *scene, const char *what, const char *expected, const char *seen);
bool scene_bad(struct scene *scene, const char *what, const char *word);
bool scene_expect(struct scene *scene, const struct words *words);
/* Parses `90`, `5m`, `1d12h`; returns false for other texts. */
bool duration_parse(const char *text, int64_t *seconds);
/* The value of `key=value`, or NULL if the word has another form or key. */
const char *word_value(const char *word, const char *key);

#endif
