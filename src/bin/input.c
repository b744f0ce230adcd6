/*
 * input.c
 *	  Reading files; one that cannot be read ends the program.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

#define READ_SIZE ((size_t) 1 << 20)

void
reader_open(LineReader *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	r->name = name;
	r->file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
	if (r->file == NULL)
		cannot("could not open \"%s\": %s", name, strerror(errno));
}

void
reader_close(LineReader *r)
{
	if (r->file != stdin)
		(void) fclose(r->file);
	free(r->buffer);
}

/* Read more behind what is there; returns false at the end of the file. */
static bool
reader_fill(LineReader *r)
{
	size_t		n;

	if (r->start > 0)
	{
		memmove(r->buffer, r->buffer + r->start, r->end - r->start);
		r->end -= r->start;
		r->scanned -= r->start;
		r->start = 0;
	}
	if (r->capacity - r->end < READ_SIZE / 2)
	{
		r->capacity = r->capacity * 2 + READ_SIZE;
		r->buffer = allocate(r->buffer, r->capacity, 1);
	}
	n = fread(r->buffer + r->end, 1, r->capacity - r->end, r->file);
	if (n == 0 && ferror(r->file))
		cannot("could not read \"%s\": %s", r->name, strerror(errno));
	r->end += n;
	return n > 0;
}

char *
reader_line(LineReader *r, size_t *len)
{
	char	   *line;
	char	   *lf = NULL;

	for (;;)
	{
		if (r->scanned < r->end)
			lf = memchr(r->buffer + r->scanned, '\n', r->end - r->scanned);
		if (lf != NULL)
			break;
		r->scanned = r->end;
		if (!reader_fill(r))
		{
			if (r->end > r->start)
				cannot("\"%s\" ends in the middle of line %" PRIu64, r->name, r->number + 1);
			return NULL;
		}
	}
	line = r->buffer + r->start;
	*len = (size_t) (lf - line);
	r->start += *len + 1;
	r->scanned = r->start;
	r->number++;
	return line;
}

bool
begins_with_line(const char *text, size_t len, const char *line)
{
	size_t		n = strlen(line);

	return len > n && memcmp(text, line, n) == 0 &&
		(text[n] == '\n' || text[n] == '\r');
}

size_t
read_whole(const char *name, char **buffer, size_t *capacity)
{
	FILE	   *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
	size_t		len = 0;
	size_t		n;

	if (file == NULL)
		cannot("could not open \"%s\": %s", name, strerror(errno));
	do
	{
		if (*capacity - len < READ_SIZE / 16)
		{
			*capacity = *capacity * 2 + READ_SIZE / 8;
			*buffer = allocate(*buffer, *capacity, 1);
		}
		n = fread(*buffer + len, 1, *capacity - len, file);
		len += n;
	} while (n > 0);
	if (ferror(file))
		cannot("could not read \"%s\": %s", name, strerror(errno));
	if (file != stdin)
		(void) fclose(file);
	return len;
}
