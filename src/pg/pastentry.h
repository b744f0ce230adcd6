/*
 * pastentry.h
 *	  One entry of the log, opened.
 */
#ifndef CUSTODY_PASTENTRY_H
#define CUSTODY_PASTENTRY_H

#include "datatype/timestamp.h"

#include "pg/layout.h"
#include "pg/reader.h"

/*
 * One entry.  What it points to lives as long as the chunk it was opened from
 * and the memory context it was opened in.
 */
typedef struct CustodyPastEntry
{
	int64		txn_no;
	uint64		xact_id;
	int64		leaf_index;		/* -1 = not sealed */
	const cc_record *record;	/* NULL: unreadable */
	int64		first_entry;	/* of the chunk */
	int64		entry_no;
	cc_entry	head;			/* commitments only of an erased entry, or if
								 * the walk makes them */
	CustodyLayout *layout;		/* NULL: none, or not known */
	bool		erased;			/* a row-level entry without values */
	bool		open;			/* 'values' are at hand */
	cc_private	values;
} CustodyPastEntry;

/*
 * Take apart the entry a walk stands on, in the current context; false if it
 * cannot be, or if its relation number is not one of relations (NULL = any).
 * The caller sets what is about the transaction.
 */
extern bool custody_pastentry_open(CustodyPastEntry *entry, CustodyLayouts *layouts,
								   const Bitmapset *relations,
								   const CustodyEntryWalk *walk);

/* Digest of the entry's row key, comparable with CustodyLayout.key. */
extern void custody_past_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE]);
/* The same of the key before the change; CC_ENTRY_KEY_CHANGED only. */
extern void custody_past_old_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE]);
/* Time in a record as PostgreSQL counts it. */
extern TimestampTz custody_past_time(int64 microseconds);

#endif							/* CUSTODY_PASTENTRY_H */
