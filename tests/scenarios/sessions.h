/* The sessions of TLS reports that the product has sent to its sink since the last question. */
#ifndef SCENARIOS_SESSIONS_H
#define SCENARIOS_SESSIONS_H

#include "scene.h"

/* With `set tlsrpt=collect` or feed: sets the sink. Without, the product observes no sessions. */
void sessions_listen(struct scene *scene);
void sessions_forget(void);
/* sessions [DOMAIN:POLICY:ok|failed[:RESULT]...] */
bool expect_sessions(struct scene *scene, const struct words *words);
/* session TEXT: the datagram of a session has this text */
bool expect_session(struct scene *scene, const struct words *words);

#endif
