/* Fair shares (design 1): one client and one destination network hold at most a quarter of the workers each, and one
 * client an eighth of the open cases, so that silent hosts, or somebody who sends to many of them, do not stall what
 * others wait for. Keys that fall on one slot
 * share it: stricter, never laxer. Any thread. */
#ifndef CHECK_SHARE_H
#define CHECK_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define SHARE_SLOTS 4096

struct share;
struct share *share_new(unsigned most); /* for one key; 0 counts as 1 */
void share_free(struct share **share);
/* False: the share is used up at this moment. Key 0 has no bounds. */
bool share_take(struct share *share, uint64_t key);
/* The same, with another bound for this once; 0 counts as 1. */
bool share_take_within(struct share *share, uint64_t key, unsigned most);
void share_give(struct share *share, uint64_t key); /* after share_take() that was true */

#endif
