/*
 * pastentry.c
 *	  One entry of the log, opened: its committed part, its schema version, its
 *	  values.
 *
 * Bytes that cannot be taken apart give no entry, or an entry without values;
 * only a schema version that is not canonical raises.
 *
 * Memory: current context; slices point into the walk's chunk.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/pastentry.h"

/* Open the values of a row-level entry, in the current context. */
static void
open_values(CustodyPastEntry *entry, cc_slice private_part)
{
	uint16_t	n;

	entry->open = false;
	entry->erased = private_part.len == 1 &&
		private_part.data[0] == CC_PRIVATE_ERASED;
	if (entry->layout == NULL || entry->erased)
		return;
	n = entry->layout->decoded->schema.ncolumns;
	memset(&entry->values, 0, sizeof(entry->values));
	entry->values.values = palloc((n + 1) * sizeof(cc_value));
	entry->values.old_key = palloc((n + 1) * sizeof(cc_value));
	entry->values.values_capacity = n + 1;
	entry->open = cc_private_decode(&entry->values, &entry->head,
									&entry->layout->decoded->schema,
									private_part.data, private_part.len) == CC_OK &&
		entry->values.form == CC_PRIVATE_WHOLE;
}

bool
custody_pastentry_open(CustodyPastEntry *entry, CustodyLayouts *layouts,
					   const Bitmapset *relations, const CustodyEntryWalk *walk)
{
	if (!cc_entry_head_valid(&walk->head))
		return false;
	entry->head = walk->head;
	if (relations != NULL &&
		!bms_is_member((int) Min(entry->head.relation, PG_INT32_MAX),
					   relations))
		return false;
	entry->first_entry = walk->chunk.first_entry;
	entry->entry_no = walk->entry_no;
	entry->layout = custody_layouts_find(layouts, entry->head.version);
	entry->open = false;
	entry->erased = false;
	if (cc_kind_is_row(entry->head.kind))
		open_values(entry, walk->private_part);
	return true;
}

void
custody_past_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE])
{
	const cc_schema *s = &entry->layout->decoded->schema;

	Assert(entry->open);
	cc_key_digest(key, 0, entry->values.values,
				  cc_kind_has_row(entry->head.kind) ? cc_schema_key_positions(s) : NULL,
				  cc_schema_key_count(s));
}

void
custody_past_old_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE])
{
	Assert(entry->open && (entry->head.flags & CC_ENTRY_KEY_CHANGED));
	cc_key_digest(key, 0, entry->values.old_key, NULL, entry->values.nold_key);
}

TimestampTz
custody_past_time(int64 microseconds)
{
	return microseconds -
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}
