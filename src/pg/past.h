/*
 * past.h
 *	  Entries in the order of the log, opened: what history is made of.
 */
#ifndef CUSTODY_PAST_H
#define CUSTODY_PAST_H

#include "datatype/timestamp.h"

#include "pg/layout.h"

/*
 * One entry.  Everything it points to is valid until the next call of
 * custody_past_next.
 */
typedef struct CustodyPastEntry
{
	int64		txn_no;
	int64		leaf_index;		/* -1 = not sealed */
	const cc_record *record;	/* NULL: unreadable */
	int64		first_entry;	/* of the chunk */
	int64		entry_no;
	cc_entry	head;
	CustodyLayout *layout;		/* NULL: none, or not known */
	bool		erased;			/* a row-level entry without values */
	bool		open;			/* 'values' are at hand */
	cc_private	values;
} CustodyPastEntry;

typedef struct CustodyPast CustodyPast;

/* Walk entries of these relation numbers; NULL = every entry. */
extern CustodyPast *custody_past_begin(CustodyLayouts *layouts,
									   Bitmapset *relations, Snapshot snapshot);
/* The same from a leaf on.  Not for values: see custody_past_resolve. */
extern CustodyPast *custody_past_begin_at(CustodyLayouts *layouts,
										  Bitmapset *relations,
										  int64 leaf_index, Snapshot snapshot);
/* Walk only the chunks that have one of the lookup numbers. */
extern CustodyPast *custody_past_begin_lookup(CustodyLayouts *layouts,
											  Bitmapset *relations,
											  const int64 *numbers, int n,
											  Snapshot snapshot);
extern CustodyPastEntry *custody_past_next(CustodyPast *past);
extern void custody_past_end(CustodyPast *past);

/*
 * Replace references among values (of entries already walked) by the bytes an
 * earlier entry keeps; what nothing holds any more stays a reference.
 */
extern void custody_past_resolve(CustodyPast *past, cc_value *values, int n);

/* Digest of the entry's row key, comparable with CustodyLayout.key. */
extern void custody_past_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE]);
/* The same of the key before the change; CC_ENTRY_KEY_CHANGED only. */
extern void custody_past_old_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE]);
/* Time in a record as PostgreSQL counts it. */
extern TimestampTz custody_past_time(int64 microseconds);

#endif							/* CUSTODY_PAST_H */
