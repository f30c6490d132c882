/* The operations whose durations the metric stsgate_step_seconds shows. Pure; any thread. */
#ifndef CORE_TIMING_H
#define CORE_TIMING_H

enum timing {
	TIMING_RECORD,  /* the lookup of an MTA-STS record */
	TIMING_POLICY,  /* the fetch of a policy, without the lookups of the host's addresses */
	TIMING_MX,      /* the lookup of an MX set */
	TIMING_ADDRESS, /* the lookups of a host's addresses, and of its TLSA records if a probe needs both */
	TIMING_TLSA,    /* the lookups of a mail host's TLSA records */
	TIMING_PROBE,   /* the probe of one address of a mail host */
	TIMING_COMMIT,  /* a commit of the store, which shares a wait for the disk among all changes that arrived */
	TIMING_COUNT
};
/* Returns the name in the metric: `record`. */
const char *timing_name(enum timing timing);

#endif
