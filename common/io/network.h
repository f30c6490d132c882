/* Tells in which network an IP address lies: its autonomous system (AS) and its country.
 *
 * The knowledge comes from a database on this machine (libloc), which the operator keeps up to date; without it every
 * network is unknown. Nothing is looked up elsewhere. When another file has replaced the database, it is opened
 * again; network_of() looks for that at most once in NETWORK_LOOK_S seconds. A file that is damaged or cannot be read
 * is logged once, and the database that was open before stays in use.
 *
 * The file is mapped into memory: replace it by renaming another file, and never write into it. Threads: any. */
#ifndef IO_NETWORK_H
#define IO_NETWORK_H

#include "address.h"
#include "failure.h"

#include <stdio.h>

#define NETWORK_LOOK_S 60
#define NETWORK_NAME_SIZE 128
#define NETWORK_COUNTRY_SIZE 8
#define NETWORK_DB_USUAL "/usr/share/libloc-location/location.db" /* Debian's; the default of network_db */

struct network {
	uint32_t asn;                       /* number of the autonomous system; 0: unknown */
	char as_name[NETWORK_NAME_SIZE];    /* its name, cut to fit, or ""; untrusted */
	char country[NETWORK_COUNTRY_SIZE]; /* two capital letters (ISO 3166), or "" */
	bool anycast;                       /* in many places at once: the country means little */
	bool hostile;                       /* the database marks it as a network to keep away from (its code XD) */
};

struct network_db;
/* Opens the database at `path`, which is copied. Never fails: if there is no database, or "" for `path`, all networks are
 * unknown. An absent file is logged only if `path` is not the usual one. Takes some ten milliseconds. */
struct network_db *network_db_open(const char *path);
/* Closes the database and sets the pointer to NULL. */
void network_db_close(struct network_db **db);
/* Fills `out`. Returns whether the database has anything about the address. `db` may be NULL. Takes microseconds, except
 * when it opens a new file. */
bool network_of(struct network_db *db, const struct address *address, struct network *out);
/* Writes the name of an autonomous system, or "". It is untrusted text. `db` may be NULL. */
void network_as_name(struct network_db *db, uint32_t asn, char out[NETWORK_NAME_SIZE]);

/* Returns whether the file is a database that libloc can use without reading outside the file or without end. libloc
 * trusts the numbers in the file; this reads them all. `size` is the size of the file. Also built without libloc. */
bool network_file_check(FILE *file, int64_t size, struct failure *why);

#endif
