/*
 * ledger.h
 *	  A small ledger in memory, made with the core's encoders: what unit
 *	  tests verify, mutilate and pin.
 *
 * Everything is fixed (secrets, times, keys), so the bytes never change.
 * A failure to build is a bug in the test and aborts.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/bundle.h"
#include "core/sigmake.h"

/* No test uses all of this. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define LEDGER_ORIGIN "hospital.example/custody"
#define LEDGER_ITEMS_MAX 1100
#define LEDGER_RELATION 7
#define LEDGER_VERSION 1
#define LEDGER_COLUMNS 4
#define LEDGER_TIME INT64_C(1767225600000000)	/* 2026-01-01 00:00 UTC */

typedef struct item
{
	cc_bundle_kind kind;
	uint8_t    *data;
	size_t		len;
	uint8_t    *private_part;	/* of an entry */
	size_t		private_len;
	uint64_t	leaf;			/* index it stands in, or follows */
	int			block;
} item;

typedef struct ledger
{
	item		items[LEDGER_ITEMS_MAX];
	int			n;
	cc_frontier log;
	uint64_t	blocks;
	uint8_t		head[CC_DIGEST_SIZE];
	uint8_t		root[CC_DIGEST_SIZE];
	const char *origin;
	uint32_t	incarnation;
	uint32_t	epoch;
	cc_signer  *signer;
	cc_vkey		key;			/* of the signer */
	cc_signer  *next;			/* that the open block hands over to, or NULL */
	uint64_t	commits;
	uint8_t		secrets;		/* rows given a secret */
	item		lost;			/* checkpoint of the block lost in the restore */
	/* the open block: its records and entries, without header */
	item		open[LEDGER_ITEMS_MAX];
	int			nopen;
	uint32_t	open_leaves;
	/* the open transaction: index of its record in open, its entries */
	int			record;
	cc_frontier tree;
} ledger;

#define must(status) ledger_must((status), __LINE__)

static void
ledger_must(cc_status status, int line)
{
	if (status == CC_OK)
		return;
	fprintf(stderr, "ledger.h:%d: %s\n", line, cc_status_text(status));
	abort();
}

static uint8_t *
ledger_copy(const void *data, size_t len)
{
	uint8_t    *p = malloc(len == 0 ? 1 : len);

	if (p == NULL)
		abort();
	if (len > 0)
		memcpy(p, data, len);
	return p;
}

static item
ledger_item(cc_bundle_kind kind, const void *data, size_t len)
{
	item		it;

	memset(&it, 0, sizeof(it));
	it.kind = kind;
	it.data = ledger_copy(data, len);
	it.len = len;
	return it;
}

/* The seed of an epoch's key: 32 bytes of the epoch's number. */
static void
ledger_use_key(ledger *l, uint32_t epoch)
{
	uint8_t		seed[32];

	memset(seed, (int) epoch, sizeof(seed));
	cc_signer_free(l->signer);
	must(cc_signer_from_seed(&l->signer, seed));
	must(cc_signer_vkey(l->signer, l->origin, &l->key));
	l->epoch = epoch;
}

static void
ledger_init(ledger *l)
{
	memset(l, 0, sizeof(*l));
	cc_frontier_init(&l->log);
	l->origin = LEDGER_ORIGIN;
	l->incarnation = 1;
	ledger_use_key(l, 1);
}

static void
ledger_free(ledger *l)
{
	int			i;

	for (i = 0; i < l->n; i++)
	{
		free(l->items[i].data);
		free(l->items[i].private_part);
	}
	free(l->lost.data);
	cc_signer_free(l->signer);
}

static void
ledger_add(ledger *l, item it)
{
	if (l->n == LEDGER_ITEMS_MAX)
		abort();
	it.leaf = l->log.size;
	it.block = (int) l->blocks;
	l->items[l->n++] = it;
}

static cc_slice
ledger_text(const char *text)
{
	cc_slice	s;

	s.data = (const uint8_t *) text;
	s.len = strlen(text);
	return s;
}

/* Transactions */

static void
ledger_begin(ledger *l)
{
	l->record = l->nopen++;
	cc_frontier_init(&l->tree);
}

