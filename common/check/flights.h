/* Flights: what is being asked of the network right now, and who waits for it. Internal to check; any worker may call.
 *
 * The case that leads a flight counts against its client's share of the workers while it asks, and holds neither share
 * nor worker while it is put off. Nobody waits behind a leader that gets no share: its flight lands, and those who were
 * parked in it look for themselves. */
#ifndef CHECK_FLIGHTS_H
#define CHECK_FLIGHTS_H

#include "cases.h"

#define FLIGHT_SHARE_WAIT_MS 1000 /* at most, between two tries to get a share of the workers, or to a policy host */

struct flight {
	struct want want;
	struct cas *parked;
	struct flight *next; /* in its bucket */
};

/* The flight that this case now leads, with a share taken; NULL when it is parked in somebody else's, or put off since
 * its client's share is used up. Then the case is somebody else's from now on. */
struct flight *flight_join(struct check *check, struct cas *c, const struct want *want);

/* Whether the case has a share to lead with: flight_join() took the first; after it was put off it takes another. */
bool flight_share_held(struct cas *c);

/* How long it is put off, in ms. Thousands of cases may wait for one client's share, or for one policy host: the longer
 * one has waited, the less often it asks. */
int flight_wait_ms(struct cas *c);

/* Ends a flight; the cases that were parked in it belong to the caller. */
struct cas *flight_land(struct check *check, struct flight *flight);

#endif
