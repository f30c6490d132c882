/* A network namespace of the test program's own, so that it can use the real ports. */
#ifndef TESTS_NETNS_H
#define TESTS_NETNS_H

#define NETNS_SKIP 77 /* exit status: automake's "skipped" */

/* Before any thread. Ends the program where namespaces are not to be had: with a failure as root, as skipped otherwise.
 */
void netns_enter(void);

#endif
