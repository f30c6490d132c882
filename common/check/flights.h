/* Flights: what is being asked of the network right now, and who waits for it. Internal to check; any worker may call.
 *
 * The case that leads a flight counts against the share of the workers of one client that asks it, and holds neither
 * share nor worker while it is put off. Nobody waits behind a leader that gets no share: its flight is dropped. */
#ifndef CHECK_FLIGHTS_H
#define CHECK_FLIGHTS_H

#include "cases.h"

#define FLIGHT_SHARE_WAIT_MS 1000 /* at most, between two tries to get a share of the workers, or to a policy host */

struct flight {
	struct want want;
	struct second_look look;
	struct cas *parked;
	struct flight *next; /* in its bucket */
};

/* The flight that this case now leads, with a share taken; NULL when it is parked in somebody else's, or put off since
 * all who ask have used up their shares. Then the case is somebody else's from now on. */
struct flight *flight_join(struct check *check, struct cas *c, const struct want *want);

/* Takes a share once more, after the case was put off. False: all who ask have used up theirs. */
bool flight_share_take(struct cas *c);

/* How long it is put off, in ms. Thousands of cases may wait for one client's share, or for one policy host: the longer
 * one has waited, the less often it asks. */
int flight_wait_ms(struct cas *c);

/* Ends a flight; the cases that were parked in it belong to the caller. */
struct cas *flight_land(struct check *check, struct flight *flight);

/* Ends a flight that brought nothing, and was led by this case: all who wanted it look for themselves again. */
void flight_drop(struct cas *c, struct flight *flight);

#endif
