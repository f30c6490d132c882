/* Watches the link to the shared store for the operator: log lines when it goes up and down, the metric stsgate_fleet_up, the
 * condition fleet-unreachable, and a warning if the clocks of the server and of this machine differ. On the loop's thread, or before
 * the loop starts. */
#ifndef FLEET_FLEET_HEALTH_H
#define FLEET_FLEET_HEALTH_H

#include "check.h"
#include "fleet_link.h"

#define HEALTH_UNREACHABLE_MS 60000 /* without the link, until the condition begins */
#define HEALTH_STEADY_MS 2000       /* with the link, until the condition ends */
#define HEALTH_CLOCK_MS 60000       /* between two looks at the server's clock */

struct fleet_health;
/* `server` is the setting fleet_server, and is kept. */
struct fleet_health *fleet_health_new(struct loop *loop, struct check *check, const char *server);
/* Watches the clock of this link, too. */
void fleet_health_watch(struct fleet_health *health, const struct link *link);
void fleet_health_free(struct fleet_health **health);
/* As link_changed(). */
void fleet_health_changed(void *arg, bool up, const char *why);

#endif
