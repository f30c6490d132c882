/* What the product has said in its log. Any thread. */
#ifndef FAKES_FAKE_LOG_H
#define FAKES_FAKE_LOG_H

#define FAKE_LOG_SIZE 65536

void fake_log_forget(void);
/* All since fake_log_forget(), a line each, cut at the size: `warning: domain=example.com ...`. */
void fake_log_copy(char out[FAKE_LOG_SIZE]);

#endif