static void
ledger_entry(ledger *l, const cc_entry *e, const void *private_part,
			 size_t private_len)
{
	static uint8_t buffer[1 << 16];
	uint8_t		hash[CC_DIGEST_SIZE];
	cc_writer	w;
	item		it;

	cc_writer_init(&w, buffer, sizeof(buffer));
	cc_write_entry(&w, e);
	must(w.status);
	it = ledger_item(CC_BUNDLE_ENTRY, buffer, w.len);
	it.private_part = ledger_copy(private_part, private_len);
	it.private_len = private_len;
	cc_merkle_leaf(hash, buffer, w.len);
	cc_frontier_append(&l->tree, hash);
	l->open[l->nopen++] = it;
}

static void
ledger_commit(ledger *l)
{
	uint8_t		buffer[1024];
	cc_record	r;
	cc_writer	w;

	memset(&r, 0, sizeof(r));
	l->commits++;
	r.incarnation = l->incarnation;
	r.number = l->commits;
	r.commit_number = l->commits;
	r.xid = 700 + l->commits;
	r.start_time = LEDGER_TIME + (int64_t) l->commits * 1000000;
	r.commit_time = r.start_time + 1500;
	r.session_user = ledger_text("ward");
	r.outer_user = ledger_text("ward");
	r.current_users = ledger_text("ward");
	r.application = ledger_text("psql");
	r.entry_count = l->tree.size;
	cc_frontier_root(&l->tree, r.root);
	r.actor = ledger_text("Dr. M\xC3\xBCller");
	r.reason = ledger_text("admission");
	cc_writer_init(&w, buffer, sizeof(buffer));
	cc_write_record(&w, &r);
	must(w.status);
	l->open[l->record] = ledger_item(CC_BUNDLE_LEAF, buffer, w.len);
	l->open_leaves++;
}

/* Blocks */

static void
ledger_append(ledger *l, item it)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	ledger_add(l, it);
	cc_merkle_leaf(hash, it.data, it.len);
	cc_frontier_append(&l->log, hash);
}

static void
ledger_header(ledger *l)
{
	uint8_t		buffer[512];
	cc_block	b;
	cc_writer	w;

	memset(&b, 0, sizeof(b));
	b.number = l->blocks;
	b.first_leaf = l->log.size;
	b.leaves = 1 + l->open_leaves;
	b.epoch = l->epoch;
	b.incarnation = l->incarnation;
	b.time = LEDGER_TIME + (int64_t) l->commits * 1000000 + 2000;
	memcpy(b.previous, l->head, CC_DIGEST_SIZE);
	b.origin = ledger_text(l->origin);
	b.snapshot = ledger_text("710:712:710");
	cc_writer_init(&w, buffer, sizeof(buffer));
	cc_write_block(&w, &b);
	must(w.status);
	ledger_append(l, ledger_item(CC_BUNDLE_LEAF, buffer, w.len));
}

/* A signed note over any head; returns its length. */
static size_t
ledger_note(char *note, const cc_signer *signer, const cc_vkey *key,
			const char *origin, uint64_t size,
			const uint8_t root[CC_DIGEST_SIZE])
{
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	size_t		signature_len;
	size_t		n = cc_checkpoint_text(note, origin, size, root);

	must(cc_signer_sign(signer, note, n, signature, &signature_len));
	note[n++] = '\n';
	return n + cc_note_line(note + n, key->name, key->id, signature,
							signature_len);
}

/* Add another key's line to a note; returns its length. */
static size_t
ledger_countersign(char *note, size_t len, const cc_signer *signer, const char *origin)
{
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	size_t		signature_len;
	cc_vkey		key;

	must(cc_signer_vkey(signer, origin, &key));
	must(cc_signer_sign(signer, note, (size_t) (strstr(note, "\n\n") + 1 - note),
						signature, &signature_len));
	return len + cc_note_line(note + len, key.name, key.id, signature, signature_len);
}

static void
ledger_checkpoint(ledger *l)
{
	char		note[CC_NOTE_MAX + 1];
	size_t		len;
	item		it;

	cc_frontier_root(&l->log, l->root);
	len = ledger_note(note, l->signer, &l->key, l->origin, l->log.size,
					  l->root);
	if (l->next != NULL)
		len = ledger_countersign(note, len, l->next, l->origin);
	cc_signer_free(l->next);
	l->next = NULL;
	it = ledger_item(CC_BUNDLE_CHECKPOINT, note, len);
	ledger_add(l, it);
	l->items[l->n - 1].leaf--;
	cc_checkpoint_digest(l->head, l->origin, l->log.size, l->root);
}

