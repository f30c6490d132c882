/* Values of options, and words from a fixed list. If a value is wrong, these functions print a message on stderr that names
 * it and lists what is right. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the word with a number, from 0, or NULL after the last one. command.def names these functions for the help. */
typedef const char *value_words(unsigned number);
value_words doctor_words, event_words, list_order_words, override_words, policy_mode_words, setting_words,
	severity_words;

/* Finds a word. `what` describes the words, such as `a kind of event`. Sets `number` and returns true, or prints the
 * words that are right and returns false. */
bool value_word(const char *what, const char *text, value_words *words, unsigned *number);
/* Reads a duration such as 90s, 5m, 4h or 30d. `option` is the option's name with its dashes. */
bool value_duration(const char *option, const char *text, uint64_t *seconds);

#endif
