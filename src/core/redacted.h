/*
 * redacted.h
 *	  Private parts with items withheld (doc/format.md section 4.3): write
 *	  them, and open an entry's commitments with what is there.
 */
#ifndef CC_REDACTED_H
#define CC_REDACTED_H

#include "core/encode.h"

/* Commitments that did not open, as bits. */
#define CC_FAULT_KEY 1
#define CC_FAULT_ROW 2
#define CC_FAULT_OLD_KEY 4
#define CC_FAULT_OVERWRITTEN 8

/* One column as the proof shows it. */
typedef struct cc_proof_column
{
	bool		open;
	cc_value	value;			/* when open */
} cc_proof_column;

/* What a redacted part shows. */
typedef struct cc_redacted
{
	bool		key_open;
	bool		old_key_open;
	bool		overwritten_open;
	int			faults;			/* CC_FAULT_* of the items that are open */
	uint8_t		overwritten[CC_DIGEST_SIZE];	/* row digest, when open */
	/* Caller-provided, with room for 'capacity' elements each. */
	cc_value   *key;			/* key columns in key order, when key_open */
	cc_value   *old_key;		/* the same of the old key; NULL: not wanted */
	cc_proof_column *columns;	/* none for a delete; NULL: not wanted */
	size_t		capacity;
} cc_redacted;

/* Does the key of these values have this commitment? */
extern bool cc_key_opens(const uint8_t want[CC_DIGEST_SIZE],
						 const cc_schema *s,
						 const uint8_t salt[CC_SALT_SIZE],
						 const cc_value *values, const uint16_t *positions);
/*
 * Read a redacted part of e under s and hold its items against e's
 * commitments.  A failure means that it is not canonical or that there is not
 * room for it; an item that does not open its commitment is a fault.
 */
extern cc_status cc_redacted_open(cc_redacted *out, const cc_entry *e,
								  const cc_schema *s, const void *data,
								  size_t len) CC_CHECK_RESULT;
/* Has every open key column of the row the value that it has in the key? */
extern bool cc_redacted_key_agrees(const cc_redacted *shown, const cc_entry *e,
								   const cc_schema *s);
/* Is every column open? */
extern bool cc_redacted_row_open(const cc_redacted *shown, const cc_schema *s);

/* What an entry shows of the row before it; NULL: withheld. */
typedef struct cc_redacted_past
{
	const uint8_t *overwritten; /* row digest */
	const cc_value *old_key;
} cc_redacted_past;

/*
 * Write the redacted private part (section 4.3) of an entry from its whole
 * private part: the key open, the columns open where 'open' says so.  values:
 * the entry's values, references resolved; open: one flag for each column, NULL
 * for a delete; past: NULL withholds both.
 */
extern void cc_write_redacted(cc_writer *w, const cc_entry *e, const cc_schema *s,
							  cc_salter *salter, const cc_value *values,
							  const bool *open, const cc_redacted_past *past);

#endif							/* CC_REDACTED_H */
