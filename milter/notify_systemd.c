#include "notify.h"

#include "clock.h"

#include <systemd/sd-daemon.h>

#define PATIENCE_US 60000000 /* the service manager waits this long for the next report */

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_looking(unsigned percent)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%d\nSTATUS=checking the store: %u %%", PATIENCE_US, percent);
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_ms() * 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
