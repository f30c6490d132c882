/* Remembers which certificates probes saw at (address, port). Evidence for one hop can then be taken from a probe of
 * another hop at the same address: if the certificate has a sound chain and covers the second hop's name, no connection
 * is needed. (Large providers give each tenant a mail host name of its own in the same few networks.) The reverse does
 * not follow: SNI may select another certificate, so a certificate that does not cover a name proves nothing about that
 * name.
 *
 * Sightings are kept in memory for one generation of the settings: at most SIGHTINGS_MAX certificates with
 * SIGHTINGS_BYTES_MAX bytes of names, and four certificates per address. Certificates that have replaced no probe, or
 * were last seen more than a day ago, are evicted first. Among equals the oldest is evicted first. Any thread. */
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

/* Remembers what a probe saw. The prober calls it (probe_options.shown); `sightings` is a struct sightings. */
void sightings_note(void *sightings, const struct probe_shown *shown);
/* Finds the newest certificate that was seen at the address and port at or after `since`, is valid at `now`, and covers
 * `host`. Returns false if there is none; else `seen` is evidence with the time of that probe. Times are wall-clock
 * seconds. */
bool sightings_find(struct sightings *sightings, const struct address *address, uint16_t port, const char *host,
	int64_t since, int64_t now, struct evidence *seen);

/* Call it before a probe whose result a sighting could replace, with all addresses of the probe. Returns false if
 * another probe is under way at one of them: wait, since the sighting from that probe may serve. Otherwise notes the
 * addresses (as far as there is room) and returns true; call sightings_hang_up() when the probe has ended. */
bool sightings_dial(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port);
void sightings_hang_up(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port);

#endif
