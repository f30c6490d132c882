#include "notify.h"

void notify_ready(const char *status)
{
	(void)status;
}

void notify_looking(unsigned percent)
{
	(void)percent;
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}
