/*
 * report.c
 *	  What the sub-commands print with, and how they give up.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

void
cannot(const char *format,...)
{
	va_list		args;

	(void) fflush(stdout);
	fputs("pg_custody_verify: ", stderr);
	va_start(args, format);
	(void) vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_CANNOT);
}

void *
allocate(void *old, size_t count, size_t size)
{
	void	   *p;

	if (count > SIZE_MAX / size)
		cannot("out of memory");
	p = realloc(old, count * size == 0 ? 1 : count * size);
	if (p == NULL)
		cannot("out of memory");
	return p;
}

void
print_name(cc_slice s)
{
	size_t		i;

	for (i = 0; i < s.len; i++)
	{
		int			c = s.data[i];

		(void) putchar(c < 0x20 || c == 0x7F ? '?' : c);
	}
}

void
print_and_exit(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) != 0)
		exit(EXIT_CANNOT);
	exit(EXIT_VERIFIED);
}

void
print_notice(bool json, const char *format, va_list args)
{
	char		text[1024];

	(void) vsnprintf(text, sizeof(text), format, args);
	if (json)
	{
		fputs("{\"notice\": ", stdout);
		show_json_string(text);
		fputs("}\n", stdout);
	}
	else
		printf("notice: %s\n", text);
}

void
print_verdict(uint64_t findings)
{
	if (findings > 0)
		printf("NOT verified, %" PRIu64 " finding%s: ", findings, findings == 1 ? "" : "s");
	else
		fputs("verified: ", stdout);
}

void
finish_output(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		cannot("could not write the result: %s", strerror(errno));
}
