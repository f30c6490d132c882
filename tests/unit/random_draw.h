/* Draws for random worlds, all from one number. */
#ifndef TESTS_RANDOM_DRAW_H
#define TESTS_RANDOM_DRAW_H

#include "random_world.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define DOMAIN "example.com"

/* splitmix64 */
static inline uint64_t draw(struct random_world *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline unsigned below(struct random_world *w, unsigned limit)
{
	return (unsigned)(draw(w) % limit);
}

static inline bool chance(struct random_world *w, unsigned percent)
{
	return below(w, 100) < percent;
}

/* A time in the past, most often near one of the ages that matter; seldom never, or in the future. */
int64_t some_time(struct random_world *w);

/* All about one host but its name. */
void host_make(struct random_world *w, struct world_host *host);

#endif
