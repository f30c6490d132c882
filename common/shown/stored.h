/* Judges a question by what the store has, without any lookup (`stsgate query --stored`). Any thread. */
#ifndef SHOWN_STORED_H
#define SHOWN_STORED_H

#include "failure.h"
#include "store.h"
#include "verdict.h"

/* Reads what the store has about the question of `facts` into the facts, and judges by it up to its hard age. If the MTA
 * does DANE (`mta_dane`) and the stored MX records are signed, DNS answers were validated, so DANE counts. Sets
 * `*final` to false if the store lacks a fact that the verdict needs; `verdict` is then the verdict so far. Returns false if
 * the store cannot be read. */
bool stored_judge(struct store *store, struct facts *facts, bool mta_dane, struct verdict *verdict, bool *final,
	struct failure *why);
/* Adds what the store has about the domain's mail hosts that the facts lack, to be shown. Does nothing if the store cannot
 * be read. */
void stored_hops(struct store *store, struct facts *facts);

#endif
