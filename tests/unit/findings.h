/* In place of doctor_report() and doctor_remedy(): what a group of checks reports, as text for comparison. */
#ifndef TEST_FINDINGS_H
#define TEST_FINDINGS_H

/* Forgets what was reported. */
void findings_clear(void);
/* Returns the warnings and failures: `RESULT CHECK`, separated by `; `. Fails if one of them has no remedy, or if another
 * finding has one. */
const char *findings_bad(void);
/* Returns all findings and remedies, each on a line: `RESULT CHECK TEXT`, `> REMEDY`. */
const char *findings_all(void);

#endif
