/*
 * seeds.c
 *	  Write the first inputs of the fuzzers: one file per sample under the
 *	  directory named by the first argument.
 *
 * Only the fuzzers of encoded structures; the seeds of the others are text
 * or arrays that a person keeps.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "../unit/samples.h"

static const char *
corpus_of(codec c)
{
	static const struct
	{
		codec		codec;
		const char *name;
	}			corpora[] = {
		{entry_codec, "entry"}, {schema_codec, "schema"},
		{record_codec, "record"}, {block_codec, "block"},
		{value_codec, "value"}, {private_codec, "private"}
	};
	size_t		i;

	for (i = 0; i < sizeof(corpora) / sizeof(corpora[0]); i++)
	{
		if (corpora[i].codec == c)
			return corpora[i].name;
	}
	return "event";
}

/* The byte by which fuzz_event.c chooses, or -1. */
static int
choice_of(codec c)
{
	static const codec codecs[] = {
		key_event_codec, protect_event_codec, unprotect_event_codec,
		incarnation_event_codec, count_body_codec
	};
	int			i;

	for (i = 0; i < 5; i++)
	{
		if (codecs[i] == c)
			return i;
	}
	return -1;
}

static void
write_seed(const char *directory, const sample *s)
{
	char		path[512];
	FILE	   *file;
	char	   *p;
	int			n;

	n = snprintf(path, sizeof(path), "%s/%s", directory, corpus_of(s->codec));
	(void) mkdir(path, 0777);
	snprintf(path + n, sizeof(path) - (size_t) n, "/%s", s->name);
	for (p = path + n; *p != '\0'; p++)
	{
		if (*p == ' ')
			*p = '_';
	}
	file = fopen(path, "wb");
	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	if (choice_of(s->codec) >= 0)
		fputc(choice_of(s->codec), file);
	fwrite(s->data, 1, s->len, file);
	fclose(file);
}

int
main(int argc, char **argv)
{
	static samples all;
	int			i;

	if (argc != 2)
	{
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	samples_make(&all);
	for (i = 0; i < all.n; i++)
		write_seed(argv[1], &all.items[i]);
	return 0;
}
