/*
 * test_size.c
 *	  How long the proof of one column of a row of twenty is, in a log of 2^30
 *	  leaves; such proofs hold.
 */
#include "prove.h"
#include "tap.h"

#define COLUMNS 20
#define LIMIT 4096				/* of a row among hundreds of its transaction */
#define LIMIT_OF_A_LOAD 4608	/* of one among a million */
#define LOG_SIZE (UINT64_C(1) << 30)

/* A chemotherapy administration, as a hospital keeps it. */
static const struct
{
	const char *name;
	const char *type;
	const char *value;
}			columns[COLUMNS] = {
	{"id", "bigint", "918273645"},
	{"patient_mrn", "text", "M0048213"},
	{"encounter_id", "bigint", "44719002"},
	{"order_id", "bigint", "71829340"},
	{"protocol", "text", "FOLFIRI"},
	{"cycle", "smallint", "4"},
	{"day", "smallint", "1"},
	{"drug_code", "text", "L01CE02"},
	{"drug", "text", "irinotecan"},
	{"dose_mg", "numeric(10,3)", "324.000"},
	{"route", "text", "iv"},
	{"ward_code", "text", "ONC2"},
	{"started_at", "timestamp with time zone", "2026-03-01 09:12:44.120113+00"},
	{"finished_at", "timestamp with time zone", "2026-03-01 10:43:02.771902+00"},
	{"administered_by", "text", "nurse.park"},
	{"checked_by", "text", "nurse.lee"},
	{"batch_no", "text", "AB12-9934"},
	{"bsa", "numeric(4,2)", "1.80"},
	{"reaction", "text", NULL},
	{"note", "text", "second line, premedication given"}
};

static cc_vkey key;
static prove_text proof;
static cc_value values[COLUMNS];
static uint8_t definition[2048];
static uint8_t committed[CC_ROW_ENTRY_MAX];
static uint8_t private_part[4096];
static uint8_t record[2048];
static cc_column described[COLUMNS];
static uint16_t positions[1];
static cc_row_proof p;

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
define(void)
{
	cc_schema  *s = &p.schema;
	cc_writer	w;
	int			i;

	memset(s, 0, sizeof(*s));
	s->schema = s->leaf_schema = text_slice("hospital");
	s->table = s->leaf_table = text_slice("administration");
	s->encoding = text_slice("UTF8");
	s->subject = 1;
	s->key_kind = CC_KEY_COLUMNS;
	s->nkeys = 1;
	s->key_positions = positions;
	s->ncolumns = COLUMNS;
	s->columns = described;
	for (i = 0; i < COLUMNS; i++)
	{
		described[i].name = text_slice(columns[i].name);
		described[i].type = text_slice(columns[i].type);
		cc_value_set(&values[i], columns[i].value,
					 columns[i].value == NULL ? 0 : strlen(columns[i].value));
	}
	cc_writer_init(&w, definition, sizeof(definition));
	cc_write_schema(&w, s);
	p.schema_bytes = written(definition, &w);
	cc_schema_digest(s->digest, definition, w.len);
}