/* Seal the open transactions as a block. */
static void
ledger_seal(ledger *l)
{
	int			i;

	ledger_header(l);
	for (i = 0; i < l->nopen; i++)
	{
		if (l->open[i].kind == CC_BUNDLE_LEAF)
			ledger_append(l, l->open[i]);
		else
		{
			ledger_add(l, l->open[i]);
			l->items[l->n - 1].leaf--;
		}
	}
	ledger_checkpoint(l);
	l->nopen = 0;
	l->open_leaves = 0;
	l->blocks++;
}

/* Control entries */

static void
ledger_control(ledger *l, cc_kind kind, uint32_t relation, uint32_t version,
			   const void *body, size_t len)
{
	cc_entry	e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.relation = relation;
	e.version = version;
	e.body.data = body;
	e.body.len = len;
	ledger_entry(l, &e, NULL, 0);
}

static void
ledger_key_entry(ledger *l, uint32_t epoch, const cc_signer *signer)
{
	char		text[CC_VERIFIER_KEY_MAX + 1];
	uint8_t		body[CC_VERIFIER_KEY_MAX + CC_MADE_SIGNATURE_MAX + 16];
	uint8_t		possession[CC_MADE_SIGNATURE_MAX];
	cc_vkey		key;
	cc_key_event event;
	cc_writer	w;

	must(cc_signer_vkey(signer, l->origin, &key));
	cc_vkey_format(text, &key);
	event.epoch = epoch;
	event.verifier_key = ledger_text(text);
	must(cc_signer_possess(signer, epoch, l->origin, possession, &event.possession.len));
	event.possession.data = possession;
	cc_writer_init(&w, body, sizeof(body));
	cc_write_key_event(&w, &event);
	must(w.status);
	ledger_control(l, CC_KIND_KEY, 0, 0, body, w.len);
}

/* public.patient (id, name, born, note), keyed by id; subject: id. */
static void
ledger_schema(cc_schema *s, cc_column columns[LEDGER_COLUMNS],
			  uint16_t positions[1])
{
	static const char *const names[] = {"id", "name", "born", "note"};
	static const char *const types[] = {"integer", "text", "date", "text"};
	int			i;

	memset(s, 0, sizeof(*s));
	memset(columns, 0, LEDGER_COLUMNS * sizeof(*columns));
	s->schema = s->leaf_schema = ledger_text("public");
	s->table = s->leaf_table = ledger_text("patient");
	s->encoding = ledger_text("UTF8");
	s->key_kind = CC_KEY_COLUMNS;
	s->nkeys = 1;
	s->subject = 0;
	s->ncolumns = LEDGER_COLUMNS;
	s->key_positions = positions;
	s->key_capacity = 1;
	s->columns = columns;
	s->column_capacity = LEDGER_COLUMNS;
	positions[0] = 0;
	for (i = 0; i < LEDGER_COLUMNS; i++)
	{
		columns[i].name = ledger_text(names[i]);
		columns[i].type = ledger_text(types[i]);
	}
	columns[3].flags = CC_COLUMN_HAS_MISSING;
	cc_value_set(&columns[3].missing, "none", 4);
}

#define LEDGER_SCHEMA_MAX 512

/* Its definition; returns the length. */
static size_t
ledger_schema_body(uint8_t body[LEDGER_SCHEMA_MAX])
{
	uint16_t	positions[1];
	cc_column	columns[LEDGER_COLUMNS];
	cc_schema	s;
	cc_writer	w;

	ledger_schema(&s, columns, positions);
	cc_writer_init(&w, body, LEDGER_SCHEMA_MAX);
	cc_write_schema(&w, &s);
	must(w.status);
	return w.len;
}

static void
ledger_schema_digest(uint8_t digest[CC_DIGEST_SIZE])
{
	uint8_t		body[LEDGER_SCHEMA_MAX];

	cc_schema_digest(digest, body, ledger_schema_body(body));
}

static void
ledger_schema_entry(ledger *l)
{
	uint8_t		body[LEDGER_SCHEMA_MAX];

	ledger_control(l, CC_KIND_SCHEMA, LEDGER_RELATION, LEDGER_VERSION,
				   body, ledger_schema_body(body));
}

static void
ledger_protect_entry(ledger *l)
{
	uint8_t		body[128];
	cc_protect_event event;
	cc_writer	w;

	event.schema = ledger_text("public");
	event.table = ledger_text("patient");
	event.mode = ledger_text("updatable");
	event.subject = ledger_text("id");
	event.large_objects = ledger_text("");
	event.baseline_rows = 1;
	cc_writer_init(&w, body, sizeof(body));
	cc_write_protect_event(&w, &event);
	must(w.status);
	ledger_control(l, CC_KIND_PROTECT, LEDGER_RELATION, 0, body, w.len);
}

