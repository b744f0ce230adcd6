/*
 * test_vectors.c
 *	  Does the core still produce test/vectors/format-v1.json?
 *
 * The file pins byte format version 1 and is the source of the worked example
 * in doc/format.md.  With --write the program prints the file instead; that
 * is for a new version of the format, never for repairing this test.
 */
#include <inttypes.h>

#include "ledger.h"
#include "tap.h"

#define VECTORS "test/vectors/format-v1.json"
#define TEXT_MAX 65536

/* The JSON text, built in memory. */
static char text[TEXT_MAX];
static size_t text_len;

static void put(const char *format,...)
			__attribute__((format(printf, 1, 2)));

static void
put(const char *format,...)
{
	va_list		args;
	int			n;

	va_start(args, format);
	n = vsnprintf(text + text_len, TEXT_MAX - text_len, format, args);
	va_end(args);
	if (n < 0 || (size_t) n >= TEXT_MAX - text_len)
		abort();
	text_len += (size_t) n;
}

static void
put_hex(const char *name, const void *data, size_t len, const char *end)
{
	const uint8_t *p = data;
	size_t		i;

	put("  ");
	if (name != NULL)
		put("\"%s\": ", name);
	put("\"");
	for (i = 0; i < len; i++)
		put("%02x", p[i]);
	put("\"%s\n", end);
}

static void
put_text(const char *name, const void *data, size_t len)
{
	const char *p = data;
	size_t		i;

	put("  \"%s\": \"", name);
	for (i = 0; i < len; i++)
	{
		if (p[i] == '\n')
			put("\\n");
		else
			put("%c", p[i]);
	}
	put("\",\n");
}

static const char *
comma(int i, int n)
{
	return i + 1 < n ? "," : "";
}

static void
put_salts(cc_salter *salter)
{
	uint8_t		salt[CC_SALT_SIZE];
	int			n = 3 + LEDGER_COLUMNS;
	int			i;

	put("  \"salts\": [\n");
	for (i = 0; i < n; i++)
	{
		cc_salter_salt(salter, (uint32_t) i, salt);
		put_hex(NULL, salt, sizeof(salt), comma(i, n));
	}
	put("  ],\n");
}

static void
put_values(const row *r)
{
	int			i;

	put("  \"values\": [");
	for (i = 0; i < LEDGER_COLUMNS; i++)
	{
		if (r->values[i].form == CC_VALUE_NULL)
			put("null");
		else
			put("\"%.*s\"", (int) r->values[i].len,
				(const char *) r->values[i].data);
		put("%s", i + 1 < LEDGER_COLUMNS ? ", " : "],\n");
	}
}

/* Images of short values; no interface of the core shows one alone. */
static void
put_images(const row *r)
{
	uint8_t		image[64];
	cc_writer	w;
	int			i;

	put("  \"value_images\": [\n");
	for (i = 0; i < LEDGER_COLUMNS; i++)
	{
		const cc_value *v = &r->values[i];

		cc_writer_init(&w, image, sizeof(image));
		cc_write_u8(&w, (uint8_t) v->form);
		if (v->form == CC_VALUE_SHORT)
		{
			cc_write_u32(&w, (uint32_t) v->len);
			cc_write_raw(&w, v->data, (size_t) v->len);
		}
		put_hex(NULL, image, w.len, comma(i, LEDGER_COLUMNS));
	}
	put("  ],\n");
}

static void
put_column_commitments(cc_salter *salter, const row *r)
{
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		digest[CC_DIGEST_SIZE];
	int			i;

	put("  \"column_commitments\": [\n");
	for (i = 0; i < LEDGER_COLUMNS; i++)
	{
		cc_salter_salt(salter, CC_SALT_COLUMN(i), salt);
		cc_column_commitment(digest, salt, (uint16_t) i, &r->values[i]);
		put_hex(NULL, digest, sizeof(digest), comma(i, LEDGER_COLUMNS));
	}
	put("  ],\n");
}

