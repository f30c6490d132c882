/* cmocka with the headers that it wants before itself, and a few checks for tables of rows. */
#ifndef TEST_CM_H
#define TEST_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string literal as bytes and length; it may hold NUL. */
#define LIT(s) s, sizeof(s) - 1

#endif
