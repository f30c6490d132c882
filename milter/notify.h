/* Reports to the service manager (sd_notify(3)).
 *
 * notify_systemd.c implements these functions. If the build has no libsystemd, notify_none.c replaces it: its functions
 * do nothing. Any thread. */
#ifndef MILTER_NOTIFY_H
#define MILTER_NOTIFY_H

/* Reports that the start or a reload is complete, with a status line for `systemctl status`. */
void notify_ready(const char *status);
/* Reports how much of the store's file has been checked, and asks the service manager to wait for another minute. */
void notify_looking(unsigned percent);
/* Reports that a reload has begun. */
void notify_reloading(void);
/* Reports that a stop has begun. */
void notify_stopping(void);

#endif