/* The row of the worked example, from its values to its commitments. */
static void
put_row(void)
{
	row			r = ledger_row("42", "Ana", NULL, "");
	uint8_t		secret[CC_SECRET_SIZE];
	uint8_t		digest[CC_DIGEST_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		schema[CC_DIGEST_SIZE];
	cc_salter  *salter = ledger_salter(secret, 1);
	uint16_t	key = 0;

	put_values(&r);
	put_images(&r);
	put_hex("secret", secret, sizeof(secret), ",");
	put_salts(salter);
	put_column_commitments(salter, &r);
	ledger_schema_digest(schema);
	put_hex("schema_digest", schema, sizeof(schema), ",");
	cc_row_commit(digest, schema, salter, r.values, LEDGER_COLUMNS);
	put_hex("row_commitment", digest, sizeof(digest), ",");
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_key_commit(digest, schema, salt, r.values, &key, 1);
	put_hex("key_commitment", digest, sizeof(digest), ",");
	cc_row_digest(digest, r.values, LEDGER_COLUMNS);
	put_hex("row_digest", digest, sizeof(digest), ",");
	cc_salter_salt(salter, CC_SALT_OVERWRITTEN, salt);
	cc_overwritten_commitment(digest, salt, digest);
	put_hex("overwritten_commitment", digest, sizeof(digest), ",");
	put("  \"lookup_key\": %" PRId64 ",\n",
		cc_lookup_key(LEDGER_RELATION, r.values, &key, 1));
	put("  \"lookup_subject\": %" PRId64 ",\n",
		cc_lookup_subject(&r.values[0]));
}

/* The items of block 0, and their hashes. */
static void
put_block(const ledger *l)
{
	static const char *const names[] = {
		"block_header", "transaction_record", "key_entry", "schema_entry",
		"insert_entry"
	};
	char		name[64];
	uint8_t		hash[CC_DIGEST_SIZE];
	int			i;

	for (i = 0; i < 5; i++)
	{
		put_hex(names[i], l->items[i].data, l->items[i].len, ",");
		cc_merkle_leaf(hash, l->items[i].data, l->items[i].len);
		(void) snprintf(name, sizeof(name), "%s_leaf_hash", names[i]);
		put_hex(name, hash, sizeof(hash), ",");
	}
	put_hex("insert_private", l->items[4].private_part,
			l->items[4].private_len, ",");
	cc_frontier_root(&l->tree, hash);
	put_hex("entries_root", hash, sizeof(hash), ",");
	put_hex("root", l->root, sizeof(l->root), ",");
	put_hex("checkpoint_digest", l->head, sizeof(l->head), ",");
	put_text("checkpoint", l->items[5].data, l->items[5].len);
}

static void
put_bundle(const ledger *l)
{
	static char line[8192];
	cc_bundle_line b;
	size_t		size;
	int			i;

	put("  \"bundle\": [\n    \"%s\",\n", CC_BUNDLE_HEADER);
	for (i = 0; i < l->n; i++)
	{
		const item *it = &l->items[i];

		b.kind = it->kind;
		b.first.data = it->data;
		b.first.len = it->len;
		b.second.data = it->private_part;
		b.second.len = it->private_len;
		size = cc_bundle_line_size(it->kind, it->len, it->private_len);
		if (size > sizeof(line))
			abort();
		cc_bundle_format(line, &b);
		put("    \"%.*s\"%s\n", (int) size - 1, line, comma(i, l->n));
	}
	put("  ]\n");
}

/* The keys of epochs 2 and 3; the seed of epoch n is 32 bytes n. */
static void
put_other_keys(void)
{
	static const char *const origins[] = {
		LEDGER_ORIGIN, LEDGER_ORIGIN "/2"
	};
	char		text_key[CC_VERIFIER_KEY_MAX + 1];
	uint8_t		seed[32];
	cc_signer  *signer;
	cc_vkey		key;
	int			i;

	put("  \"other_verifier_keys\": [\n");
	for (i = 0; i < 2; i++)
	{
		memset(seed, i + 2, sizeof(seed));
		must(cc_signer_from_seed(&signer, seed));
		must(cc_signer_vkey(signer, origins[i], &key));
		cc_signer_free(signer);
		cc_vkey_format(text_key, &key);
		put("    \"%s\"%s\n", text_key, comma(i, 2));
	}
	put("  ],\n");
}

static void
put_vectors(void)
{
	static ledger l;
	char		key[CC_VERIFIER_KEY_MAX + 1];
	uint8_t		seed[32];

	memset(seed, 1, sizeof(seed));
	ledger_init(&l);
	ledger_build_first(&l);
	put("{\n  \"format\": 1,\n");
	put("  \"origin\": \"%s\",\n", l.origin);
	put("  \"relation\": %d,\n  \"version\": %d,\n", LEDGER_RELATION,
		LEDGER_VERSION);
	put_hex("seed", seed, sizeof(seed), ",");
	cc_vkey_format(key, &l.key);
	put("  \"verifier_key\": \"%s\",\n", key);
	put_other_keys();
	put_row();
	put_block(&l);
	ledger_build_rest(&l);
	put_text("lost_checkpoint", l.lost.data, l.lost.len);
	put_bundle(&l);
	put("}\n");
	ledger_free(&l);
}

static bool
file_agrees(FILE *file)
{
	static char pinned[TEXT_MAX];
	size_t		n = fread(pinned, 1, sizeof(pinned), file);

	return n == text_len && memcmp(pinned, text, n) == 0;
}

/* Every line of the ledger survives formatting and parsing. */
static void
test_bundle_lines(void)
{
	static const char *const bad[] = {
		"", "leaf", "leaf ", "leaf =", "leaf AA", "leaf AB==", "leaf AA== ",
		"leaf  AA==", "entry AA==", "entry AA== ", "entry AA== --",
		"entry - AA==", "entry AA== - ", "checkpoint", "leaves AA==",
		"Leaf AA=="
	};
	char		line[64];
	cc_bundle_line b;
	size_t		i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		strcpy(line, bad[i]);
		ok(cc_bundle_parse(&b, line, strlen(line)) != CC_OK,
		   "\"%s\" is no bundle line", bad[i]);
	}
	strcpy(line, "entry AAEC -");
	ok(cc_bundle_parse(&b, line, strlen(line)) == CC_OK &&
	   b.kind == CC_BUNDLE_ENTRY && b.first.len == 3 &&
	   memcmp(b.first.data, "\0\1\2", 3) == 0 && b.second.len == 0,
	   "an entry without a private part is read");
}

int
main(int argc, char **argv)
{
	const char *name = VECTORS;
	FILE	   *file;

	put_vectors();
	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return fwrite(text, 1, text_len, stdout) == text_len ? 0 : 2;
	if (argc == 2)
		name = argv[1];
	file = fopen(name, "rb");
	ok(file != NULL && file_agrees(file), "the core reproduces %s", name);
	if (file != NULL)
		(void) fclose(file);
	test_bundle_lines();
	return done_testing();
}
