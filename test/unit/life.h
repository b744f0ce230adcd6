/*
 * life.h
 *	  A log in memory that holds the life of a row, and proofs of it, for unit
 *	  tests and first inputs of the fuzzers.
 *
 * Everything is fixed (secrets, times, keys), so the bytes never change.
 */
#ifndef LIFE_H
#define LIFE_H

#include "core/historyproof.h"

#include "prove.h"

#define LIFE_ENTRIES 24
#define LIFE_LEAVES 64
#define LIFE_COLUMNS 3
#define LIFE_SCHEMAS 4
#define LIFE_PRIVATE_MAX 2048

/* Versions of the table's definition. */
enum
{
	LIFE_PLAIN,					/* id, name */
	LIFE_NOTED,					/* id, name, note that reads "none" where it is missing */
	LIFE_BLANK,					/* id, name, note */
	LIFE_OTHER					/* id, name, note of another type */
};

/* Texts of a row's columns; NULL is SQL NULL. */
typedef struct life_row
{
	const char *texts[LIFE_COLUMNS];
} life_row;

typedef struct life_entry
{
	cc_entry	head;
	int			schema;
	life_row	row;			/* or, of a delete, the old one */
	life_row	old_row;
	uint8_t		secret;
	uint8_t		committed[512];
	size_t		len;
	int			record;
	uint64_t	number;
	/* what proofs withhold of it */
	bool		hide_key;
	bool		hide_old_key;
	bool		hide_overwritten;
	int			hide_column;	/* -1: none */
	bool		erased;			/* all of it */
	bool		refer;			/* long values by reference */
} life_entry;

typedef struct life_record
{
	uint8_t		bytes[512];
	size_t		len;
	uint64_t	leaf;
	int			first;			/* of its entries */
	int			n;
} life_record;

typedef struct life
{
	life_entry	entries[LIFE_ENTRIES];
	int			n;
	life_record records[LIFE_LEAVES];
	int			nrecords;
	prove_hash	leaves[LIFE_LEAVES];
	uint64_t	nleaves;
	uint32_t	relation;
	uint8_t		flags;			/* of the next insert */
} life;

/* A proof as it is put together, with the memory of its parts. */
typedef struct life_proof
{
	cc_history	h;
	cc_slice	schemas[LIFE_ENTRIES];
	cc_history_item items[LIFE_ENTRIES];
	uint8_t		definitions[LIFE_SCHEMAS][256];
	uint8_t		private_parts[LIFE_ENTRIES][LIFE_PRIVATE_MAX];
	prove_hash	paths[LIFE_ENTRIES][CC_FRONTIER_MAX];
	prove_hash	leaf_paths[LIFE_ENTRIES][CC_FRONTIER_MAX];
	prove_hash	growth[CC_FRONTIER_MAX];
	char		old_note[CC_NOTE_MAX + 1];
	char		note[CC_NOTE_MAX + 1];
} life_proof;

/* Definitions */

static void
life_schema(cc_schema *s, cc_column columns[LIFE_COLUMNS], uint16_t positions[1],
			int version)
{
	static const char *const names[] = {"id", "name", "note"};
	int			i;

	memset(s, 0, sizeof(*s));
	memset(columns, 0, LIFE_COLUMNS * sizeof(*columns));
	s->schema = s->leaf_schema = text_slice("public");
	s->table = s->leaf_table = text_slice("patient");
	s->encoding = text_slice("UTF8");
	s->key_kind = CC_KEY_COLUMNS;
	s->nkeys = 1;
	s->subject = CC_NO_POSITION;
	s->ncolumns = version == LIFE_PLAIN ? 2 : 3;
	s->key_positions = positions;
	s->columns = columns;
	positions[0] = 0;
	for (i = 0; i < s->ncolumns; i++)
	{
		columns[i].name = text_slice(names[i]);
		columns[i].type = text_slice(version == LIFE_OTHER ? "varchar" : "text");
	}
	if (version != LIFE_NOTED)
		return;
	columns[2].flags = CC_COLUMN_HAS_MISSING;
	cc_value_set(&columns[2].missing, "none", 4);
}

static cc_slice
life_definition(uint8_t buffer[256], int version)
{
	uint16_t	positions[1];
	cc_column	columns[LIFE_COLUMNS];
	cc_schema	s;
	cc_writer	w;
	cc_slice	out;

	life_schema(&s, columns, positions, version);
	cc_writer_init(&w, buffer, 256);
	cc_write_schema(&w, &s);
	must(w.status);
	out.data = buffer;
	out.len = w.len;
	return out;
}

