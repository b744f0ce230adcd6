/*
 * prove.h
 *	  Proofs out of a ledger in memory, for unit tests and first inputs of
 *	  the fuzzers.
 *
 * Slow and plain: the hash of a subtree is computed from its leaves.
 */
#ifndef PROVE_H
#define PROVE_H

#include "core/rowproof.h"

#include "ledger.h"
#include "octets.h"

#define PROVE_LEAVES_MAX LEDGER_ITEMS_MAX
#define PROVE_TEXT_MAX 32768
#define PROVE_COLUMNS 8

typedef uint8_t prove_hash[CC_DIGEST_SIZE];

/* A text being written, or the text of a proof. */
typedef struct prove_text
{
	char		data[PROVE_TEXT_MAX];
	size_t		len;
} prove_text;

/* A parsed proof with its room and its copy of the text. */
typedef struct prove_parsed
{
	cc_row_proof p;
	uint16_t	positions[PROVE_COLUMNS];
	cc_column	columns[PROVE_COLUMNS];
	cc_value	key[PROVE_COLUMNS];
	cc_proof_column shown[PROVE_COLUMNS];
	char	   *copy;
} prove_parsed;

/* Trees */

static void
prove_root(prove_hash out, const prove_hash *hashes, uint64_t n)
{
	cc_frontier f;
	uint64_t	i;

	cc_frontier_init(&f);
	for (i = 0; i < n; i++)
		cc_frontier_append(&f, hashes[i]);
	cc_frontier_root(&f, out);
}

static int
prove_fetch(prove_hash *out, const prove_hash *hashes,
			const cc_subtree *nodes, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		prove_root(out[i], hashes + nodes[i].first, nodes[i].count);
	return n;
}

static int
prove_inclusion(prove_hash *out, const prove_hash *hashes, uint64_t index,
				uint64_t size)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	int			n;

	must(cc_proof_inclusion_nodes(nodes, &n, index, size));
	return prove_fetch(out, hashes, nodes, n);
}

static int
prove_consistency(prove_hash *out, const prove_hash *hashes,
				  uint64_t old_size, uint64_t new_size)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	int			n;

	must(cc_proof_consistency_nodes(nodes, &n, old_size, new_size));
	return prove_fetch(out, hashes, nodes, n);
}

/* Hashes of the leaves of the log, or of the entries of one of them. */
static uint64_t
prove_hashes(prove_hash *out, const ledger *l, cc_bundle_kind kind,
			 int64_t leaf)
{
	uint64_t	n = 0;
	int			i;

	for (i = 0; i < l->n; i++)
	{
		const item *it = &l->items[i];

		if (it->kind != kind || (leaf >= 0 && it->leaf != (uint64_t) leaf))
			continue;
		if (n == PROVE_LEAVES_MAX)
			abort();
		cc_merkle_leaf(out[n++], it->data, it->len);
	}
	return n;
}

static const item *
prove_leaf(const ledger *l, uint64_t leaf)
{
	int			i;

	for (i = 0; i < l->n; i++)
		if (l->items[i].kind == CC_BUNDLE_LEAF && l->items[i].leaf == leaf)
			return &l->items[i];
	abort();
}

/* Leaf proofs */

static void
prove_add(prove_text *t, const void *data, size_t len)
{
	if (len > sizeof(t->data) - t->len)
		abort();
	if (len > 0)
		memcpy(t->data + t->len, data, len);
	t->len += len;
}

static void
prove_append_leaf(prove_text *t, const cc_tlog_proof *p, cc_slice note)
{
	char		head[CC_TLOG_PROOF_MAX + 1];

	prove_add(t, head, cc_tlog_proof_format(head, p));
	prove_add(t, note.data, note.len);
}

/* Append the proof of a leaf under a checkpoint of the ledger. */
static void
prove_ledger_leaf(prove_text *t, const ledger *l, uint64_t leaf,
				  const item *checkpoint)
{
	static prove_hash hashes[PROVE_LEAVES_MAX];
	cc_tlog_proof p;
	cc_slice	note;

	(void) prove_hashes(hashes, l, CC_BUNDLE_LEAF, -1);
	memset(&p, 0, sizeof(p));
	p.number = leaf;
	p.nhashes = prove_inclusion(p.hashes, (const prove_hash *) hashes, leaf,
								checkpoint->leaf + 1);
	note.data = checkpoint->data;
	note.len = checkpoint->len;
	prove_append_leaf(t, &p, note);
}

/* Row proofs */

/* The redacted form of a whole private part. */
static cc_slice
prove_redact(uint8_t *buffer, size_t cap, const cc_entry *e,
			 const cc_schema *s, cc_slice whole, const bool *open)
{
	cc_salter  *salter = ledger_idle_salter();
	cc_value	values[PROVE_COLUMNS];
	cc_value	old_key[PROVE_COLUMNS];
	cc_private	p = {0};
	cc_slice	out;
	cc_writer	w;

	p.values = values;
	p.old_key = old_key;
	p.values_capacity = PROVE_COLUMNS;
	must(cc_private_decode(&p, e, s, whole.data, whole.len));
	cc_writer_init(&w, buffer, cap);
	cc_salter_begin(salter, p.secret);
	cc_write_redacted(&w, e, s, salter, values,
					  cc_kind_has_row(e->kind) ? open : NULL, NULL);
	must(cc_salter_end(salter));
	must(w.status);
	out.data = buffer;
	out.len = w.len;
	return out;
}

