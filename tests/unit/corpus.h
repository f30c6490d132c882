/* The corpus below tests/corpus, for the tables of the unit tests. Whatever cannot be read fails the test. */
#ifndef TEST_CORPUS_H
#define TEST_CORPUS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* The whole file, malloc'ed, with a NUL behind it. */
char *corpus_read(const char *name, size_t *len);
/* An array of vectors; json_decref() it. */
json_t *corpus_vectors(const char *name);
/* The vector's `input`, or its `input_b64` decoded; malloc'ed. */
char *corpus_input(const json_t *vector, size_t *len);
const char *corpus_name(const json_t *vector);
/* The next of a fixed sequence of pseudo-random numbers; `state` begins with any number but 0. */
uint32_t corpus_random(uint32_t *state);

#endif
