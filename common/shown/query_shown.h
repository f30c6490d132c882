/* The answer to a question, as `query` and `query --stored` show it. Any thread. */
#ifndef SHOWN_QUERY_SHOWN_H
#define SHOWN_QUERY_SHOWN_H

#include "preview.h"
#include "verdict_shown.h"

struct query_shown {
	const char *asked;         /* the question as it was asked */
	bool stored;               /* nothing was looked up */
	int64_t began;             /* facts that are not older were looked up for this answer; INT64_MAX: none was */
	int64_t now;               /* seconds since the epoch */
	const struct facts *facts; /* that led to the verdict */
	struct store *store;
	struct preview preview;
	struct verdict_shown verdict;
};

/* Fills in what follows from the facts and the verdict of a query. `asked`, `stored` and `began` are set before. The facts, the
 * store and `asked` must outlive the result. The caller frees with query_shown_free(). */
void query_shown_init(struct query_shown *shown, const struct verdict *verdict, bool final, const struct facts *facts,
	struct store *store, const struct config *config);
void query_shown_free(struct query_shown *shown);
/* Returns the object of `query --json`, which the caller owns: its arrays `steps` and, in each hop, `addresses` are empty. */
json_t *query_json(const struct query_shown *shown);

/* Returns the object of `query --stored --json` for a question, which was asked as `asked`. The caller owns it. Returns NULL
 * if the store cannot be read. */
json_t *stored_json(struct store *store, const struct config *config, const struct question *question,
	const char *asked, struct failure *why);

#endif
