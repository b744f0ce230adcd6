/*
 * rowproof.c
 *	  The proof of one version of one row.
 *
 * The parser accepts what the formatter writes, with a leaf proof behind it,
 * and nothing else.  The custody part is decoded where it stands; the leaf
 * proof, whose text is signed, is left as it is.
 */
#include "core/rowproof.h"

#include <string.h>

#define HEADER "custody-proof v1"
#define ENTRY "entry "
#define PRIVATE "private "
#define PATH "path "
#define RECORD "record "
#define SCHEMA "schema "
#define NO_PATH "-"

const char *
cc_proof_step_text(cc_proof_step step)
{
	switch (step)
	{
		case CC_STEP_NONE:
			return "nothing failed";
		case CC_STEP_VALUES:
			return "the values are not those that the ledger committed to";
		case CC_STEP_TRANSACTION:
			return "the entry is not in the transaction";
		case CC_STEP_LOG:
			return "the transaction is not in the log of the checkpoint";
		case CC_STEP_SIGNATURE:
			return "the checkpoint is not signed by a trusted key";
	}
	return "unlisted step";
}

/* Parsing */

static bool
line_is(cc_slice line, const char *text)
{
	return line.len == strlen(text) && memcmp(line.data, text, line.len) == 0;
}

/* What follows the word on the next line; fails if it is another word. */
static cc_slice
read_field(cc_reader *r, const char *word)
{
	cc_slice	line = cc_read_line(r);
	size_t		n = strlen(word);

	if (line.len <= n || memcmp(line.data, word, n) != 0)
	{
		cc_reader_fail(r, CC_E_FORM);
		return (cc_slice) {NULL, 0};
	}
	line.data += n;
	line.len -= n;
	return line;
}

/* Decode base64 where it stands in text. */
static void
decode(cc_reader *r, cc_slice *out, char *text, cc_slice field)
{
	char	   *start;
	cc_status	status;

	if (r->status != CC_OK)
		return;
	start = text + (field.data - r->data);
	status = cc_base64_decode(start, field.len, &out->len, start, field.len);
	if (status != CC_OK)
		cc_reader_fail(r, status);
	else
		out->data = field.data;
}

/* The next word of a field: up to the space, or all that is left. */
static cc_slice
next_word(cc_slice *field)
{
	const uint8_t *space = NULL;
	cc_slice	word = *field;

	if (field->len > 0)
		space = memchr(field->data, ' ', field->len);
	if (space == NULL)
	{
		field->len = 0;
		return word;
	}
	word.len = (size_t) (space - field->data);
	field->data = space + 1;
	field->len -= word.len + 1;
	return word;
}

static void
read_decimal(cc_reader *r, uint64_t *out, cc_slice word)
{
	cc_status	status;

	if (r->status != CC_OK)
		return;
	status = cc_decimal_parse(out, (const char *) word.data, word.len);
	if (status != CC_OK)
		cc_reader_fail(r, status);
}

static void
read_path(cc_row_proof *p, cc_reader *r, char *text)
{
	cc_slice	field = read_field(r, PATH);
	cc_slice	hashes = {NULL, 0};

	read_decimal(r, &p->entry_no, next_word(&field));
	read_decimal(r, &p->entry_count, next_word(&field));
	if (r->status == CC_OK && field.len == 0)
		cc_reader_fail(r, CC_E_FORM);
	if (r->status != CC_OK || line_is(field, NO_PATH))
		return;
	decode(r, &hashes, text, field);
	if (hashes.len % CC_DIGEST_SIZE != 0 ||
		hashes.len > CC_FRONTIER_MAX * CC_DIGEST_SIZE)
		cc_reader_fail(r, CC_E_FORM);
	if (r->status != CC_OK)
		return;
	memcpy(p->path, hashes.data, hashes.len);
	p->npath = (int) (hashes.len / CC_DIGEST_SIZE);
}

/* The lines, down to the bytes that they hold. */
static cc_status
parse_lines(cc_row_proof *p, char *text, size_t len)
{
	cc_reader	r;

	cc_reader_init(&r, text, len);
	if (!line_is(cc_read_line(&r), HEADER))
		cc_reader_fail(&r, CC_E_FORM);
	decode(&r, &p->committed, text, read_field(&r, ENTRY));
	decode(&r, &p->private_part, text, read_field(&r, PRIVATE));
	read_path(p, &r, text);
	decode(&r, &p->record_bytes, text, read_field(&r, RECORD));
	decode(&r, &p->schema_bytes, text, read_field(&r, SCHEMA));
	if (cc_read_line(&r).len != 0)
		cc_reader_fail(&r, CC_E_FORM);
	if (r.status != CC_OK)
		return r.status;
	return cc_tlog_proof_parse(&p->leaf, text + r.pos, len - r.pos);
}

static cc_status
parse_private(const cc_row_proof *p)
{
	cc_private	unused = {0};

	if (p->private_part.data[0] != CC_PRIVATE_REDACTED)
		return CC_E_VALUE;
	return cc_private_decode(&unused, &p->entry, &p->schema,
							 p->private_part.data, p->private_part.len);
}

