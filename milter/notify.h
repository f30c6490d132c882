/* What the service manager is told (sd_notify). notify_systemd.c, or notify_none.c where libsystemd is not offered. Any
 * thread. */
#ifndef MILTER_NOTIFY_H
#define MILTER_NOTIFY_H

void notify_ready(const char *status); /* also after a reload */
void notify_looking(unsigned percent); /* through the store, at a start that takes its time */
void notify_reloading(void);
void notify_stopping(void);

#endif
