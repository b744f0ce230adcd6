/*
 * test_rowproof.c
 *	  Row proofs of every kind hold, show what was opened and nothing else,
 *	  and no change of one passes for it.
 */
#include "prove.h"
#include "spoil.h"
#include "tap.h"

/* Entries of ledger_build(), by number of the row-level entry. */
enum
{
	INSERT, BASELINE, UPDATE, KEY_UPDATE, DELETE, LAST_INSERT, NROWS
};

static const char *const kind_names[] = {
	"insert", "baseline", "update", "update of a key", "delete",
	"insert after a restore"
};

static const bool all_open[LEDGER_COLUMNS] = {true, true, true, true};
static const bool some_open[LEDGER_COLUMNS] = {false, true, true, false};

static ledger whole;
static ledger base;				/* its first two blocks */
static cc_vkey keys[3];			/* of the three epochs */
static prove_text proof;
static prove_text changed;
static prove_parsed parsed;

static void
setup(void)
{
	ledger_build(&whole);
	ledger_init(&base);
	ledger_build_first(&base);
	ledger_build_second(&base);
	keys[0] = prove_key(LEDGER_ORIGIN, 1);
	keys[1] = prove_key(LEDGER_ORIGIN, 2);
	keys[2] = prove_key(LEDGER_ORIGIN "/2", 3);
}

/* Prove row n of a ledger under its last checkpoint. */
static void
prove(const ledger *l, int n, const bool *open)
{
	prove_row(&proof, l, prove_find_row(l, n), prove_last_checkpoint(l),
			  open);
}

static cc_status
check(const prove_text *t, cc_proof_step *step)
{
	return prove_check(&parsed, t, keys, 3, step);
}

static bool
holds(const prove_text *t)
{
	cc_proof_step step;

	return check(t, &step) == CC_OK && step == CC_STEP_NONE;
}

static bool
fails_at(const prove_text *t, cc_proof_step want, cc_status status)
{
	cc_proof_step step;

	return check(t, &step) == status && step == want;
}

/* The text again, from what was parsed. */
static void
write_again(prove_text *t, const prove_parsed *d)
{
	t->len = 0;
	prove_append_row(t, &d->p);
	prove_append_leaf(t, &d->p.leaf, d->p.leaf.note);
}

static bool
is_proof(const prove_text *t)
{
	return t->len == proof.len && memcmp(t->data, proof.data, t->len) == 0;
}

/* Round trips */

static void
test_kinds(void)
{
	int			n;
	int			i;

	for (n = 0; n < NROWS; n++)
	{
		int			entry = prove_find_row(&whole, n);
		int			good = 0;
		int			all = 0;

		for (i = entry; i < whole.n; i++)
		{
			if (whole.items[i].kind != CC_BUNDLE_CHECKPOINT)
				continue;
			prove_row(&proof, &whole, entry, &whole.items[i], all_open);
			good += holds(&proof);
			write_again(&changed, &parsed);
			good += is_proof(&changed);
			all += 2;
		}
		ok(all > 0 && good == all, "%s: under each checkpoint after it",
		   kind_names[n]);
	}
	ok(prove_find_row(&whole, NROWS) < 0, "these are all kinds of rows");
}

static bool
shows(int column, const char *text)
{
	const cc_proof_column *c = &parsed.shown[column];
	cc_value	v;

	cc_value_set(&v, text, text == NULL ? 0 : strlen(text));
	return c->open && cc_value_equal(&c->value, &v);
}

static void
test_contents(void)
{
	prove(&base, INSERT, all_open);
	ok(holds(&proof) && shows(0, "42") && shows(1, "Ana") && shows(2, NULL) &&
	   shows(3, "") && slice_is(parsed.p.schema.table, "patient") &&
	   slice_is(parsed.p.record.reason, "admission") &&
	   strcmp(parsed.p.checkpoint.origin, LEDGER_ORIGIN) == 0,
	   "values, names, circumstances and origin");
	prove(&base, KEY_UPDATE, all_open);
	ok(holds(&proof) && parsed.key[0].len == 2 &&
	   memcmp(parsed.key[0].data, "44", 2) == 0 &&
	   parsed.shown[3].value.form == CC_VALUE_REFERENCE,
	   "the new key, and a value of an earlier entry by its digest");
	prove(&base, DELETE, NULL);
	ok(holds(&proof) && memcmp(parsed.key[0].data, "43", 2) == 0,
	   "the key of a deleted row");
}

/* Does the decoded private part hold these bytes? */
static bool
private_holds(const void *bytes, size_t len)
{
	const uint8_t *p = parsed.p.private_part.data;
	size_t		i;

	for (i = 0; i + len <= parsed.p.private_part.len; i++)
		if (memcmp(p + i, bytes, len) == 0)
			return true;
	return false;
}

