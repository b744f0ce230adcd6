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

#include "core/prooftext.h"

#define HEADER "custody-proof v1"
#define ENTRY "entry "
#define PRIVATE "private "
#define PATH "path "
#define RECORD "record "
#define SCHEMA "schema "

const char *
cc_proof_step_text(cc_proof_step step)
{
	switch (step)
	{
		case CC_STEP_NONE:
			return "nothing failed";
		case CC_STEP_FORM:
			return "the entry is not in its one form";
		case CC_STEP_VALUES:
			return "the values are not those that the ledger committed to";
		case CC_STEP_TRANSACTION:
			return "the entry is not in the transaction";
		case CC_STEP_LOG:
			return "the transaction is not in the log of the checkpoint";
		case CC_STEP_LINK:
			return "the entry does not follow from the one before it";
		case CC_STEP_GROWTH:
			return "the log of the older checkpoint is not in the log of the checkpoint";
		case CC_STEP_SIGNATURE:
			return "the checkpoint is not signed by a trusted key";
		case CC_STEP_WITNESSES:
			return "the checkpoint is not cosigned by a quorum of witnesses";
	}
	return "unlisted step";
}

/* Parsing */

static void
read_path(cc_row_proof *p, cc_reader *r, char *text)
{
	cc_slice	field = cc_text_field(r, PATH);
	cc_slice	hashes;

	cc_text_decimal(r, &p->entry_no, cc_text_word(&field));
	cc_text_decimal(r, &p->entry_count, cc_text_word(&field));
	cc_text_hashes(r, &hashes, text, field);
	if (r->status != CC_OK || hashes.len == 0)
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
	if (!cc_text_is(cc_read_line(&r), HEADER))
		cc_reader_fail(&r, CC_E_FORM);
	cc_text_decode(&r, &p->committed, text, cc_text_field(&r, ENTRY));
	cc_text_decode(&r, &p->private_part, text, cc_text_field(&r, PRIVATE));
	read_path(p, &r, text);
	cc_text_decode(&r, &p->record_bytes, text, cc_text_field(&r, RECORD));
	cc_text_decode(&r, &p->schema_bytes, text, cc_text_field(&r, SCHEMA));
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
	return cc_redacted_key_agrees(&shown, &p->entry, &p->schema) ?
		CC_OK : CC_E_MISMATCH;
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
write_line(cc_writer *w, const char *word, cc_slice bytes)
{
	cc_text_put(w, word);
	cc_text_put_base64(w, bytes);
	cc_text_put(w, "\n");
}

void
cc_row_proof_format(cc_writer *w, const cc_row_proof *p)
{
	cc_slice	path;

	path.data = p->path[0];
	path.len = (size_t) p->npath * CC_DIGEST_SIZE;
	cc_text_put(w, HEADER "\n");
	write_line(w, ENTRY, p->committed);
	write_line(w, PRIVATE, p->private_part);
	cc_text_put(w, PATH);
	cc_text_put_decimal(w, p->entry_no);
	cc_text_put(w, " ");
	cc_text_put_decimal(w, p->entry_count);
	cc_text_put(w, " ");
	cc_text_put_hashes(w, path);
	cc_text_put(w, "\n");
	write_line(w, RECORD, p->record_bytes);
	write_line(w, SCHEMA, p->schema_bytes);
	cc_text_put(w, "\n");
}
