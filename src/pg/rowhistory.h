/*
 * rowhistory.h
 *	  Recorded versions of a table's rows, or of one row, that the caller may
 *	  see.
 */
#ifndef CUSTODY_ROWHISTORY_H
#define CUSTODY_ROWHISTORY_H

#include "utils/jsonb.h"

#include "pg/past.h"
#include "pg/rowkey.h"

typedef struct CustodyRowHistory
{
	Oid			relid;
	Snapshot	snapshot;
	CustodyLayouts *layouts;
	CustodyLayout *newest;		/* newest schema version of the table */
	CustodyPast *past;
	CustodyRowKey *key;			/* NULL = all rows */
	HTAB	   *visible;		/* keys the caller may see; NULL = all */
	bool		hidden;			/* the one row asked for is not visible */

	bool		erased;			/* passed an erased entry, maybe of the row */
	bool		give_erased;	/* set by the caller: give these, too */

	/* For one row: its last version, while it stands. */
	bool		present;
	int64		last_leaf_index;
	int64		last_txn_no;
	int64		last_entry_no;
	uint32		last_relation;
	Oid			last_leaf;
	CustodyPastEntry *pending;	/* to give after what emptied the table */
	CustodyPast *gap;
	bool		ended;
} CustodyRowHistory;

/*
 * Begin; key NULL = all rows.  Raises if the caller may not SELECT the table,
 * if it was never protected, or if the key names other columns.
 */
extern CustodyRowHistory *custody_rowhistory_begin(Oid relid, Jsonb *key);
/* The same for a caller who has checked that the user may see the row. */
extern CustodyRowHistory *custody_rowhistory_begin_granted(Oid relid, Jsonb *key);
/* Next entry, oldest first: of rows, or what emptied a table. */
extern CustodyPastEntry *custody_rowhistory_next(CustodyRowHistory *history);
extern void custody_rowhistory_end(CustodyRowHistory *history);
/* May the caller see a row with this key digest? */
extern bool custody_rowhistory_visible(const CustodyRowHistory *history,
									   const uint8 *key);

#endif							/* CUSTODY_ROWHISTORY_H */
