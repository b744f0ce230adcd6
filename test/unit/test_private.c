/*
 * test_private.c
 *	  What a private part opens to, and the lookup numbers of an entry.
 */
#include "core/encode.h"

#include "codecs.h"
#include "tap.h"

typedef struct fixture
{
	codec_table table;
	cc_entry	entry;
	cc_private	part;
	cc_value	values[CODEC_COLUMNS];
	cc_value	old_key[CODEC_COLUMNS];
	uint8_t		data[256];
	size_t		len;
} fixture;

static void
init(fixture *f, cc_kind kind, uint8_t flags)
{
	memset(f, 0, sizeof(*f));
	codec_table_init(&f->table);
	f->entry.kind = kind;
	f->entry.flags = flags;
	f->entry.relation = 9;
	f->part.values = f->values;
	f->part.old_key = f->old_key;
	f->part.values_capacity = CODEC_COLUMNS;
}

static void
fill(fixture *f, const char *const *texts, int n)
{
	uint8_t		secret[CC_SECRET_SIZE] = {1, 2, 3};
	uint8_t		digest[CC_DIGEST_SIZE] = {4, 5, 6};
	cc_writer	w;
	cc_value	v;
	int			i;

	cc_writer_init(&w, f->data, sizeof(f->data));
	cc_write_u8(&w, CC_PRIVATE_WHOLE);
	cc_write_raw(&w, secret, sizeof(secret));
	for (i = 0; i < n; i++)
	{
		cc_value_set(&v, texts[i], texts[i] == NULL ? 0 : strlen(texts[i]));
		cc_write_value(&w, &v);
	}
	if (cc_kind_has_overwritten(f->entry.kind))
		cc_write_raw(&w, digest, sizeof(digest));
	f->len = w.len;
}

static cc_status
decode(fixture *f)
{
	return cc_private_decode(&f->part, &f->entry, &f->table.schema,
							 f->data, f->len);
}

static bool
value_is(const cc_value *v, const char *text)
{
	return v->form == CC_VALUE_SHORT && v->len == strlen(text) &&
		memcmp(v->data, text, (size_t) v->len) == 0;
}

static void
test_update(void)
{
	static const char *const texts[] = {"1", "2026", NULL, "2025", "1"};
	fixture		f;
	int64_t		numbers[3];
	int			n;

	init(&f, CC_KIND_UPDATE, CC_ENTRY_KEY_CHANGED);
	fill(&f, texts, 5);
	ok(decode(&f) == CC_OK && f.part.form == CC_PRIVATE_WHOLE &&
	   f.part.secret[2] == 3, "an update with a changed key");
	ok(f.part.nvalues == 3 && value_is(&f.values[0], "1") &&
	   value_is(&f.values[1], "2026") && f.values[2].form == CC_VALUE_NULL,
	   "its columns");
	ok(f.part.nold_key == 2 && value_is(&f.old_key[0], "2025") &&
	   value_is(&f.old_key[1], "1"), "its old key, in key order");
	ok(f.part.row_digest[0] == 4 && f.part.row_digest[2] == 6,
	   "the digest of the row it overwrote");
	n = cc_private_lookups(numbers, &f.entry, &f.table.schema, &f.part);
	ok(n == 3 && numbers[0] == cc_lookup_key(9, f.values, f.table.positions,
											 2) &&
	   numbers[1] == cc_lookup_key(9, f.old_key, NULL, 2) &&
	   numbers[2] == cc_lookup_subject(&f.values[0]),
	   "key, old key and subject");
}

static void
test_delete(void)
{
	static const char *const texts[] = {"2026", "1"};
	fixture		f;
	cc_value	row[2];
	int64_t		numbers[3];

	init(&f, CC_KIND_DELETE, 0);
	fill(&f, texts, 2);
	ok(decode(&f) == CC_OK && f.part.nvalues == 2 && f.part.nold_key == 0,
	   "a delete holds its key");
	row[1] = f.values[0];
	row[0] = f.values[1];
	ok(cc_private_lookups(numbers, &f.entry, &f.table.schema,
						  &f.part) == 1 &&
	   numbers[0] == cc_lookup_key(9, row, f.table.positions, 2),
	   "and is found as the row was");
}