static void
life_values(cc_value values[LIFE_COLUMNS], const life_row *row)
{
	int			i;

	for (i = 0; i < LIFE_COLUMNS; i++)
		cc_value_set(&values[i], row->texts[i],
					 row->texts[i] == NULL ? 0 : strlen(row->texts[i]));
}

/* Entries */

static void
life_begin(life *l)
{
	l->records[l->nrecords].first = l->n;
}

static void
life_append(life *l, life_entry *e)
{
	cc_writer	w;

	e->record = l->nrecords;
	e->number = (uint64_t) (l->n - l->records[l->nrecords].first);
	cc_writer_init(&w, e->committed, sizeof(e->committed));
	cc_write_entry(&w, &e->head);
	must(w.status);
	e->len = w.len;
}

static void
life_commit_values(life_entry *e, const cc_schema *s)
{
	uint8_t		definition[256];
	cc_value	row[LIFE_COLUMNS];
	cc_value	old_row[LIFE_COLUMNS];
	cc_private	p;

	memset(&p, 0, sizeof(p));
	life_values(row, &e->row);
	life_values(old_row, &e->old_row);
	p.form = CC_PRIVATE_WHOLE;
	p.values = row;
	p.old_key = old_row;
	p.nvalues = s->ncolumns;
	(void) ledger_salter(p.secret, e->secret);
	cc_row_digest(p.row_digest, old_row, s->ncolumns);
	{
		cc_schema	decoded = *s;
		cc_slice	d = life_definition(definition, e->schema);

		cc_schema_digest(decoded.digest, d.data, d.len);
		must(cc_entry_commit(&e->head, &decoded, &p, ledger_idle_salter()));
	}
}

/* A row-level entry; rows as the kind has them.  Returns its number in l. */
static int
life_change(life *l, cc_kind kind, int schema, const life_row *old_row,
			const life_row *row)
{
	life_entry *e = &l->entries[l->n];
	uint16_t	positions[1];
	cc_column	columns[LIFE_COLUMNS];
	cc_schema	s;

	if (l->n == LIFE_ENTRIES)
		abort();
	memset(e, 0, sizeof(*e));
	e->hide_column = -1;
	e->head.kind = kind;
	e->head.relation = l->relation;
	e->head.version = (uint32_t) schema + 1;
	e->schema = schema;
	e->secret = (uint8_t) (l->n + 1);
	e->row = row != NULL ? *row : *old_row;
	if (old_row != NULL)
		e->old_row = *old_row;
	if (kind == CC_KIND_UPDATE && strcmp(old_row->texts[0], row->texts[0]) != 0)
		e->head.flags = CC_ENTRY_KEY_CHANGED;
	if (kind == CC_KIND_INSERT)
		e->head.flags = l->flags;
	life_schema(&s, columns, positions, schema);
	life_commit_values(e, &s);
	life_append(l, e);
	return l->n++;
}

static int
life_event(life *l, cc_kind kind, int schema)
{
	static const uint8_t rows[8] = {0, 0, 0, 0, 0, 0, 0, 1};
	life_entry *e = &l->entries[l->n];
	uint8_t		definition[256];

	if (l->n == LIFE_ENTRIES)
		abort();
	memset(e, 0, sizeof(*e));
	e->head.kind = kind;
	e->head.relation = l->relation;
	e->head.version = (uint32_t) schema + 1;
	e->head.body.data = rows;
	e->head.body.len = sizeof(rows);
	if (kind == CC_KIND_SCHEMA)
		e->head.body = life_definition(definition, schema);
	e->erased = true;
	life_append(l, e);
	return l->n++;
}

static uint64_t
life_entry_hashes(prove_hash *out, const life *l, const life_record *r)
{
	int			i;

	for (i = 0; i < r->n; i++)
		cc_merkle_leaf(out[i], l->entries[r->first + i].committed,
					   l->entries[r->first + i].len);
	return (uint64_t) r->n;
}

static void
life_commit(life *l)
{
	life_record *r = &l->records[l->nrecords++];
	prove_hash	hashes[LIFE_ENTRIES];
	cc_record	record;
	cc_writer	w;

	r->n = l->n - r->first;
	memset(&record, 0, sizeof(record));
	record.incarnation = 1;
	record.number = record.commit_number = (uint64_t) l->nrecords;
	record.commit_time = LEDGER_TIME + (int64_t) l->nrecords * 1000000;
	record.session_user = record.outer_user = record.current_users = text_slice("ward");
	record.entry_count = life_entry_hashes(hashes, l, r);
	prove_root(record.root, (const prove_hash *) hashes, record.entry_count);
	cc_writer_init(&w, r->bytes, sizeof(r->bytes));
	cc_write_record(&w, &record);
	must(w.status);
	r->len = w.len;
	r->leaf = l->nleaves;
	cc_merkle_leaf(l->leaves[l->nleaves++], r->bytes, r->len);
}