/* An update of the row that shows one column. */
static void
commit(int shown)
{
	uint8_t		secret[CC_SECRET_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	cc_salter  *salter = ledger_salter(secret, 1);
	bool		open[COLUMNS] = {false};
	cc_entry   *e = &p.entry;
	cc_writer	w;

	open[shown] = true;
	memset(e, 0, sizeof(*e));
	e->kind = CC_KIND_UPDATE;
	e->relation = 312;
	e->version = 1047;
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_key_commit(e->key, p.schema.digest, salt, values, positions, 1);
	cc_row_commit(e->row, p.schema.digest, salter, values, COLUMNS);
	cc_writer_init(&w, committed, sizeof(committed));
	cc_write_entry(&w, e);
	p.committed = written(committed, &w);
	cc_writer_init(&w, private_part, sizeof(private_part));
	cc_write_redacted(&w, e, &p.schema, salter, values, open, NULL);
	p.private_part = written(private_part, &w);
}

/* Root over the leaf that is the last of 2^height, its path into 'path'. */
static void
climb(prove_hash root, const void *leaf, size_t len, prove_hash *path,
	  int height)
{
	int			i;

	cc_merkle_leaf(root, leaf, len);
	for (i = 0; i < height; i++)
	{
		memset(path[i], 0x55 + i, CC_DIGEST_SIZE);
		cc_merkle_node(root, path[i], root);
	}
}

static void
record_of(int height)
{
	cc_record	r;
	cc_writer	w;

	memset(&r, 0, sizeof(r));
	r.incarnation = 1;
	r.number = r.commit_number = 912873645;
	r.xid = UINT64_C(5912873645);
	r.start_time = LEDGER_TIME;
	r.commit_time = LEDGER_TIME + 12345;
	r.session_user = r.outer_user = r.current_users = text_slice("clinic_app");
	r.identity = text_slice("scram-sha-256:clinic_app");
	r.client_address = text_slice("10.20.30.40/32");
	r.application = text_slice("Ward system 7.2");
	r.actor = text_slice("nurse.park");
	r.reason = text_slice("administration");
	r.purpose = text_slice("treatment");
	r.extra = text_slice("{\"ward\": \"ONC2\", \"terminal\": 14}");
	r.entry_count = UINT64_C(1) << height;
	climb(r.root, committed, p.committed.len, p.path, height);
	cc_writer_init(&w, record, sizeof(record));
	cc_write_record(&w, &r);
	p.record_bytes = written(record, &w);
	p.npath = height;
	p.entry_count = r.entry_count;
	p.entry_no = r.entry_count - 1;
}

/* Of a row in a transaction of 2^height entries. */
static void
make(int height, int shown)
{
	char		note[CC_NOTE_MAX + 1];
	uint8_t		seed[32];
	cc_signer  *signer;
	cc_slice	s;
	prove_hash	root;

	memset(&p, 0, sizeof(p));
	define();
	commit(shown);
	record_of(height);
	climb(root, record, p.record_bytes.len, p.leaf.hashes, 30);
	p.leaf.nhashes = 30;
	p.leaf.number = LOG_SIZE - 1;
	memset(seed, 1, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	must(cc_signer_vkey(signer, LEDGER_ORIGIN, &key));
	s.data = (const uint8_t *) note;
	s.len = ledger_note(note, signer, &key, LEDGER_ORIGIN, LOG_SIZE, root);
	cc_signer_free(signer);
	proof.len = 0;
	prove_append_row(&proof, &p);
	prove_append_leaf(&proof, &p.leaf, s);
}

static bool
holds(int shown)
{
	static uint16_t key_positions[COLUMNS];
	static cc_column read[COLUMNS];
	static cc_value key_values[COLUMNS];
	static cc_proof_column seen[COLUMNS];
	static cc_row_proof again;
	static char copy[PROVE_TEXT_MAX];
	cc_proof_step step;
	int			i;
	int			open = 0;

	memset(&again, 0, sizeof(again));
	again.schema.key_positions = key_positions;
	again.schema.key_capacity = COLUMNS;
	again.schema.columns = read;
	again.schema.column_capacity = COLUMNS;
	again.key = key_values;
	again.columns = seen;
	again.capacity = COLUMNS;
	memcpy(copy, proof.data, proof.len);
	if (cc_row_proof_parse(&again, copy, proof.len) != CC_OK ||
		cc_row_proof_check(&again, &key, 1, &step) != CC_OK)
		return false;
	for (i = 0; i < COLUMNS; i++)
		open += seen[i].open;
	return open == 1 && cc_value_equal(&seen[shown].value, &values[shown]);
}

static void
parts(void)
{
	printf("# entry %d, private part %d, path %d, record %d, schema %d, leaf proof %d\n",
		   (int) CC_BASE64_SIZE(p.committed.len),
		   (int) CC_BASE64_SIZE(p.private_part.len),
		   (int) CC_BASE64_SIZE((size_t) p.npath * CC_DIGEST_SIZE),
		   (int) CC_BASE64_SIZE(p.record_bytes.len),
		   (int) CC_BASE64_SIZE(p.schema_bytes.len), 45 * p.leaf.nhashes);
}

static void
test_size(int height, int shown, size_t limit)
{
	make(height, shown);
	parts();
	ok(holds(shown), "column \"%s\" of a row among 2^%d of its transaction",
	   columns[shown].name, height);
	ok(proof.len <= limit, "its proof has %d bytes, at most %d",
	   (int) proof.len, (int) limit);
}

int
main(void)
{
	test_size(0, 9, LIMIT);
	test_size(3, 9, LIMIT);
	test_size(10, 9, LIMIT);
	test_size(9, 19, LIMIT);
	test_size(20, 19, LIMIT_OF_A_LOAD);
	return done_testing();
}
