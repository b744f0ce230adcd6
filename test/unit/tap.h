/*
 * tap.h
 *	  Test Anything Protocol for unit tests: ok() and done_testing().
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int	tap_count;
static int	tap_failed;

static bool ok(bool condition, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* One test; returns the condition. */
static bool
ok(bool condition, const char *format,...)
{
	va_list		args;

	printf("%sok %d - ", condition ? "" : "not ", ++tap_count);
	va_start(args, format);
	(void) vprintf(format, args);
	va_end(args);
	(void) putchar('\n');
	if (!condition)
		tap_failed++;
	return condition;
}

/* The plan; main() returns what this returns. */
static int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif							/* TAP_H */