static void
prove_append_row(prove_text *t, const cc_row_proof *p)
{
	cc_writer	w;

	cc_writer_init(&w, t->data + t->len, sizeof(t->data) - t->len);
	cc_row_proof_format(&w, p);
	must(w.status);
	t->len += w.len;
}

/* The number of an entry in its transaction. */
static uint64_t
prove_entry_number(const ledger *l, int entry)
{
	uint64_t	n = 0;
	int			i;

	for (i = 0; i < entry; i++)
		n += l->items[i].kind == CC_BUNDLE_ENTRY &&
			l->items[i].leaf == l->items[entry].leaf;
	return n;
}

static void
prove_path(cc_row_proof *p, const ledger *l, int entry)
{
	static prove_hash hashes[PROVE_LEAVES_MAX];

	p->entry_no = prove_entry_number(l, entry);
	p->entry_count = prove_hashes(hashes, l, CC_BUNDLE_ENTRY,
								  (int64_t) l->items[entry].leaf);
	p->npath = prove_inclusion(p->path, (const prove_hash *) hashes,
							   p->entry_no, p->entry_count);
}

/* The proof of an entry of the ledger under one of its checkpoints. */
static void
prove_row(prove_text *t, const ledger *l, int entry, const item *checkpoint,
		  const bool *open)
{
	static cc_row_proof p;
	const item *it = &l->items[entry];
	const item *record = prove_leaf(l, it->leaf);
	uint8_t		private_part[8192];
	uint8_t		body[LEDGER_SCHEMA_MAX];
	uint16_t	positions[1];
	cc_column	columns[LEDGER_COLUMNS];
	cc_slice	whole;

	memset(&p, 0, sizeof(p));
	p.committed.data = it->data;
	p.committed.len = it->len;
	must(cc_entry_decode(&p.entry, it->data, it->len));
	p.schema_bytes.data = body;
	p.schema_bytes.len = ledger_schema_body(body);
	ledger_schema(&p.schema, columns, positions);
	whole.data = it->private_part;
	whole.len = it->private_len;
	p.private_part = prove_redact(private_part, sizeof(private_part),
								  &p.entry, &p.schema, whole, open);
	prove_path(&p, l, entry);
	p.record_bytes.data = record->data;
	p.record_bytes.len = record->len;
	t->len = 0;
	prove_append_row(t, &p);
	prove_ledger_leaf(t, l, it->leaf, checkpoint);
}

/* Reading them */

static void
prove_room(prove_parsed *d)
{
	memset(&d->p.schema, 0, sizeof(d->p.schema));
	d->p.schema.key_positions = d->positions;
	d->p.schema.key_capacity = PROVE_COLUMNS;
	d->p.schema.columns = d->columns;
	d->p.schema.column_capacity = PROVE_COLUMNS;
	d->p.key = d->key;
	d->p.columns = d->shown;
	d->p.capacity = PROVE_COLUMNS;
}

/* d keeps a copy of the text until the next call, or prove_free. */
static cc_status
prove_parse(prove_parsed *d, const char *text, size_t len)
{
	free(d->copy);
	prove_room(d);
	d->copy = (char *) exact_copy(text, len);
	return cc_row_proof_parse(&d->p, d->copy, len);
}

static cc_status
prove_check(prove_parsed *d, const prove_text *t, const cc_vkey *keys,
			size_t nkeys, cc_proof_step *step)
{
	cc_status	status = prove_parse(d, t->data, t->len);

	*step = CC_STEP_NONE;
	return status != CC_OK ? status :
		cc_row_proof_check(&d->p, keys, nkeys, step);
}

static void
prove_free(prove_parsed *d)
{
	free(d->copy);
	d->copy = NULL;
}

/* Finding things in a ledger */

/* The row-level entry number n (from 0), or -1. */
static int
prove_find_row(const ledger *l, int n)
{
	int			i;

	for (i = 0; i < l->n; i++)
		if (l->items[i].kind == CC_BUNDLE_ENTRY &&
			cc_kind_is_row((cc_kind) l->items[i].data[0]) && n-- == 0)
			return i;
	return -1;
}

static const item *
prove_last_checkpoint(const ledger *l)
{
	int			i = l->n;

	while (i-- > 0)
		if (l->items[i].kind == CC_BUNDLE_CHECKPOINT)
			return &l->items[i];
	abort();
}

/* The key of an epoch under an origin. */
static cc_vkey
prove_key(const char *origin, uint8_t epoch)
{
	uint8_t		seed[32];
	cc_signer  *s;
	cc_vkey		k;

	memset(seed, epoch, sizeof(seed));
	must(cc_signer_from_seed(&s, seed));
	must(cc_signer_vkey(s, origin, &k));
	cc_signer_free(s);
	return k;
}

#endif							/* PROVE_H */