/* Row-level entries */

typedef struct row
{
	cc_value	values[LEDGER_COLUMNS];
} row;

/* NULL is SQL NULL. */
static row
ledger_row(const char *id, const char *name, const char *born,
		   const char *note)
{
	const char *texts[LEDGER_COLUMNS];
	row			r;
	int			i;

	texts[0] = id;
	texts[1] = name;
	texts[2] = born;
	texts[3] = note;
	for (i = 0; i < LEDGER_COLUMNS; i++)
		cc_value_set(&r.values[i], texts[i],
					 texts[i] == NULL ? 0 : strlen(texts[i]));
	return r;
}

/* One that nobody has begun with. */
static inline cc_salter *
ledger_idle_salter(void)
{
	static cc_salter *salter = NULL;

	if (salter == NULL)
		salter = cc_salter_new();
	return salter;
}

static cc_salter *
ledger_salter(uint8_t secret[CC_SECRET_SIZE], uint8_t number)
{
	static cc_salter *salter = NULL;
	int			i;

	if (salter == NULL)
		salter = cc_salter_new();
	for (i = 0; i < CC_SECRET_SIZE; i++)
		secret[i] = (uint8_t) (number * 16 + i);
	cc_salter_begin(salter, secret);
	return salter;
}

static void
ledger_commitments(cc_entry *e, cc_salter *salter, const row *old_row,
				   const row *new_row)
{
	static const uint16_t key = 0;
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		digest[CC_DIGEST_SIZE];
	uint8_t		schema[CC_DIGEST_SIZE];
	const row  *named = new_row != NULL ? new_row : old_row;

	cc_salter_salt(salter, CC_SALT_KEY, salt);
	ledger_schema_digest(schema);
	cc_key_commit(e->key, schema, salt, named->values, &key, 1);
	if (new_row != NULL)
		cc_row_commit(e->row, schema, salter, new_row->values,
					  LEDGER_COLUMNS);
	if (old_row == NULL)
		return;
	cc_salter_salt(salter, CC_SALT_OVERWRITTEN, salt);
	cc_row_digest(digest, old_row->values, LEDGER_COLUMNS);
	cc_overwritten_commitment(e->overwritten, salt, digest);
	cc_salter_salt(salter, CC_SALT_OLD_KEY, salt);
	cc_key_commit(e->old_key, schema, salt, old_row->values, &key, 1);
}

/* Append a row-level entry; old_row and new_row as its kind has them. */
static void
ledger_change(ledger *l, cc_kind kind, const row *old_row,
			  const row *new_row)
{
	static uint8_t buffer[1 << 16];
	uint8_t		secret[CC_SECRET_SIZE];
	cc_salter  *salter = ledger_salter(secret, ++l->secrets);
	cc_entry	e;
	cc_writer	w;
	int			i;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.relation = LEDGER_RELATION;
	e.version = LEDGER_VERSION;
	ledger_commitments(&e, salter, old_row, new_row);
	if (kind == CC_KIND_UPDATE &&
		!cc_value_equal(&old_row->values[0], &new_row->values[0]))
		e.flags = CC_ENTRY_KEY_CHANGED;
	cc_writer_init(&w, buffer, sizeof(buffer));
	cc_write_u8(&w, CC_PRIVATE_WHOLE);
	cc_write_raw(&w, secret, sizeof(secret));
	if (new_row == NULL)
		cc_write_value(&w, &old_row->values[0]);
	for (i = 0; new_row != NULL && i < LEDGER_COLUMNS; i++)
		cc_write_value(&w, &new_row->values[i]);
	if (e.flags & CC_ENTRY_KEY_CHANGED)
		cc_write_value(&w, &old_row->values[0]);
	if (old_row != NULL)
	{
		uint8_t		digest[CC_DIGEST_SIZE];

		cc_row_digest(digest, old_row->values, LEDGER_COLUMNS);
		cc_write_raw(&w, digest, sizeof(digest));
	}
	must(w.status);
	ledger_entry(l, &e, buffer, w.len);
}

/* Whole ledgers */

/*
 * Block 0, the worked example of doc/format.md: one transaction with the
 * key, the schema version and one insert.
 */
