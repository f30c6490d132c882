#include "leaves.h"

#include "lock.h"
#include "memory.h"

#include <stdlib.h>

struct leaves {
	struct lock lock;
	size_t count GUARDED_BY(lock);
	struct crl_leaf leaf[LEAVES_MAX] GUARDED_BY(lock);
};

struct leaves *leaves_new(void)
{
	struct leaves *leaves = xcalloc(1, sizeof *leaves);
	lock_init(&leaves->lock);
	return leaves;
}

void leaves_free(struct leaves **slot)
{
	struct leaves *leaves = *slot;
	if (!leaves)
		return;
	for (size_t i = 0; i < leaves->count; i++)
		crl_issuer_free(&leaves->leaf[i].issuer);
	lock_destroy(&leaves->lock);
	free(leaves);
	*slot = NULL;
}

void leaves_note(void *arg, const struct crl_leaf *leaf)
{
	struct leaves *leaves = arg;
	lock_take(&leaves->lock);
	size_t i = 0;
	while (i < leaves->count && leaves->leaf[i].leaf != leaf->leaf)
		i++;
	if (i == leaves->count && i < LEAVES_MAX) {
		leaves->leaf[i] = *leaf;
		crl_issuer_ref(leaf->issuer);
		leaves->count++;
	}
	lock_drop(&leaves->lock);
}

bool leaves_take(struct leaves *leaves, struct crl_leaf *leaf)
{
	lock_take(&leaves->lock);
	bool some = leaves->count > 0;
	if (some)
		*leaf = leaves->leaf[--leaves->count];
	lock_drop(&leaves->lock);
	return some;
}
