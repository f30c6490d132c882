#include "sign.h"

void sign_hop(struct signs_found *signs, const char *domain, const char *host, uint16_t port,
	const struct hop_record *record, const struct look *good, const struct evidence *seen, const struct look *look)
{
	(void)domain, (void)host, (void)port, (void)record, (void)good, (void)seen, (void)look;
	signs->count = 0;
}