/* A leaf that is none of our business. */
static void
life_noise(life *l)
{
	uint8_t		byte = (uint8_t) l->nleaves;

	cc_merkle_leaf(l->leaves[l->nleaves++], &byte, 1);
}

/* One change, one transaction. */
static int
life_step(life *l, cc_kind kind, int schema, const life_row *old_row,
		  const life_row *row)
{
	int			at;

	life_begin(l);
	at = life_change(l, kind, schema, old_row, row);
	life_commit(l);
	life_noise(l);
	return at;
}

static int
life_step_event(life *l, cc_kind kind, int schema)
{
	int			at;

	life_begin(l);
	at = life_event(l, kind, schema);
	life_commit(l);
	life_noise(l);
	return at;
}

static void
life_init(life *l)
{
	memset(l, 0, sizeof(*l));
	l->relation = 7;
	life_noise(l);
}

/* Proofs */

static size_t
life_sign(char *note, const life *l, uint64_t size)
{
	prove_hash	root;
	uint8_t		seed[32];
	cc_signer  *signer;
	cc_vkey		key = prove_key(LEDGER_ORIGIN, 1);
	size_t		len;

	memset(seed, 1, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	prove_root(root, (const prove_hash *) l->leaves, size);
	len = ledger_note(note, signer, &key, LEDGER_ORIGIN, size, root);
	cc_signer_free(signer);
	return len;
}

static cc_slice
life_redact(uint8_t buffer[LIFE_PRIVATE_MAX], const life_entry *e)
{
	cc_value	row[LIFE_COLUMNS];
	cc_value	old_row[LIFE_COLUMNS];
	bool		open[LIFE_COLUMNS] = {true, true, true};
	uint8_t		digest[CC_DIGEST_SIZE];
	uint8_t		secret[CC_SECRET_SIZE];
	uint16_t	positions[1];
	cc_column	columns[LIFE_COLUMNS];
	cc_redacted_past past;
	cc_schema	s;
	cc_writer	w;
	cc_slice	out;

	life_schema(&s, columns, positions, e->schema);
	life_values(row, &e->row);
	life_values(old_row, &e->old_row);
	cc_row_digest(digest, old_row, s.ncolumns);
	past.overwritten = e->hide_overwritten ? NULL : digest;
	past.old_key = e->hide_old_key ? NULL : old_row;
	if (e->hide_column >= 0)
		open[e->hide_column] = false;
	if (e->refer)
		row[1].form = CC_VALUE_REFERENCE;
	cc_writer_init(&w, buffer, LIFE_PRIVATE_MAX);
	cc_write_redacted(&w, &e->head, &s, ledger_salter(secret, e->secret), row,
					  open, &past);
	must(w.status);
	out.data = buffer;
	out.len = w.len;
	if (e->hide_key)
	{
		size_t		tail = 2 + CC_SALT_SIZE + 1 + strlen(e->row.texts[0]);

		buffer[1] = 0;
		memmove(buffer + 2, buffer + tail, w.len - tail);
		out.len -= tail - 2;
	}
	return out;
}

static cc_slice
life_hashes(prove_hash *hashes, int n)
{
	cc_slice	s;

	s.data = hashes[0];
	s.len = (size_t) n * CC_DIGEST_SIZE;
	return s;
}

static void
life_add_schema(life_proof *p, cc_history_item *item, int schema)
{
	cc_slice	d = life_definition(p->definitions[schema], schema);
	size_t		i;

	for (i = 0; i < p->h.nschemas; i++)
		if (p->h.schemas[i].data == d.data)
			break;
	if (i == p->h.nschemas)
		p->h.schemas[p->h.nschemas++] = d;
	item->schema = (uint32_t) i;
}

static void
life_add_item(life_proof *p, const life *l, const life_entry *e, uint64_t size)
{
	size_t		at = p->h.nitems++;
	cc_history_item *item = &p->h.items[at];
	const life_record *r = &l->records[e->record];
	prove_hash	hashes[LIFE_ENTRIES];

	item->leaf_index = r->leaf;
	item->record_bytes.data = r->bytes;
	item->record_bytes.len = r->len;
	if (r->leaf < size)
		item->leaf_path = life_hashes(p->leaf_paths[at],
									  prove_inclusion(p->leaf_paths[at],
													  (const prove_hash *) l->leaves, r->leaf, size));
	item->entry_no = e->number;
	item->path = life_hashes(p->paths[at],
							 prove_inclusion(p->paths[at], (const prove_hash *) hashes,
											 e->number, life_entry_hashes(hashes, l, r)));
	item->committed.data = e->committed;
	item->committed.len = e->len;
	item->is_version = !e->erased;
	if (e->erased)
		return;
	life_add_schema(p, item, e->schema);
	item->private_part = life_redact(p->private_parts[at], e);
}

/* Write what has been put together. */
static void
life_write(prove_text *t, const life_proof *p)
{
	cc_writer	w;

	cc_writer_init(&w, t->data, sizeof(t->data));
	cc_history_format(&w, &p->h);
	must(w.status);
	t->len = w.len;
	prove_add(t, p->h.note.data, p->h.note.len);
}

/* Put together the proof of these entries; old_size 0: from the beginning. */
static void
life_prove(life_proof *p, const life *l, const int *entries, int n,
		   uint64_t old_size, uint64_t size)
{
	int			i;

	memset(p, 0, sizeof(*p));
	p->h.schemas = p->schemas;
	p->h.items = p->items;
	for (i = 0; i < n; i++)
		life_add_item(p, l, &l->entries[entries[i]], size);
	p->h.note.data = (const uint8_t *) p->note;
	p->h.note.len = life_sign(p->note, l, size);
	if (old_size == 0)
		return;
	p->h.has_old = true;
	p->h.old_note.data = (const uint8_t *) p->old_note;
	p->h.old_note.len = life_sign(p->old_note, l, old_size);
	if (old_size <= size)
		p->h.growth = life_hashes(p->growth,
								  prove_consistency(p->growth, (const prove_hash *) l->leaves,
													old_size, size));
}

/* The whole life that the tests and the fuzzers begin with */

enum
{
	WHOLE_INSERT, WHOLE_OTHER, WHOLE_UPDATE, WHOLE_AGAIN, WHOLE_ADDED, WHOLE_RENAMED,
	WHOLE_DELETE, WHOLE_REBORN, WHOLE_ANEW, WHOLE_EMPTIED, WHOLE_LAST, WHOLE_ENTRIES
};

static const life_row life_rows[] = {
	{{"42", "Ana", NULL}},
	{{"42", "Anna", NULL}},
	{{"42", "Anne", NULL}},
	{{"42", "Anne", "ill"}},
	{{"44", "Anne", "ill"}},
	{{"44", "Dora", "well"}}
};

static void
life_build(life *l)
{
	static const life_row other = {{"43", "Bea", NULL}};
	life_row	missing = life_rows[2];

	missing.texts[2] = "none";
	life_init(l);
	(void) life_step(l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	life_begin(l);
	(void) life_change(l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &other);
	(void) life_change(l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	(void) life_change(l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[1], &life_rows[2]);
	life_commit(l);
	life_noise(l);
	(void) life_step(l, CC_KIND_UPDATE, LIFE_NOTED, &missing, &life_rows[3]);
	(void) life_step(l, CC_KIND_UPDATE, LIFE_NOTED, &life_rows[3], &life_rows[4]);
	(void) life_step(l, CC_KIND_DELETE, LIFE_NOTED, &life_rows[4], NULL);
	(void) life_step(l, CC_KIND_INSERT, LIFE_NOTED, NULL, &life_rows[4]);
	(void) life_step(l, CC_KIND_BASELINE, LIFE_OTHER, NULL, &life_rows[4]);
	(void) life_step_event(l, CC_KIND_TRUNCATE, LIFE_OTHER);
	(void) life_step(l, CC_KIND_INSERT, LIFE_OTHER, NULL, &life_rows[5]);
}

static const int life_whole[] = {
	WHOLE_INSERT, WHOLE_UPDATE, WHOLE_AGAIN, WHOLE_ADDED, WHOLE_RENAMED,
	WHOLE_DELETE, WHOLE_REBORN, WHOLE_ANEW, WHOLE_EMPTIED, WHOLE_LAST
};

#define LIFE_WHOLE ((int) (sizeof(life_whole) / sizeof(life_whole[0])))

#endif							/* LIFE_H */