static void
test_no_subject(void)
{
	static const char *const texts[] = {NULL, "2026", "x"};
	fixture		f;
	int64_t		numbers[3];

	init(&f, CC_KIND_INSERT, 0);
	fill(&f, texts, 3);
	ok(decode(&f) == CC_OK &&
	   cc_private_lookups(numbers, &f.entry, &f.table.schema, &f.part) == 1,
	   "a subject that is NULL has no number");
	f.table.schema.subject = 2;
	ok(cc_private_lookups(numbers, &f.entry, &f.table.schema, &f.part) == 2 &&
	   numbers[1] == cc_lookup_subject(&f.values[2]), "another has");
	f.table.schema.subject = CC_NO_POSITION;
	ok(cc_private_lookups(numbers, &f.entry, &f.table.schema, &f.part) == 1,
	   "nor does a table without subjects");
}

static void
test_erased(void)
{
	fixture		f;
	int64_t		numbers[3];

	init(&f, CC_KIND_UPDATE, 0);
	f.len = 1;
	ok(decode(&f) == CC_OK && f.part.form == CC_PRIVATE_ERASED &&
	   cc_private_lookups(numbers, &f.entry, &f.table.schema, &f.part) == 0,
	   "an erased part opens to nothing");
	f.len = 2;
	ok(decode(&f) == CC_E_TRAILING, "and holds nothing");
	f.len = 0;
	ok(decode(&f) == CC_E_TRUNCATED, "but its form");
	f.data[0] = 3;
	f.len = 1;
	ok(decode(&f) == CC_E_VALUE && f.part.form == CC_PRIVATE_ERASED,
	   "another form is refused");
}

/* The commitments of an entry follow from its whole private part alone. */
static void
test_commit(void)
{
	static const char *const texts[] = {"1", "2026", NULL, "2025", "1"};
	cc_salter  *salter = cc_salter_new();
	fixture		f;
	cc_entry	made;
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		digest[CC_DIGEST_SIZE];

	init(&f, CC_KIND_UPDATE, CC_ENTRY_KEY_CHANGED);
	fill(&f, texts, 5);
	ok(decode(&f) == CC_OK, "a whole part");
	made = f.entry;
	ok(cc_entry_commit(&made, &f.table.schema, &f.part, salter) == CC_OK,
	   "commits its entry");
	cc_salter_begin(salter, f.part.secret);
	cc_row_commit(digest, f.table.schema.digest, salter, f.values, 3);
	ok(cc_equal(digest, made.row, CC_DIGEST_SIZE), "to the row");
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_key_commit(digest, f.table.schema.digest, salt, f.values,
				  f.table.positions, 2);
	ok(cc_equal(digest, made.key, CC_DIGEST_SIZE), "to the key");
	cc_salter_salt(salter, CC_SALT_OLD_KEY, salt);
	cc_key_commit(digest, f.table.schema.digest, salt, f.old_key, NULL, 2);
	ok(cc_equal(digest, made.old_key, CC_DIGEST_SIZE), "to the old key");
	cc_salter_salt(salter, CC_SALT_OVERWRITTEN, salt);
	cc_overwritten_commitment(digest, salt, f.part.row_digest);
	ok(cc_equal(digest, made.overwritten, CC_DIGEST_SIZE),
	   "and to the row it overwrote");
	f.part.form = CC_PRIVATE_ERASED;
	ok(cc_entry_commit(&made, &f.table.schema, &f.part, salter) != CC_OK,
	   "an erased part commits to nothing");
	cc_salter_free(salter);
}

static void
test_capacity(void)
{
	static const char *const texts[] = {"1", "2026", "x"};
	fixture		f;

	init(&f, CC_KIND_INSERT, 0);
	fill(&f, texts, 3);
	f.part.values_capacity = 2;
	ok(decode(&f) == CC_E_SPACE && f.part.nvalues == 0,
	   "no room for the values");
	init(&f, CC_KIND_TRUNCATE, 0);
	f.len = 1;
	ok(decode(&f) == CC_E_VALUE, "a truncate has no private part");
}

int
main(void)
{
	test_update();
	test_delete();
	test_no_subject();
	test_erased();
	test_commit();
	test_capacity();
	return done_testing();
}
