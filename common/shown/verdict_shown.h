/* A verdict as it is shown: with the age of the evidence behind it, advice, and a letter to the postmaster of the other side.
 * Any thread. */
#ifndef SHOWN_VERDICT_SHOWN_H
#define SHOWN_VERDICT_SHOWN_H

#include "config.h"
#include "preview.h"
#include "verdict.h"

struct verdict_shown {
	struct verdict verdict;
	const struct verdict *front; /* the verdict of the front ends, which differs if an override is in force */
	bool final;                  /* false: the verdict so far */
	bool held;                   /* the map, which the MTA asks, makes the MTA defer, whatever the verdict is */
	bool left_to_mta;    /* a pass, although no mail host is known to be good: the MTA itself verifies TLS */
	bool unconfirmed;    /* a pass by older good evidence, while this command has found no mail host good */
	int64_t evidence_at; /* when the oldest fact was learned on which the verdict rests; 0: it rests on none */
	enum reason letter_reason; /* what the letter is about; REASON_OK: there is none */
	char *letter;              /* owned; NULL: the other side's postmaster can do nothing */
};

/* `verdict` is that of a query; `preview`, which must outlive the result, was made of it. `began` is that of struct view; 0:
 * nothing was looked up. `config` has the name of this machine, for the letter. The caller frees with
 * verdict_shown_free(). */
void verdict_shown_init(struct verdict_shown *shown, const struct verdict *verdict, bool final,
	const struct preview *preview, const struct facts *facts, int64_t began, const struct config *config);
void verdict_shown_free(struct verdict_shown *shown);

/* Adds the members verdict, reason, sentence, advice, tell_postmaster, hop, final, left_to_mta, confirmed, evidence_at and letter. */
void verdict_shown_put(json_t *object, const struct verdict_shown *shown);

#endif
