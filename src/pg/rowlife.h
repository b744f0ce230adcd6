/*
 * rowlife.h
 *	  The sealed entries that make the life of one row, in order.
 */
#ifndef CUSTODY_ROWLIFE_H
#define CUSTODY_ROWLIFE_H

#include "utils/jsonb.h"

#include "pg/layout.h"

/* One of them; values are copies, references resolved where that can be done. */
typedef struct CustodyLifeEntry
{
	int64		txn_no;
	int64		leaf_index;
	int64		entry_no;
	cc_entry	head;
	CustodyLayout *layout;
	bool		open;			/* what follows is set */
	uint8		secret[CC_SECRET_SIZE];
	uint8		row_digest[CC_DIGEST_SIZE]; /* of what an update or delete overwrote */
	cc_value   *values;
	cc_value   *old_key;
	/* The entry before it says what it overwrote; else nothing shows that. */
	bool		show_overwritten;

	/* While the life is put together. */
	bool		of_key;			/* the row has the key looked for after it */
	bool		of_old_key;		/* and before it */
	struct CustodyLifeEntry *before;
	bool		followed;
} CustodyLifeEntry;

/*
 * Entries of the row that has a key, in the log of a size: from the version in
 * force at an older size on, or (0) from the first.  Earlier keys are followed.
 * Between them stand the schema versions that are needed to see what was
 * overwritten, and erased entries where something is missing.  NIL: none.
 *
 * Raises as custody_rowhistory_begin does, for a table without a key, and where
 * row security hides an earlier key.  *unsealed: entries of a larger log were
 * passed over.
 */
extern List *custody_rowlife(Oid relid, Jsonb *key, uint64 size, uint64 old_size,
							 Snapshot snapshot, bool *unsealed);

#endif							/* CUSTODY_ROWLIFE_H */