static void
ledger_build_first(ledger *l)
{
	row			ana = ledger_row("42", "Ana", NULL, "");

	ledger_begin(l);
	ledger_key_entry(l, 1, l->signer);
	ledger_schema_entry(l);
	ledger_change(l, CC_KIND_INSERT, NULL, &ana);
	ledger_commit(l);
	ledger_seal(l);
}

/* A block with every row-level kind, long values and three transactions. */
static void
ledger_build_second(ledger *l)
{
	static char text[2000];
	row			ana = ledger_row("42", "Ana", NULL, "");
	row			bea = ledger_row("43", "Bea", "1970-01-02", "none");
	row			moved;
	row			noted;

	memset(text, 'x', sizeof(text) - 1);
	noted = ledger_row("42", "Ana", "1980-02-03", text);
	moved = ledger_row("44", "Ana", "1980-02-03", text);
	moved.values[3].form = CC_VALUE_REFERENCE;
	moved.values[3].data = NULL;
	ledger_begin(l);
	ledger_protect_entry(l);
	ledger_change(l, CC_KIND_BASELINE, NULL, &bea);
	ledger_change(l, CC_KIND_UPDATE, &ana, &noted);
	ledger_commit(l);
	ledger_begin(l);
	ledger_change(l, CC_KIND_UPDATE, &noted, &moved);
	ledger_commit(l);
	ledger_begin(l);
	ledger_change(l, CC_KIND_DELETE, &bea, NULL);
	ledger_commit(l);
	ledger_seal(l);
}

/* Announce the key of the next epoch in the open block, which hands over to it. */
static void
ledger_announce(ledger *l, uint32_t epoch)
{
	uint8_t		seed[32];

	memset(seed, (int) epoch, sizeof(seed));
	must(cc_signer_from_seed(&l->next, seed));
	ledger_begin(l);
	ledger_key_entry(l, epoch, l->next);
	ledger_commit(l);
}

/* Rotate: the new key is announced in the last block of the old one. */
static void
ledger_build_rotation(ledger *l)
{
	uint8_t		rows[8] = {0, 0, 0, 0, 0, 0, 0, 3};

	ledger_announce(l, 2);
	ledger_seal(l);
	ledger_use_key(l, 2);
	ledger_begin(l);
	ledger_control(l, CC_KIND_TRUNCATE, LEDGER_RELATION, LEDGER_VERSION,
				   rows, sizeof(rows));
	ledger_commit(l);
	ledger_seal(l);
}

/* Seal a heartbeat, then go back to before it. */
static void
ledger_lose_block(ledger *l)
{
	ledger		saved = *l;

	ledger_seal(l);
	free(l->items[saved.n].data);
	saved.lost = l->items[saved.n + 1];
	*l = saved;
}

/* A second incarnation, of another origin, after the loss of a block. */
static void
ledger_build_incarnation(ledger *l)
{
	cc_checkpoint lost;
	uint8_t		body[256];
	cc_incarnation_event event;
	cc_writer	w;
	row			cleo = ledger_row("50", "Cleo", NULL, NULL);

	event.incarnation = 2;
	event.origin = ledger_text(LEDGER_ORIGIN "/2");
	event.previous_origin = ledger_text(LEDGER_ORIGIN);
	ledger_lose_block(l);
	must(cc_checkpoint_parse(&lost, (char *) l->lost.data, l->lost.len));
	event.size = lost.size;
	memcpy(event.root, lost.root, CC_DIGEST_SIZE);
	event.reason = ledger_text("restored");
	l->incarnation = 2;
	l->origin = LEDGER_ORIGIN "/2";
	ledger_use_key(l, 3);
	cc_writer_init(&w, body, sizeof(body));
	cc_write_incarnation_event(&w, &event);
	must(w.status);
	ledger_begin(l);
	ledger_control(l, CC_KIND_INCARNATION, 0, 0, body, w.len);
	ledger_key_entry(l, 3, l->signer);
	ledger_commit(l);
	ledger_begin(l);
	ledger_change(l, CC_KIND_INSERT, NULL, &cleo);
	ledger_commit(l);
	ledger_seal(l);
}

/* Blocks 1 to 5. */
static void
ledger_build_rest(ledger *l)
{
	ledger_build_second(l);
	ledger_build_rotation(l);
	ledger_seal(l);				/* a heartbeat: a header alone */
	ledger_build_incarnation(l);
}

static void
ledger_build(ledger *l)
{
	ledger_init(l);
	ledger_build_first(l);
	ledger_build_rest(l);
}

#endif							/* LEDGER_H */
