/*
 * fuzz_rowproof.c
 *	  Row proofs: the custody part of what parses is written back; checking
 *	  one is safe, down to its values.
 */
#include "core/rowproof.h"

#include "fuzz.h"

#define COLUMNS 64

#define LOG_KEY \
	"hospital.example/custody+7d934132+" \
	"AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"

static cc_row_proof proof;

static void
make_room(cc_row_proof *p)
{
	static uint16_t positions[COLUMNS];
	static cc_column columns[COLUMNS];
	static cc_value key[COLUMNS];
	static cc_proof_column shown[COLUMNS];

	memset(p, 0, sizeof(*p));
	p->schema.key_positions = positions;
	p->schema.key_capacity = COLUMNS;
	p->schema.columns = columns;
	p->schema.column_capacity = COLUMNS;
	p->key = key;
	p->columns = shown;
	p->capacity = COLUMNS;
}

/* The leaf proof stands behind the first empty line. */
static void
write_again(const cc_row_proof *p, const uint8_t *data, size_t len)
{
	uint8_t    *out = malloc(len + 1);
	cc_writer	w;

	if (out == NULL)
		abort();
	cc_writer_init(&w, out, len);
	cc_row_proof_format(&w, p);
	if (w.status != CC_OK || memcmp(out, data, w.len) != 0 || w.len < 2 ||
		out[w.len - 1] != '\n' || out[w.len - 2] != '\n')
		abort();
	free(out);
}

/* Touch every byte that is shown. */
static void
read_values(const cc_row_proof *p)
{
	uint16_t	i;

	for (i = 0; i < cc_schema_key_count(&p->schema); i++)
		(void) cc_value_equal(&p->key[i], &p->key[0]);
	if (!cc_kind_has_row(p->entry.kind))
		return;
	for (i = 0; i < p->schema.ncolumns; i++)
		if (p->columns[i].open)
			(void) cc_lookup_subject(&p->columns[i].value);
}

/* Values have been read, though they may open no commitment. */
static bool
has_values(cc_status status, cc_proof_step step)
{
	return step != CC_STEP_VALUES || status == CC_E_MISMATCH;
}

static void
check(cc_row_proof *p, const cc_vkey *k)
{
	cc_proof_step step;
	cc_status	status = cc_row_proof_check(p, k, 1, &step);

	if ((status == CC_OK) != (step == CC_STEP_NONE))
		abort();
	if (has_values(status, step))
		read_values(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	   *in = (char *) exact_copy(data, len);
	cc_vkey		k;

	if (cc_vkey_parse(&k, LOG_KEY, strlen(LOG_KEY)) != CC_OK)
		abort();
	make_room(&proof);
	if (cc_row_proof_parse(&proof, in, len) == CC_OK)
	{
		write_again(&proof, data, len);
		check(&proof, &k);
	}
	free(in);
	return 0;
}
