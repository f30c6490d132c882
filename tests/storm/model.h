/* The model of the storm: which domains there are, how their hosts behave, what each host has done so far, and which
 * answers of stsgated are right.
 *
 * Nine domains of ten are warm: the store has them before the storm. The others are cold. Hosts of some kinds of domains
 * behave at random, another way at each connection. An answer is right if some order of what the hosts did explains it:
 * evidence counts from the moment when a connection began, and newer evidence must have replaced it when its connection
 * ended MODEL_SLACK_MS before the question, or longer on a machine that is late. */
#ifndef STORM_MODEL_H
#define STORM_MODEL_H

#include "serve.h"
#include "stock.h"

#define MODEL_NAME_SIZE 48
#define MODEL_DOMAINS_MAX 100000
#define MODEL_SLACK_MS 10000 /* on a busy machine, from a host's last octet to the record in the store */
#define MODEL_WAIT_MS 4000   /* milter_wait and lookup_timeout of the daemon */

/* `oldest_age_s`: the facts about warm domains are younger. */
void model_init(unsigned domains, unsigned oldest_age_s);
bool model_is_warm(unsigned domain);
void model_name(char out[MODEL_NAME_SIZE], unsigned domain);
/* What the store has about a warm domain before the storm. */
void model_stock(struct stock *out, unsigned domain);
const struct serve_rules *model_rules(void);

/* Notes that a host begins to treat a connection in this way, as `meet` of the rules does. */
void model_begun(uint32_t address, uint16_t port, enum conduct conduct);

/* The machine was late by so much: ten times as long may pass until newer evidence must have replaced older. */
void model_late(unsigned ms);

/* Return whether an answer is right: the map's, without its length; the milter's, its letter and its text. Times are those
 * of clock_mono_ms(), when the question was sent and the answer read. Any thread. */
bool model_map_is_right(unsigned domain, const char *answer, int64_t asked_ms, int64_t read_ms);
bool model_milter_is_right(unsigned domain, const char *answer, int64_t asked_ms, int64_t read_ms);
/* Writes what is known about a domain, for a message about a wrong answer. */
void model_explain(unsigned domain);

#endif