static bool
subset_holds(unsigned int set, cc_kind kind)
{
	static const char *const texts[] = {"42", "Ana Nym", "1980-02-03", "none"};
	uint8_t		secret[CC_SECRET_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	cc_salter  *salter = ledger_salter(secret, (uint8_t) kind);
	bool		good = holds(&proof) && !private_holds(secret, sizeof(secret));
	int			i;

	for (i = 0; i < LEDGER_COLUMNS; i++)
	{
		bool		open = (set >> i & 1) != 0;

		cc_salter_salt(salter, CC_SALT_COLUMN(i), salt);
		good = good && parsed.shown[i].open == open &&
			private_holds(salt, sizeof(salt)) == open &&
			(open ? shows(i, texts[i]) :
			 i == 0 || !private_holds(texts[i], strlen(texts[i])));
	}
	cc_salter_salt(salter, CC_SALT_OVERWRITTEN, salt);
	good = good && !private_holds(salt, sizeof(salt));
	cc_salter_salt(salter, CC_SALT_OLD_KEY, salt);
	return good && !private_holds(salt, sizeof(salt));
}

/* One transaction with one row of this kind, whose number is its secret. */
static void
build_row(ledger *l, cc_kind kind, const row *old_row, const row *new_row)
{
	ledger_init(l);
	ledger_begin(l);
	l->secrets = (uint8_t) (kind - 1);
	ledger_change(l, kind, old_row, new_row);
	ledger_commit(l);
	ledger_seal(l);
}

static void
test_subsets(cc_kind kind)
{
	row			before = ledger_row("41", "Before", "1970-01-01", "old");
	row			after = ledger_row("42", "Ana Nym", "1980-02-03", "none");
	ledger		l;
	unsigned int set;
	int			good = 0;

	build_row(&l, kind, kind == CC_KIND_UPDATE ? &before : NULL, &after);
	for (set = 0; set < 16; set++)
	{
		bool		open[LEDGER_COLUMNS];
		int			i;

		for (i = 0; i < LEDGER_COLUMNS; i++)
			open[i] = (set >> i & 1) != 0;
		prove(&l, 0, open);
		good += subset_holds(set, kind);
	}
	ok(good == 16, "%s: every subset of columns, and nothing of the others",
	   cc_kind_name(kind));
	ledger_free(&l);
}

/* The commitment of the last column, which is withheld, of an insert. */
static const uint8_t *
last_commitment(void)
{
	return parsed.p.private_part.data + parsed.p.private_part.len -
		CC_DIGEST_SIZE;
}

static bool
guess(const uint8_t *salt, const char *value)
{
	uint8_t		got[CC_DIGEST_SIZE];
	cc_value	v;

	cc_value_set(&v, value, value == NULL ? 0 : strlen(value));
	cc_column_commitment(got, salt, LEDGER_COLUMNS - 1, &v);
	return memcmp(got, last_commitment(), sizeof(got)) == 0;
}

/* Both values, with every 16 bytes in a row as the salt. */
static int
guess_from(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	int			found = 0;
	size_t		i;

	for (i = 0; i + CC_SALT_SIZE <= len; i++)
		found += guess(p + i, "t") + guess(p + i, "f");
	return found;
}

static void
test_one_bit(void)
{
	static const uint8_t zeros[2 * CC_SALT_SIZE];
	row			hidden = ledger_row("42", "Ana", NULL, "t");
	uint8_t		secret[CC_SECRET_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	ledger		l;
	int			found;

	build_row(&l, CC_KIND_INSERT, NULL, &hidden);
	prove(&l, 0, some_open);
	ok(holds(&proof), "a proof that withholds one bit");
	found = guess_from(proof.data, proof.len) +
		guess_from(zeros, sizeof(zeros)) +
		guess_from(parsed.p.committed.data, parsed.p.committed.len) +
		guess_from(parsed.p.private_part.data, parsed.p.private_part.len) +
		guess_from(parsed.p.record_bytes.data, parsed.p.record_bytes.len) +
		guess_from(parsed.p.schema_bytes.data, parsed.p.schema_bytes.len);
	ok(found == 0, "nothing in the proof serves to guess it");
	cc_salter_salt(ledger_salter(secret, CC_KIND_INSERT),
				   CC_SALT_COLUMN(LEDGER_COLUMNS - 1), salt);
	ok(guess(salt, "t") && !guess(salt, "f") && !guess(salt, NULL),
	   "but its salt does, once handed over");
	ledger_free(&l);
}

/* Transactions and logs of many sizes */

static void
test_transaction(int n)
{
	row			ana = ledger_row("42", "Ana", NULL, "");
	int			step = n > 64 ? 37 : 1;
	int			failed = 0;
	ledger		l;
	int			i;

	ledger_init(&l);
	ledger_begin(&l);
	for (i = 0; i < n; i++)
		ledger_change(&l, CC_KIND_INSERT, NULL, &ana);
	ledger_commit(&l);
	ledger_seal(&l);
	for (i = n - 1; i >= 0; i -= step)
	{
		prove(&l, i, some_open);
		failed += !holds(&proof);
	}
	prove(&l, 0, some_open);
	failed += !holds(&proof);
	ok(failed == 0, "entries of a transaction of %d", n);
	ledger_free(&l);
}

static int
failures_of_log(int size)
{
	row			ana = ledger_row("42", "Ana", NULL, "");
	int			failed = 0;
	ledger		l;
	int			i;

	ledger_init(&l);
	for (i = 1; i < size; i++)
	{
		ledger_begin(&l);
		ledger_change(&l, CC_KIND_INSERT, NULL, &ana);
		ledger_commit(&l);
	}
	ledger_seal(&l);
	for (i = 0; i < size - 1; i++)
	{
		prove(&l, i, some_open);
		failed += !holds(&proof);
	}
	ledger_free(&l);
	return failed;
}

static void
test_logs(void)
{
	int			failed = 0;
	int			size;

	for (size = 2; size <= 70; size++)
		failed += failures_of_log(size);
	ok(failed == 0, "every record of logs of 2 to 70 leaves");
}

/* Keys of other shapes */

/* A schema of three columns a, b, c, and an entry that is a log of its own. */
typedef struct lone
{
	cc_schema	schema;
	uint16_t	positions[3];
	cc_column	columns[3];
	cc_value	values[3];		/* of the row */
	cc_value	key[3];			/* in key order */
	cc_kind		kind;
	uint8_t		definition[256];
	uint8_t		committed[CC_ROW_ENTRY_MAX];
	uint8_t		private_part[512];
	uint8_t		record[512];
	cc_row_proof p;
} lone;

static cc_slice
written(const uint8_t *data, const cc_writer *w)
{
	cc_slice	s;

	must(w->status);
	s.data = data;
	s.len = w->len;
	return s;
}

static void
lone_init(lone *o, cc_kind kind)
{
	static const char *const names[] = {"a", "b", "c"};
	int			i;

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	o->schema.schema = o->schema.leaf_schema = text_slice("public");
	o->schema.table = o->schema.leaf_table = text_slice("t");
	o->schema.encoding = text_slice("UTF8");
	o->schema.subject = CC_NO_POSITION;
	o->schema.key_kind = CC_KEY_COLUMNS;
	o->schema.nkeys = 2;
	o->schema.key_positions = o->positions;
	o->positions[0] = 2;
	o->schema.ncolumns = 3;
	o->schema.columns = o->columns;
	for (i = 0; i < 3; i++)
	{
		o->columns[i].name = text_slice(names[i]);
		o->columns[i].type = text_slice("text");
		cc_value_set(&o->values[i], names[i], 1);
	}
	o->key[0] = o->values[2];
	o->key[1] = o->values[0];
}

static void
lone_whole_row(lone *o)
{
	o->schema.key_kind = CC_KEY_WHOLE_ROW;
	o->schema.nkeys = 0;
	memcpy(o->key, o->values, sizeof(o->key));
}

static void
lone_commit(lone *o, cc_salter *salter)
{
	uint8_t		salt[CC_SALT_SIZE];
	cc_entry   *e = &o->p.entry;
	cc_writer	w;

	cc_writer_init(&w, o->definition, sizeof(o->definition));
	cc_write_schema(&w, &o->schema);
	o->p.schema_bytes = written(o->definition, &w);
	cc_schema_digest(o->schema.digest, o->definition, w.len);
	e->kind = o->kind;
	e->relation = 7;
	e->version = 1;
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_key_commit(e->key, o->schema.digest, salt, o->key, NULL,
				  cc_schema_key_count(&o->schema));
	cc_row_commit(e->row, o->schema.digest, salter, o->values, 3);
	cc_writer_init(&w, o->committed, sizeof(o->committed));
	cc_write_entry(&w, e);
	o->p.committed = written(o->committed, &w);
}

static void
lone_record(lone *o)
{
	cc_record	r;
	cc_writer	w;

	memset(&r, 0, sizeof(r));
	r.session_user = r.outer_user = r.current_users = text_slice("ward");
	r.entry_count = 1;
	cc_merkle_leaf(r.root, o->p.committed.data, o->p.committed.len);
	cc_writer_init(&w, o->record, sizeof(o->record));
	cc_write_record(&w, &r);
	o->p.record_bytes = written(o->record, &w);
	o->p.entry_count = 1;
}

/* Sign a checkpoint of these numbers with the key of epoch 1. */
static cc_slice
signed_note(char note[CC_NOTE_MAX + 1], uint64_t size, const prove_hash root)
{
	uint8_t		seed[32];
	cc_signer  *signer;
	cc_slice	s;

	memset(seed, 1, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	s.data = (const uint8_t *) note;
	s.len = ledger_note(note, signer, &keys[0], LEDGER_ORIGIN, size, root);
	cc_signer_free(signer);
	return s;
}

/* Into 'proof'; the private part has been written. */
static void
lone_finish(lone *o)
{
	static char note[CC_NOTE_MAX + 1];
	prove_hash	root;

	lone_record(o);
	cc_merkle_leaf(root, o->p.record_bytes.data, o->p.record_bytes.len);
	proof.len = 0;
	prove_append_row(&proof, &o->p);
	prove_append_leaf(&proof, &o->p.leaf, signed_note(note, 1, root));
}

static void
lone_prove(lone *o, const bool *open)
{
	uint8_t		secret[CC_SECRET_SIZE];
	cc_salter  *salter = ledger_salter(secret, 9);
	cc_writer	w;

	lone_commit(o, salter);
	cc_writer_init(&w, o->private_part, sizeof(o->private_part));
	if (cc_kind_has_row(o->kind))
		cc_write_redacted(&w, &o->p.entry, &o->schema, salter, o->values,
						  open, NULL);
	else
		cc_write_redacted(&w, &o->p.entry, &o->schema, salter, o->key, NULL,
						  NULL);
	o->p.private_part = written(o->private_part, &w);
	lone_finish(o);
}

static bool
key_is(const char *letters)
{
	int			i;

	for (i = 0; letters[i] != '\0'; i++)
		if (parsed.key[i].len != 1 ||
			*parsed.key[i].data != (uint8_t) letters[i])
			return false;
	return i == cc_schema_key_count(&parsed.p.schema);
}

static void
test_key_shapes(void)
{
	static const bool closed[3] = {false, false, false};
	lone		o;

	lone_init(&o, CC_KIND_INSERT);
	lone_prove(&o, all_open);
	ok(holds(&proof) && key_is("ca"), "a key in another order than the row");
	lone_prove(&o, closed);
	ok(holds(&proof) && key_is("ca"), "a row of which only the key is shown");
	lone_init(&o, CC_KIND_DELETE);
	lone_prove(&o, NULL);
	ok(holds(&proof) && key_is("ca"), "a deleted row of two key columns");
	lone_whole_row(&o);
	lone_prove(&o, NULL);
	ok(holds(&proof) && key_is("abc"), "a deleted row that is its own key");
	lone_init(&o, CC_KIND_BASELINE);
	lone_whole_row(&o);
	lone_prove(&o, all_open);
	ok(holds(&proof) && key_is("abc"), "a row that is its own key");
}

/* A ledger that commits to a key other than the row's. */
static void
forge_key(lone *o, const bool *open)
{
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		secret[CC_SECRET_SIZE];
	cc_salter  *salter = ledger_salter(secret, 9);
	uint8_t		right[sizeof(o->private_part)];
	cc_writer	w;
	size_t		head;

	lone_prove(o, open);
	memcpy(right, o->private_part, sizeof(right));
	head = 2 + CC_SALT_SIZE + 2 * 2;
	cc_value_set(&o->key[0], "x", 1);
	lone_commit(o, salter);
	cc_writer_init(&w, o->private_part, sizeof(o->private_part));
	cc_write_u8(&w, CC_PRIVATE_REDACTED);
	cc_write_u8(&w, 1);
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_write_raw(&w, salt, sizeof(salt));
	cc_write_value(&w, &o->key[0]);
	cc_write_value(&w, &o->key[1]);
	cc_write_raw(&w, right + head, o->p.private_part.len - head);
	o->p.private_part = written(o->private_part, &w);
	lone_finish(o);
}

static void
test_key_agrees(void)
{
	static const bool without[3] = {true, true, false};
	lone		o;

	lone_init(&o, CC_KIND_INSERT);
	forge_key(&o, all_open);
	ok(fails_at(&proof, CC_STEP_VALUES, CC_E_MISMATCH),
	   "a key that is not the row's");
	lone_init(&o, CC_KIND_INSERT);
	forge_key(&o, without);
	ok(holds(&proof) && key_is("xa"),
	   "which no one sees while that column is withheld");
}

/* Redacted parts that open other items, or do not open the key */

/* An update that shows its old key and what it overwrote, into 'changed'. */
static void
open_old_parts(bool show_key, bool right_row, bool right_key)
{
	row			before = ledger_row("41", "B", "1970-01-01", "old");
	row			after = ledger_row("42", "A", "1980-02-03", "none");
	uint8_t		secret[CC_SECRET_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		digest[CC_DIGEST_SIZE];
	uint8_t		buffer[1024];
	cc_salter  *salter;
	cc_writer	w;
	ledger		l;
	size_t		head = 1 + 1 + CC_SALT_SIZE + 3;

	build_row(&l, CC_KIND_UPDATE, &before, &after);
	prove(&l, 0, some_open);
	if (prove_parse(&parsed, proof.data, proof.len) != CC_OK)
		abort();
	salter = ledger_salter(secret, CC_KIND_UPDATE);
	cc_writer_init(&w, buffer, sizeof(buffer));
	if (show_key)
		cc_write_raw(&w, parsed.p.private_part.data, head);
	else
		cc_write_u16(&w, CC_PRIVATE_REDACTED << 8);
	cc_write_u8(&w, 1);
	cc_salter_salt(salter, CC_SALT_OVERWRITTEN, salt);
	cc_write_raw(&w, salt, sizeof(salt));
	cc_row_digest(digest, (right_row ? &before : &after)->values,
				  LEDGER_COLUMNS);
	cc_write_raw(&w, digest, sizeof(digest));
	cc_write_u8(&w, 1);
	cc_salter_salt(salter, CC_SALT_OLD_KEY, salt);
	cc_write_raw(&w, salt, sizeof(salt));
	cc_write_value(&w, right_key ? &before.values[0] : &after.values[0]);
	cc_write_raw(&w, parsed.p.private_part.data + head + 2,
				 parsed.p.private_part.len - head - 2);
	parsed.p.private_part = written(buffer, &w);
	write_again(&changed, &parsed);
	ledger_free(&l);
}

static void
test_items(void)
{
	open_old_parts(true, true, true);
	ok(holds(&changed) && parsed.key[0].len == 2 &&
	   memcmp(parsed.key[0].data, "42", 2) == 0,
	   "an old key and what was overwritten may be shown too");
	open_old_parts(true, false, true);
	ok(fails_at(&changed, CC_STEP_VALUES, CC_E_MISMATCH),
	   "another overwritten row");
	open_old_parts(true, true, false);
	ok(fails_at(&changed, CC_STEP_VALUES, CC_E_MISMATCH),
	   "another old key");
	open_old_parts(false, true, true);
	ok(fails_at(&changed, CC_STEP_VALUES, CC_E_VALUE), "the key withheld");
}

/* Trust */

static void
append_line(prove_text *t, const char *name, uint32_t id,
			const void *signature, size_t len)
{
	char		line[CC_NOTE_LINE_MAX + 1];

	prove_add(t, line, cc_note_line(line, name, id, signature, len));
}

static bool
trusts(const cc_vkey *trusted, int n, cc_status want)
{
	cc_proof_step step;

	return prove_check(&parsed, &proof, trusted, n, &step) == want &&
		step == (want == CC_OK ? CC_STEP_NONE : CC_STEP_SIGNATURE);
}

static void
test_trust(void)
{
	cc_vkey		some[3];

	prove(&base, UPDATE, some_open);
	ok(trusts(keys, 1, CC_OK), "the key of the log");
	ok(trusts(keys, 0, CC_E_UNSIGNED), "no key");
	ok(trusts(keys + 1, 1, CC_E_UNSIGNED), "another epoch's key");
	some[0] = prove_key("other.example/custody", 1);
	ok(trusts(some, 1, CC_E_UNSIGNED), "the same key under another name");
	some[0] = keys[0];
	some[0].type = CC_SIG_COSIGNATURE;
	some[0].id = cc_key_id(some[0].type, some[0].name, some[0].key,
						   some[0].key_len);
	ok(trusts(some, 1, CC_E_UNSIGNED), "the same key as a witness's");
	some[0] = keys[1];
	some[1] = keys[2];
	some[2] = keys[0];
	ok(trusts(some, 3, CC_OK), "the right key among others");
	append_line(&proof, keys[2].name, keys[2].id, proof.data, 64);
	append_line(&proof, "witness.example", 1, proof.data, 72);
	ok(trusts(keys, 3, CC_OK),
	   "lines of witnesses and of another origin are passed over");
	append_line(&proof, keys[1].name, keys[1].id, proof.data, 64);
	ok(trusts(keys, 1, CC_OK), "so is one of a key that is not trusted");
	ok(trusts(keys, 2, CC_E_SIGNATURE) && trusts(some, 3, CC_E_SIGNATURE),
	   "but a wrong line of a trusted key spoils the note");
}

/* A witness that signs, with the log's own key, is not the log. */
static void
test_witness_alone(void)
{
	uint8_t		signature[8 + CC_MADE_SIGNATURE_MAX];
	char		message[512] = "cosignature/v1\ntime 5\n";
	size_t		n = strlen(message);
	size_t		len;
	cc_checkpoint *c = &parsed.p.checkpoint;
	cc_vkey		witness = keys[0];

	witness.type = CC_SIG_COSIGNATURE;
	witness.id = cc_key_id(witness.type, witness.name, witness.key,
						   witness.key_len);
	prove(&base, UPDATE, some_open);
	if (!holds(&proof))
		abort();
	memcpy(message + n, c->text.data, c->text.len);
	cc_store_u64(signature, 5);
	must(cc_signer_sign(base.signer, message, n + c->text.len, signature + 8,
						&len));
	proof.len -= parsed.p.leaf.note.len - c->text.len - 1;
	append_line(&proof, witness.name, witness.id, signature, 8 + len);
	if (prove_parse(&parsed, proof.data, proof.len) != CC_OK)
		abort();
	ok(cc_checkpoint_check(c, &witness) == CC_OK &&
	   trusts(&witness, 1, CC_E_UNSIGNED) && trusts(keys, 3, CC_E_UNSIGNED),
	   "a witness's cosignature alone does not do");
}

static void
test_many_lines(void)
{
	cc_proof_step step;
	int			i;

	prove(&base, UPDATE, some_open);
	for (i = 1; i < 100; i++)
		append_line(&proof, "witness.example", 1, proof.data, 72);
	ok(holds(&proof), "100 signature lines");
	append_line(&proof, "witness.example", 1, proof.data, 72);
	ok(check(&proof, &step) == CC_E_FORM, "101 are refused");
	for (i = 101; i < 200; i++)
		append_line(&proof, "witness.example", 1, proof.data, 72);
	ok(check(&proof, &step) == CC_E_FORM, "200 too");
}

/* Room */

static void
test_room(void)
{
	int			refused = 0;
	size_t		n;

	prove(&base, UPDATE, some_open);
	for (n = 0; n < LEDGER_COLUMNS; n++)
	{
		cc_proof_step step;
		char	   *copy = (char *) exact_copy(proof.data, proof.len);

		prove_room(&parsed);
		parsed.p.capacity = n;
		if (cc_row_proof_parse(&parsed.p, copy, proof.len) == CC_OK)
			refused += cc_row_proof_check(&parsed.p, keys, 3,
										  &step) == CC_E_SPACE;
		free(copy);
		copy = (char *) exact_copy(proof.data, proof.len);
		prove_room(&parsed);
		parsed.p.schema.column_capacity = n;
		refused += cc_row_proof_parse(&parsed.p, copy,
									  proof.len) == CC_E_SPACE;
		free(copy);
	}
	ok(refused == 2 * LEDGER_COLUMNS, "too little room is noticed");
}

static void
test_steps(void)
{
	int			step;
	int			said = 0;

	for (step = CC_STEP_NONE; step <= CC_STEP_WITNESSES + 1; step++)
		said += cc_proof_step_text((cc_proof_step) step)[0] != '\0';
	ok(said == CC_STEP_WITNESSES + 2, "every step has a text");
}

/* Changes of the text */

static prove_parsed good;		/* what 'proof' says */

static bool
same_slice(cc_slice a, cc_slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool
same_content(const cc_row_proof *a, const cc_row_proof *b)
{
	return same_slice(a->committed, b->committed) &&
		same_slice(a->private_part, b->private_part) &&
		same_slice(a->record_bytes, b->record_bytes) &&
		same_slice(a->schema_bytes, b->schema_bytes) &&
		a->entry_no == b->entry_no && a->entry_count == b->entry_count &&
		a->leaf.number == b->leaf.number &&
		same_slice(a->checkpoint.text, b->checkpoint.text);
}

static spoil_verdict
judge(const char *text, size_t len)
{
	cc_proof_step step;

	if (prove_parse(&parsed, text, len) != CC_OK ||
		cc_row_proof_check(&parsed.p, keys, 3, &step) != CC_OK)
		return SPOIL_REFUSED;
	return same_content(&parsed.p, &good.p) ? SPOIL_SAME : SPOIL_OTHER;
}

static void
prove_good(int n)
{
	prove(&base, n, some_open);
	if (prove_parse(&good, proof.data, proof.len) != CC_OK)
		abort();
}

/* Changes of decoded parts: 'good' is spoilt and written again */

static spoil tally;

/* The note, with whatever stands in the parsed checkpoint. */
static void
write_note(prove_text *t, const cc_checkpoint *c)
{
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	int			i;

	prove_add(t, text, cc_checkpoint_text(text, c->origin, c->size, c->root));
	prove_add(t, "\n", 1);
	for (i = 0; i < c->nsignatures; i++)
	{
		const cc_note_signature *s = &c->signatures[i];
		prove_add(t, "\xE2\x80\x94 ", 4);
		prove_add(t, s->name.data, s->name.len);
		prove_add(t, " ", 1);
		prove_add(t, s->digits.data, s->digits.len);
		prove_add(t, "\n", 1);
	}
}

/* An accepted change says something else, whatever it says. */
static void
judge_parts(void)
{
	cc_slice	none = {NULL, 0};

	changed.len = 0;
	prove_append_row(&changed, &good.p);
	prove_append_leaf(&changed, &good.p.leaf, none);
	write_note(&changed, &good.p.checkpoint);
	if (!is_proof(&changed))
		spoil_count(&tally, judge(changed.data, changed.len) == SPOIL_REFUSED ?
					SPOIL_REFUSED : SPOIL_OTHER);
}

static void
spoil_parts(void)
{
	cc_row_proof *p = &good.p;

	spoil_part(p->committed.data, p->committed.len, judge_parts);
	spoil_report(&tally, "no flipped bit of the entry", 0);
	spoil_part(p->private_part.data, p->private_part.len, judge_parts);
	spoil_report(&tally, "no flipped bit of the private part", 0);
	spoil_part(p->record_bytes.data, p->record_bytes.len, judge_parts);
	spoil_report(&tally, "no flipped bit of the record", 0);
	spoil_part(p->schema_bytes.data, p->schema_bytes.len, judge_parts);
	spoil_report(&tally, "no flipped bit of the schema", 0);
	spoil_part(p->path, (size_t) p->npath * CC_DIGEST_SIZE, judge_parts);
	spoil_part(p->leaf.hashes, (size_t) p->leaf.nhashes * CC_DIGEST_SIZE, judge_parts);
	spoil_report(&tally, "no flipped bit of a hash", 0);
	spoil_part(p->checkpoint.root, CC_DIGEST_SIZE, judge_parts);
	spoil_part(p->checkpoint.origin, strlen(p->checkpoint.origin), judge_parts);
	spoil_part(&p->checkpoint.signatures[0].id, 4, judge_parts);
	spoil_part(p->checkpoint.signatures[0].digits.data,
			   p->checkpoint.signatures[0].digits.len, judge_parts);
	spoil_report(&tally, "no flipped bit of the checkpoint", 0);
}

/* Hashes dropped, doubled and swapped; there is room for one more. */
static void
spoil_hashes(prove_hash *hashes, int *n)
{
	prove_hash	right[CC_FRONTIER_MAX + 1];
	int			count = *n;
	int			i;
	int			k;

	memcpy(right, hashes, sizeof(right));
	for (i = 0; i < count; i++)
	{
		size_t		rest = (size_t) (count - i) * CC_DIGEST_SIZE;

		*n = count - 1;
		memmove(hashes[i], right[i + 1], rest - CC_DIGEST_SIZE);
		judge_parts();
		*n = count + 1;
		memcpy(hashes, right, sizeof(right));
		memmove(hashes[i + 1], right[i], rest);
		judge_parts();
		*n = count;
		for (k = i + 1; k < count; k++)
		{
			memcpy(hashes, right, sizeof(right));
			memcpy(hashes[i], right[k], CC_DIGEST_SIZE);
			memcpy(hashes[k], right[i], CC_DIGEST_SIZE);
			judge_parts();
		}
		memcpy(hashes, right, sizeof(right));
	}
	*n = count + 1;
	judge_parts();
	for (*n = 0; *n < count; ++*n)
		judge_parts();
}

static void
spoil_numbers(void)
{
	cc_row_proof *p = &good.p;

	spoil_number(&p->entry_no, judge_parts);
	spoil_number(&p->entry_count, judge_parts);
	spoil_number(&p->leaf.number, judge_parts);
	spoil_number(&p->checkpoint.size, judge_parts);
	spoil_report(&tally, "no other number, count, index or size", 0);
	spoil_hashes(p->path, &p->npath);
	spoil_hashes(p->leaf.hashes, &p->leaf.nhashes);
	spoil_report(&tally, "no hash dropped, doubled or swapped", 0);
}

static void
test_changes(int n)
{
	prove_good(n);
	spoil_text(kind_names[n], proof.data, proof.len, judge);
	memset(&tally, 0, sizeof(tally));
	tally.what = kind_names[n];
	spoil_parts();
	spoil_numbers();
}

/* Parts of other proofs */

static cc_status
swap_in(void (*take) (cc_row_proof *to, const cc_row_proof *from), int from,
		cc_proof_step *step)
{
	prove_parsed other = {0};
	cc_status	status;

	prove(&base, from, some_open);
	if (prove_parse(&other, proof.data, proof.len) != CC_OK)
		abort();
	prove_good(UPDATE);
	take(&good.p, &other.p);
	write_again(&changed, &good);
	status = check(&changed, step);
	prove_free(&other);
	return status;
}

static void
take_private(cc_row_proof *to, const cc_row_proof *from)
{
	to->private_part = from->private_part;
}

static void
take_path(cc_row_proof *to, const cc_row_proof *from)
{
	to->entry_no = from->entry_no;
	to->npath = from->npath;
	memcpy(to->path, from->path, sizeof(to->path));
}

static void
take_record(cc_row_proof *to, const cc_row_proof *from)
{
	to->record_bytes = from->record_bytes;
}

static void
take_leaf(cc_row_proof *to, const cc_row_proof *from)
{
	to->leaf = from->leaf;
}

static void
take_entry(cc_row_proof *to, const cc_row_proof *from)
{
	to->committed = from->committed;
	to->private_part = from->private_part;
}

static void
test_other_parts(void)
{
	cc_proof_step step;

	ok(swap_in(take_entry, BASELINE, &step) == CC_E_MISMATCH &&
	   step == CC_STEP_TRANSACTION, "another entry of the transaction");
	ok(swap_in(take_path, BASELINE, &step) == CC_E_MISMATCH &&
	   step == CC_STEP_TRANSACTION, "another entry's path");
	ok(swap_in(take_private, KEY_UPDATE, &step) != CC_OK,
	   "another entry's private part");
	ok(swap_in(take_record, DELETE, &step) == CC_E_MISMATCH &&
	   step == CC_STEP_TRANSACTION, "another transaction's record");
	ok(swap_in(take_leaf, DELETE, &step) != CC_OK && step == CC_STEP_LOG,
	   "another leaf's path");
}

/*
 * A log signed as of another size than it is.  Sizes at which leaf 3 lies as
 * it does in a tree of 6 are left out: its path is the same in all of them.
 */
static void
test_sizes(void)
{
	static const uint64_t sizes[] = {
		0, 3, 4, 9, UINT64_C(1) << 62, (UINT64_C(1) << 62) + 1, INT64_MAX
	};
	char		note[CC_NOTE_MAX + 1];
	int			refused = 0;
	size_t		i;

	prove_good(UPDATE);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		good.p.leaf.note = signed_note(note, sizes[i],
									   good.p.checkpoint.root);
		write_again(&changed, &good);
		refused += fails_at(&changed, CC_STEP_LOG, CC_E_FORM) ||
			fails_at(&changed, CC_STEP_LOG, CC_E_RANGE);
	}
	ok(refused == (int) i, "trees of another size, though signed");
	good.p.leaf.note = signed_note(note, INT64_MAX + UINT64_C(1),
								   good.p.checkpoint.root);
	write_again(&changed, &good);
	ok(fails_at(&changed, CC_STEP_NONE, CC_E_VALUE), "a size of 2^63");
}

static bool
refuses(const char *from, const char *to, cc_status status)
{
	char	   *at;

	prove(&base, INSERT, some_open);
	proof.data[proof.len] = '\0';
	at = strstr(proof.data, from);
	if (at == NULL)
		abort();
	changed.len = 0;
	prove_add(&changed, proof.data, (size_t) (at - proof.data));
	prove_add(&changed, to, strlen(to));
	at += strlen(from);
	prove_add(&changed, at, proof.len - (size_t) (at - proof.data));
	return fails_at(&changed, CC_STEP_NONE, status);
}

static void
test_forms(void)
{
	prove(&base, KEY_UPDATE, some_open);
	proof.data[proof.len] = '\0';
	ok(strstr(proof.data, "\npath 0 1 -\n") != NULL && holds(&proof),
	   "an empty path is a hyphen");
	ok(refuses("\nindex", "\nextra QQ==\nindex", CC_OK),
	   "an extra line is passed over");
	ok(refuses("v1\nentry", "v2\nentry", CC_E_FORM), "another version");
	ok(refuses("entry ", "entry  ", CC_E_FORM), "two spaces");
	ok(refuses("entry ", "Entry ", CC_E_FORM), "another letter case");
	ok(refuses("path 2 3 ", "path 02 3 ", CC_E_FORM), "a leading zero");
	ok(refuses("path 2 3 ", "path +2 3 ", CC_E_FORM), "a sign");
	ok(refuses("path 2 3 ", "path 2 3", CC_E_FORM), "a field less");
	ok(refuses("path 2 3 ", "path 2 3 -", CC_E_FORM), "a hyphen and hashes");
	ok(refuses("path 2 3 ", "path 2 3 AAAA", CC_E_FORM),
	   "hashes that are not whole");
	ok(refuses("path 2 3 ", "path 2 9223372036854775808 ", CC_E_VALUE),
	   "a count of 2^63");
	ok(refuses("path 2 3 ", "path 9223372036854775808 3 ", CC_E_VALUE),
	   "a number of 2^63");
	ok(refuses("\nrecord", "\nnote AAAA\nrecord", CC_E_FORM),
	   "an unlisted line");
}

/* A path longer than any is refused before it is copied. */
static void
test_long_paths(void)
{
	char		text[PROVE_TEXT_MAX] = "path 2 3 ";
	int			refused = 0;
	size_t		n;

	prove_good(INSERT);
	good.p.npath = CC_FRONTIER_MAX;
	write_again(&changed, &good);
	ok(fails_at(&changed, CC_STEP_TRANSACTION, CC_E_FORM),
	   "a path of 63 hashes is one");
	good.p.npath++;
	write_again(&changed, &good);
	ok(fails_at(&changed, CC_STEP_NONE, CC_E_FORM), "one of 64 is not");
	for (n = 1; n <= 4; n++)
	{
		size_t		digits = n * 32 * 128;

		memset(text + strlen("path 2 3 "), 'A', digits);
		text[strlen("path 2 3 ") + digits] = '\0';
		refused += refuses("path 2 3 ", text, CC_E_FORM);
	}
	ok(refused == 4, "nor are longer ones");
}

/* Entries and forms of private parts that are none of a row proof. */
static void
test_kinds_refused(void)
{
	static const uint8_t truncate[] = {
		CC_KIND_TRUNCATE, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3
	};
	static const uint8_t erased[] = {CC_PRIVATE_ERASED};
	const item *it = &base.items[prove_find_row(&base, INSERT)];

	prove_good(INSERT);
	good.p.committed.data = truncate;
	good.p.committed.len = sizeof(truncate);
	write_again(&changed, &good);
	ok(fails_at(&changed, CC_STEP_NONE, CC_E_VALUE), "no entry of a row");
	prove_good(INSERT);
	good.p.private_part.data = erased;
	good.p.private_part.len = sizeof(erased);
	write_again(&changed, &good);
	ok(fails_at(&changed, CC_STEP_NONE, CC_E_VALUE), "an erased part");
	good.p.private_part.data = it->private_part;
	good.p.private_part.len = it->private_len;
	write_again(&changed, &good);
	ok(fails_at(&changed, CC_STEP_NONE, CC_E_VALUE), "a whole part");
}

int
main(void)
{
	setup();
	test_kinds();
	test_contents();
	test_subsets(CC_KIND_BASELINE);
	test_subsets(CC_KIND_INSERT);
	test_subsets(CC_KIND_UPDATE);
	test_one_bit();
	test_transaction(1);
	test_transaction(2);
	test_transaction(3);
	test_transaction(1000);
	test_logs();
	test_key_shapes();
	test_key_agrees();
	test_items();
	test_trust();
	test_witness_alone();
	test_many_lines();
	test_room();
	test_steps();
	test_changes(INSERT);
	test_changes(BASELINE);
	test_changes(UPDATE);
	test_changes(KEY_UPDATE);
	test_changes(DELETE);
	ok(spoil_total >= 100000, "%d changes in all", spoil_total);
	test_other_parts();
	test_sizes();
	test_forms();
	test_long_paths();
	test_kinds_refused();
	prove_free(&parsed);
	prove_free(&good);
	ledger_free(&whole);
	ledger_free(&base);
	return done_testing();
}
