/*
 * redacted.c
 *	  Private parts with items withheld (doc/format.md section 4.3).
 */
#include "core/redacted.h"

#include <string.h>

#define ROW_PREFIX 0x11

#define STATE_WITHHELD 0
#define STATE_OPEN 1

bool
cc_key_opens(const uint8_t want[CC_DIGEST_SIZE], const cc_schema *s,
			 const uint8_t salt[CC_SALT_SIZE], const cc_value *values,
			 const uint16_t *positions)
{
	uint8_t		got[CC_DIGEST_SIZE];

	cc_key_commit(got, s->digest, salt, values, positions,
				  cc_schema_key_count(s));
	return cc_equal(got, want, CC_DIGEST_SIZE);
}

/* Reading */

/* True, with the salt, when the next item is open. */
static bool
item_open(cc_reader *r, cc_slice *salt)
{
	uint8_t		state = cc_read_u8(r);

	if (state > STATE_OPEN)
		cc_reader_fail(r, CC_E_VALUE);
	if (state != STATE_OPEN)
		return false;
	*salt = cc_read_raw(r, CC_SALT_SIZE);
	return r->status == CC_OK;
}

/* True if the key is open; *opens: a withheld one is not held against it. */
static bool
read_key(cc_reader *r, bool *opens, const uint8_t want[CC_DIGEST_SIZE],
		 const cc_schema *s, cc_value *values)
{
	cc_slice	salt;
	uint16_t	i;

	*opens = true;
	if (!item_open(r, &salt))
		return false;
	for (i = 0; i < cc_schema_key_count(s); i++)
		cc_read_value(r, &values[i]);
	if (r->status != CC_OK)
		return false;
	*opens = cc_key_opens(want, s, salt.data, values, NULL);
	return true;
}

static void
read_overwritten(cc_reader *r, cc_redacted *out,
				 const uint8_t want[CC_DIGEST_SIZE])
{
	uint8_t		got[CC_DIGEST_SIZE];
	cc_slice	salt;
	cc_slice	digest;

	if (!item_open(r, &salt))
		return;
	digest = cc_read_raw(r, CC_DIGEST_SIZE);
	if (r->status != CC_OK)
		return;
	out->overwritten_open = true;
	memcpy(out->overwritten, digest.data, CC_DIGEST_SIZE);
	cc_overwritten_commitment(got, salt.data, digest.data);
	if (!cc_equal(got, want, CC_DIGEST_SIZE))
		out->faults |= CC_FAULT_OVERWRITTEN;
}

/* A column and its commitment, read or recomputed. */
static void
read_column(cc_reader *r, cc_proof_column *column,
			uint8_t commitment[CC_DIGEST_SIZE], uint16_t position)
{
	cc_slice	item;

	column->open = item_open(r, &item);
	if (column->open)
	{
		cc_read_value(r, &column->value);
		if (r->status == CC_OK)
			cc_column_commitment(commitment, item.data, position,
								 &column->value);
		return;
	}
	item = cc_read_raw(r, CC_DIGEST_SIZE);
	if (r->status == CC_OK)
		memcpy(commitment, item.data, CC_DIGEST_SIZE);
}

/* As cc_row_commitment, over commitments read or recomputed one by one. */
static bool
row_opens(cc_reader *r, const uint8_t want[CC_DIGEST_SIZE],
		  const cc_schema *s, cc_proof_column *columns)
{
	static const uint8_t prefix = ROW_PREFIX;
	uint8_t		commitment[CC_DIGEST_SIZE] = {0};
	uint8_t		count[2];
	cc_proof_column passing;
	cc_sha256	h;
	uint16_t	i;

	cc_store_u16(count, s->ncolumns);
	cc_sha256_init(&h);
	cc_sha256_update(&h, &prefix, 1);
	cc_sha256_update(&h, s->digest, sizeof(s->digest));
	cc_sha256_update(&h, count, sizeof(count));
	for (i = 0; i < s->ncolumns && r->status == CC_OK; i++)
	{
		read_column(r, columns == NULL ? &passing : &columns[i],
					commitment, i);
		cc_sha256_update(&h, commitment, sizeof(commitment));
	}
	cc_sha256_final(&h, commitment);
	return r->status != CC_OK ||
		cc_equal(commitment, want, CC_DIGEST_SIZE);
}

/*
 * Where the old key is not wanted it is read into the new one's room, and that
 * one is read again.
 */
static void
read_keys(cc_reader *r, cc_redacted *out, const cc_entry *e,
		  const cc_schema *s)
{
	cc_value   *old_key = out->old_key != NULL ? out->old_key : out->key;
	cc_reader	start = *r;
	bool		opens;

	out->key_open = read_key(r, &opens, e->key, s, out->key);
	if (!opens)
		out->faults |= CC_FAULT_KEY;
	if (cc_kind_has_overwritten(e->kind))
		read_overwritten(r, out, e->overwritten);
	if ((e->flags & CC_ENTRY_KEY_CHANGED) == 0)
		return;
	out->old_key_open = read_key(r, &opens, e->old_key, s, old_key);
	if (!opens)
		out->faults |= CC_FAULT_OLD_KEY;
	if (out->key_open && out->old_key_open && old_key == out->key)
		(void) read_key(&start, &opens, e->key, s, out->key);
}