/* What the bytes hold. */
static cc_status
parse_parts(cc_row_proof *p)
{
	cc_status	status;

	status = cc_entry_decode(&p->entry, p->committed.data, p->committed.len);
	if (status == CC_OK && !cc_kind_is_row(p->entry.kind))
		status = CC_E_VALUE;
	if (status == CC_OK)
		status = cc_record_decode(&p->record, p->record_bytes.data,
								  p->record_bytes.len);
	if (status == CC_OK)
		status = cc_schema_decode(&p->schema, p->schema_bytes.data,
								  p->schema_bytes.len);
	return status == CC_OK ? parse_private(p) : status;
}

cc_status
cc_row_proof_parse(cc_row_proof *p, char *text, size_t len)
{
	cc_status	status;

	p->npath = 0;
	status = parse_lines(p, text, len);
	if (status == CC_OK)
		status = parse_parts(p);
	if (status == CC_OK)
		status = cc_checkpoint_parse(&p->checkpoint,
									 (const char *) p->leaf.note.data,
									 p->leaf.note.len);
	return status;
}

/* Checking */

/* An open column of the row has the value it has in the key. */
static bool
key_agrees(const cc_row_proof *p)
{
	const uint16_t *positions = cc_schema_key_positions(&p->schema);
	uint16_t	i;

	for (i = 0; i < cc_schema_key_count(&p->schema); i++)
	{
		uint16_t	at = positions == NULL ? i : positions[i];
		const cc_proof_column *column = &p->columns[at];

		if (column->open && !cc_value_equal(&column->value, &p->key[i]))
			return false;
	}
	return true;
}

static cc_status
check_values(cc_row_proof *p)
{
	cc_redacted shown = {0};
	cc_status	status;

	shown.key = p->key;
	shown.columns = p->columns;
	shown.capacity = p->capacity;
	status = cc_redacted_open(&shown, &p->entry, &p->schema,
							  p->private_part.data, p->private_part.len);
	if (status != CC_OK)
		return status;
	if (!shown.key_open)
		return CC_E_VALUE;
	if (shown.faults != 0)
		return CC_E_MISMATCH;
	if (cc_kind_has_row(p->entry.kind) && !key_agrees(p))
		return CC_E_MISMATCH;
	return CC_OK;
}

static cc_status
check_transaction(const cc_row_proof *p)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	if (p->entry_count != p->record.entry_count)
		return CC_E_MISMATCH;
	cc_merkle_leaf(hash, p->committed.data, p->committed.len);
	return cc_proof_check_inclusion(p->path, p->npath, hash, p->entry_no,
									p->entry_count, p->record.root);
}

static cc_status
check_log(const cc_row_proof *p)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, p->record_bytes.data, p->record_bytes.len);
	return cc_tlog_proof_check(&p->leaf, &p->checkpoint, hash);
}

cc_status
cc_row_proof_check(cc_row_proof *p, const cc_vkey *keys, size_t nkeys,
				   cc_proof_step *step)
{
	cc_status	status;

	*step = CC_STEP_VALUES;
	status = check_values(p);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_TRANSACTION;
	status = check_transaction(p);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_LOG;
	status = check_log(p);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_SIGNATURE;
	status = cc_checkpoint_signed(&p->checkpoint, keys, nkeys);
	if (status == CC_OK)
		*step = CC_STEP_NONE;
	return status;
}

/* Writing */

static void
write_text(cc_writer *w, const char *text)
{
	cc_write_raw(w, text, strlen(text));
}

/* A piece at a time; no piece but the last needs padding. */
static void
write_base64(cc_writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;
	char		digits[CC_BASE64_SIZE(48)];

	while (len > 0)
	{
		size_t		n = len < 48 ? len : 48;

		cc_base64_encode(digits, p, n);
		cc_write_raw(w, digits, CC_BASE64_SIZE(n));
		p += n;
		len -= n;
	}
}

static void
write_line(cc_writer *w, const char *word, cc_slice bytes)
{
	write_text(w, word);
	write_base64(w, bytes.data, bytes.len);
	write_text(w, "\n");
}

static void
write_decimal(cc_writer *w, uint64_t v)
{
	char		digits[CC_DECIMAL_MAX];

	cc_write_raw(w, digits, cc_decimal_format(digits, v));
	write_text(w, " ");
}

void
cc_row_proof_format(cc_writer *w, const cc_row_proof *p)
{
	write_text(w, HEADER "\n");
	write_line(w, ENTRY, p->committed);
	write_line(w, PRIVATE, p->private_part);
	write_text(w, PATH);
	write_decimal(w, p->entry_no);
	write_decimal(w, p->entry_count);
	if (p->npath == 0)
		write_text(w, NO_PATH);
	write_base64(w, p->path, (size_t) p->npath * CC_DIGEST_SIZE);
	write_text(w, "\n");
	write_line(w, RECORD, p->record_bytes);
	write_line(w, SCHEMA, p->schema_bytes);
	write_text(w, "\n");
}
