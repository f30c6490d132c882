/* Random numbers for random worlds, all from one seed. */
#ifndef TESTS_RANDOM_DRAW_H
#define TESTS_RANDOM_DRAW_H

#include "random_world.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define DOMAIN "example.com"

/* Returns the next number (splitmix64). */
static inline uint64_t draw(struct random_world *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Returns a number from 0 to limit - 1. */
static inline unsigned below(struct random_world *w, unsigned limit)
{
	return (unsigned)(draw(w) % limit);
}

/* Returns true with a probability of `percent`. */
static inline bool chance(struct random_world *w, unsigned percent)
{
	return below(w, 100) < percent;
}

/* Returns a time, mostly in the past and near one of the ages that matter, seldom 0 (never) or in the future. */
int64_t some_time(struct random_world *w);

/* Copies what good evidence has about networks and names. */
void place_copy(struct evidence *seen, const struct evidence *place);
/* Fills in everything about a host except its name. */
void host_make(struct random_world *w, struct world_host *host);

#endif