cc_status
cc_redacted_open(cc_redacted *out, const cc_entry *e, const cc_schema *s,
				 const void *data, size_t len)
{
	bool		has_row = cc_kind_has_row(e->kind);
	cc_reader	r;

	out->key_open = false;
	out->old_key_open = false;
	out->overwritten_open = false;
	out->faults = 0;
	if (cc_schema_key_count(s) > out->capacity ||
		(has_row && out->columns != NULL && s->ncolumns > out->capacity))
		return CC_E_SPACE;
	cc_reader_init(&r, data, len);
	if (cc_read_u8(&r) != CC_PRIVATE_REDACTED)
		cc_reader_fail(&r, CC_E_VALUE);
	read_keys(&r, out, e, s);
	if (has_row && !row_opens(&r, e->row, s, out->columns))
		out->faults |= CC_FAULT_ROW;
	return cc_reader_end(&r);
}

bool
cc_redacted_key_agrees(const cc_redacted *shown, const cc_entry *e,
					   const cc_schema *s)
{
	const uint16_t *positions = cc_schema_key_positions(s);
	uint16_t	i;

	if (!cc_kind_has_row(e->kind))
		return true;
	for (i = 0; i < cc_schema_key_count(s); i++)
	{
		uint16_t	at = positions == NULL ? i : positions[i];
		const cc_proof_column *column = &shown->columns[at];

		if (column->open && !cc_value_equal(&column->value, &shown->key[i]))
			return false;
	}
	return true;
}

bool
cc_redacted_row_open(const cc_redacted *shown, const cc_schema *s)
{
	uint16_t	i;

	for (i = 0; i < s->ncolumns; i++)
	{
		if (!shown->columns[i].open)
			return false;
	}
	return true;
}

/* Writing */

static void
write_salt(cc_writer *w, cc_salter *salter, uint32_t index)
{
	uint8_t		salt[CC_SALT_SIZE];

	cc_salter_salt(salter, index, salt);
	cc_write_u8(w, STATE_OPEN);
	cc_write_raw(w, salt, sizeof(salt));
}

static void
write_key(cc_writer *w, const cc_schema *s, cc_salter *salter,
		  uint32_t index, const cc_value *values, const uint16_t *positions)
{
	uint16_t	i;

	write_salt(w, salter, index);
	for (i = 0; i < cc_schema_key_count(s); i++)
		cc_write_value(w, &values[positions == NULL ? i : positions[i]]);
}

static void
write_past(cc_writer *w, const cc_entry *e, const cc_schema *s,
		   cc_salter *salter, const cc_redacted_past *past)
{
	if (cc_kind_has_overwritten(e->kind))
	{
		if (past != NULL && past->overwritten != NULL)
		{
			write_salt(w, salter, CC_SALT_OVERWRITTEN);
			cc_write_raw(w, past->overwritten, CC_DIGEST_SIZE);
		}
		else
			cc_write_u8(w, STATE_WITHHELD);
	}
	if ((e->flags & CC_ENTRY_KEY_CHANGED) == 0)
		return;
	if (past != NULL && past->old_key != NULL)
		write_key(w, s, salter, CC_SALT_OLD_KEY, past->old_key, NULL);
	else
		cc_write_u8(w, STATE_WITHHELD);
}

static void
write_column(cc_writer *w, cc_salter *salter, uint16_t position,
			 const cc_value *value, bool open)
{
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		commitment[CC_DIGEST_SIZE];

	if (open)
	{
		write_salt(w, salter, CC_SALT_COLUMN(position));
		cc_write_value(w, value);
		return;
	}
	cc_salter_salt(salter, CC_SALT_COLUMN(position), salt);
	cc_column_commitment(commitment, salt, position, value);
	cc_wipe(salt, sizeof(salt));
	cc_write_u8(w, STATE_WITHHELD);
	cc_write_raw(w, commitment, sizeof(commitment));
}

/* A delete holds its key columns alone, in key order. */
void
cc_write_redacted(cc_writer *w, const cc_entry *e, const cc_schema *s,
				  cc_salter *salter, const cc_value *values,
				  const bool *open, const cc_redacted_past *past)
{
	uint16_t	n = cc_kind_has_row(e->kind) ? s->ncolumns : 0;
	uint16_t	i;

	cc_write_u8(w, CC_PRIVATE_REDACTED);
	write_key(w, s, salter, CC_SALT_KEY, values,
			  cc_kind_has_row(e->kind) ? cc_schema_key_positions(s) : NULL);
	write_past(w, e, s, salter, past);
	for (i = 0; i < n; i++)
		write_column(w, salter, i, &values[i], open[i]);
}
