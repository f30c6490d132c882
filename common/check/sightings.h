/* What probes saw at (address, port), whoever's host it was for: a certificate with a sound chain that covers the name
 * of another hop at that address, too, makes a connection there needless (a large provider gives each tenant a mail
 * host's name of its own in the same few networks). The other way round nothing follows: SNI may select another
 * certificate, so one that does not cover a name says nothing of it. In memory, of one generation of the settings;
 * SIGHTINGS_MAX certificates and SIGHTINGS_BYTES_MAX of names at most, four certificates of one address; those that
 * have spared no probe lately go first, the oldest of them first. Any thread. */
#ifndef CHECK_SIGHTINGS_H
#define CHECK_SIGHTINGS_H

#include "probe.h"

#define SIGHTINGS_MAX 1024
#define SIGHTINGS_BYTES_MAX (2 * 1024 * 1024)
#define SIGHTINGS_OF_ADDRESS 4
#define SIGHTINGS_DIALLED_MAX 256

struct sightings;
struct sightings *sightings_new(void);
void sightings_free(struct sightings **sightings);

/* For probe_options.shown. */
void sightings_note(void *sightings, const struct probe_shown *shown);
/* The newest that was seen there not before `since`, is valid at `now`, and covers `host`: evidence of its time. */
bool sightings_find(struct sightings *sightings, const struct address *address, uint16_t port, const char *host,
	int64_t since, int64_t now, struct evidence *seen);

/* Before a probe that such evidence could spare, of all its addresses. False: one of them is being probed, so it may
 * be there in a moment. Else sightings_hang_up() comes when the probe has ended. */
bool sightings_dial(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port);
void sightings_hang_up(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port);

#endif
