/*
 * tilefile.c
 *	  Files of a tlog-tiles directory, and findings about them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tiles.h"

/* A directory without its tiles lacks very many. */
#define FINDINGS_SHOWN 1000

void
tile_finding(TileVerifier *v, const char *code, const char *file, const char *format,...)
{
	char		detail[512];
	va_list		args;

	if (++v->findings > FINDINGS_SHOWN)
		return;
	va_start(args, format);
	(void) vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	if (v->json)
	{
		printf("{\"finding\": \"%s\", \"file\": ", code);
		show_json_string(file);
		fputs(", \"detail\": ", stdout);
		show_json_string(detail);
		fputs("}\n", stdout);
	}
	else
	{
		cc_slice	name;

		name.data = (const uint8_t *) file;
		name.len = strlen(file);
		printf("finding: %s ", code);
		show_file(name);
		printf(": %s\n", detail);
	}
}

void
tile_notice(TileVerifier *v, const char *format,...)
{
	va_list		args;

	v->notices++;
	if (v->quiet)
		return;
	va_start(args, format);
	print_notice(v->json, format, args);
	va_end(args);
}

/* Open a file of the directory; NULL if there is none. */
static FILE *
open_file(TileVerifier *v, const char *path)
{
	size_t		size = strlen(v->directory) + strlen(path) + 2;
	char	   *full = allocate(NULL, size, 1);
	FILE	   *file;

	(void) snprintf(full, size, "%s/%s", v->directory, path);
	file = fopen(full, "rb");
	if (file == NULL && errno != ENOENT && errno != ENOTDIR)
		cannot("could not open \"%s\": %s", full, strerror(errno));
	free(full);
	return file;
}

bool
tile_read(TileVerifier *v, const char *path, size_t most, size_t *len)
{
	FILE	   *file = open_file(v, path);

	if (file == NULL)
		return false;
	if (v->capacity < most + 1)
	{
		v->capacity = most + 1;
		v->buffer = allocate(v->buffer, v->capacity, 1);
	}
	*len = fread(v->buffer, 1, most + 1, file);
	if (ferror(file))
		cannot("could not read \"%s/%s\": %s", v->directory, path, strerror(errno));
	(void) fclose(file);
	return true;
}

bool
tile_exists(TileVerifier *v, const char *path)
{
	FILE	   *file = open_file(v, path);

	if (file != NULL)
		(void) fclose(file);
	return file != NULL;
}

void
tile_target(TileVerifier *v, const char *file, bool anchor, const cc_checkpoint *c)
{
	Target	   *t;

	v->targets = allocate(v->targets, v->ntargets + 1, sizeof(*v->targets));
	t = &v->targets[v->ntargets++];
	t->file = allocate(NULL, strlen(file) + 1, 1);
	memcpy(t->file, file, strlen(file) + 1);
	t->anchor = anchor;
	t->size = c->size;
	memcpy(t->root, c->root, sizeof(t->root));
}
