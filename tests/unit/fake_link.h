/* A shared store in memory, and links to it: replaces common/fleet/fleet_link at link time. Any thread. */
#ifndef TESTS_FAKE_LINK_H
#define TESTS_FAKE_LINK_H

#include "fleet_link.h"

enum fake_link_mode {
	FAKE_LINK_UP,
	FAKE_LINK_DOWN,    /* no command has an answer */
	FAKE_LINK_LYING,   /* reads return other bytes of the same length, and writes are not done */
	FAKE_LINK_REFUSING /* every command is an error */
};
void fake_link_mode(enum fake_link_mode mode);
void fake_link_reset(void); /* forgets all values */
/* Counts the commands whose words begin with this text, such as `SET farm:entry:`. */
unsigned fake_link_count(const char *words);
/* Returns a copy of a value, or of the field of a hash; NULL: there is none. The caller frees it. */
char *fake_link_value(const char *place, const char *field);
void fake_link_put(const char *place, const char *field, const char *value);
/* Lets a value that was put last for ever; else it lasts for 30 seconds, as far as a relay sees. */
void fake_link_keep(const char *place);
void fake_link_remove(const char *place);
/* Milliseconds that the newest value at the place was given; 0: for ever. */
int64_t fake_link_px(const char *place);

#endif
