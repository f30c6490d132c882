/* The lines that the product has logged. Any thread. */
#ifndef FAKES_FAKE_LOG_H
#define FAKES_FAKE_LOG_H

#define FAKE_LOG_SIZE 65536

void fake_log_forget(void);
/* All lines since fake_log_forget(), truncated at the size: `warning: domain=example.com ...`. */
void fake_log_copy(char out[FAKE_LOG_SIZE]);

#endif
