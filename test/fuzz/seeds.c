/*
 * seeds.c
 *	  Write the first inputs of the fuzzers: one file per sample under the
 *	  directory named by the first argument.
 *
 * Only the fuzzers of encoded structures and of proofs; the seeds of the
 * others are text or arrays that a person keeps.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "../unit/life.h"
#include "../unit/prove.h"
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
		incarnation_event_codec, environment_event_codec, count_body_codec, cosigned_event_codec,
		trusted_log_event_codec, witness_event_codec, witness_key_event_codec
	};
	int			i;

	for (i = 0; i < 10; i++)
	{
		if (codecs[i] == c)
			return i;
	}
	return -1;
}

/* choice: the first byte, or -1. */
static void
write_file(const char *directory, const char *corpus, const char *name,
		   int choice, const void *data, size_t len)
{
	char		path[512];
	FILE	   *file;
	char	   *p;
	int			n;

	n = snprintf(path, sizeof(path), "%s/%s", directory, corpus);
	(void) mkdir(path, 0777);
	snprintf(path + n, sizeof(path) - (size_t) n, "/%s", name);
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
	if (choice >= 0)
		fputc(choice, file);
	fwrite(data, 1, len, file);
	fclose(file);
}

static void
write_seed(const char *directory, const sample *s)
{
	write_file(directory, corpus_of(s->codec), s->name, choice_of(s->codec),
			   s->data, s->len);
}

/* Proofs of every kind of row, and the leaf proofs within them. */
static void
write_row_proofs(const char *directory, const ledger *l)
{
	static const char *const names[] = {
		"insert", "baseline", "update", "update of a key", "delete"
	};
	static const bool open[LEDGER_COLUMNS] = {false, true, true, false};
	static prove_text t;
	int			i;

	for (i = 0; i < 5; i++)
	{
		int			entry = prove_find_row(l, i);

		prove_row(&t, l, entry, prove_last_checkpoint(l), open);
		write_file(directory, "rowproof", names[i], -1, t.data, t.len);
		t.len = 0;
		prove_ledger_leaf(&t, l, l->items[entry].leaf,
						  prove_last_checkpoint(l));
		write_file(directory, "tlogproof", names[i], -1, t.data, t.len);
	}
}

/* Growth of the ledger to its last checkpoint, from an older size. */
static void
write_growth(const char *directory, const ledger *l, uint64_t old_size,
			 const char *name)
{
	static prove_hash hashes[PROVE_LEAVES_MAX];
	static prove_text t;
	const item *note = prove_last_checkpoint(l);
	char		head[CC_TLOG_PROOF_MAX + 1];
	cc_tlog_proof p;

	(void) prove_hashes(hashes, l, CC_BUNDLE_LEAF, -1);
	memset(&p, 0, sizeof(p));
	p.number = old_size;
	p.nhashes = prove_consistency(p.hashes, (const prove_hash *) hashes,
								  old_size, note->leaf + 1);
	t.len = 0;
	prove_add(&t, head, cc_add_checkpoint_format(head, &p));
	prove_add(&t, note->data, note->len);
	write_file(directory, "tlogproof", name, -1, t.data, t.len);
}

static void
write_histories(const char *directory)
{
	static life l;
	static life_proof p;
	static prove_text t;

	life_build(&l);
	life_prove(&p, &l, life_whole, LIFE_WHOLE, 0, l.nleaves);
	life_write(&t, &p);
	write_file(directory, "historyproof", "whole life", -1, t.data, t.len);
	life_prove(&p, &l, life_whole + 3, 3, l.records[l.entries[WHOLE_ADDED].record].leaf + 1,
			   l.nleaves);
	life_write(&t, &p);
	write_file(directory, "historyproof", "since a checkpoint", -1, t.data, t.len);
}

static void
write_proofs(const char *directory)
{
	static ledger l;

	ledger_init(&l);
	ledger_build_first(&l);
	ledger_build_second(&l);
	write_row_proofs(directory, &l);
	write_growth(directory, &l, 0, "growth from nothing");
	write_growth(directory, &l, 3, "growth from 3");
	write_growth(directory, &l, 6, "growth from 6");
	write_histories(directory);
	ledger_free(&l);
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
	write_proofs(argv[1]);
	return 0;
}
