/*
 * verify_state.h
 *	  Rows as the ledger has them against rows as they are: what verify_state.c
 *	  (collect), verify_tables.c (their tables), verify_merge.c (compare) and
 *	  verify_rows.c (values) share.
 */
#ifndef CUSTODY_VERIFY_STATE_H
#define CUSTODY_VERIFY_STATE_H

#include "access/relscan.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

#include "core/sethash.h"
#include "pg/canonical.h"
#include "pg/verify.h"

/* What a record says of the row with its key. */
typedef enum CustodyStateWhat
{
	CUSTODY_STATE_NEW = 0,		/* baseline or insert: the row is */
	CUSTODY_STATE_IS = 1,		/* update: the row is */
	CUSTODY_STATE_GONE = 2,		/* delete, or the key changed */
	CUSTODY_STATE_LIVE = 3		/* the table has this row */
} CustodyStateWhat;

#define CUSTODY_STATE_DIGEST 0x01	/* digest is known */
#define CUSTODY_STATE_OVERWRITTEN 0x02	/* overwritten is set */
#define CUSTODY_STATE_SEALED 0x04	/* position is a leaf index */
#define CUSTODY_STATE_BASELINE 0x08
#define CUSTODY_STATE_AHEAD 0x10	/* made ahead of the walk */

/* Era of a live row: the last one, whichever that turns out to be. */
#define CUSTODY_LAST_ERA PG_UINT16_MAX

/*
 * One record to be sorted: by table, key and place.  Live rows come last.
 * Tables are in the order in which they were met; their number and the first
 * bytes of the key stand first, where the sort finds an abbreviation of both.
 * Keys of one table are comparable while its key columns stay the same: an
 * era.  When they change, what still stands is carried over into the next.
 */
typedef struct CustodyStateRecord
{
	/* sort key */
	uint16		table;			/* the same for all tables beyond the last */
	uint8		key[CC_DIGEST_SIZE];
	uint32		relation_id;
	Oid			leaf;
	uint16		era;
	uint64		position;		/* PG_UINT64_MAX: live */
	uint64		entry_no;		/* live: the row's place in its table */
	/* the rest */
	uint8		what;
	uint8		flags;
	uint32		version;
	int64		txn_no;
	uint32		count;			/* equal rows */
	uint8		digest[CC_DIGEST_SIZE];
	uint8		overwritten[CC_DIGEST_SIZE];	/* of the row overwritten */
} CustodyStateRecord;

/* All rows of a table went at this place. */
typedef struct CustodyWipe
{
	uint64		position;
	uint64		entry_no;
} CustodyWipe;

/* Beginning of an era: which key columns, since when. */
typedef struct CustodyEra
{
	const cc_schema *schema;
	uint32		version;		/* PG_UINT32_MAX: the present layout */
	uint64		position;
	uint64		entry_no;
} CustodyEra;

/* A table whose rows are compared. */
typedef struct CustodyLeafState
{
	struct
	{
		uint32		relation_id;
		Oid			leaf;
	}			id;				/* hash key */
	uint16		number;			/* of this table, in the order they are met */
	uint32		last_version;	/* of the last entry */
	int			neras;
	CustodyEra *eras;
	int			nwipes;
	int			max_wipes;
	CustodyWipe *wipes;			/* sorted before merging */
	bool		one_key;		/* in every version that is stored */
	bool		settled;		/* its set hash agrees: no record is needed */
	bool		judged;			/* its rows are compared with their entries */
	bool		read_ahead;		/* they were read ahead of the walk */
	ParallelTableScanDesc shared_scan;	/* NULL: rows are read alone */
	bool		reported;		/* something was said of its rows */
	cc_set	   *live_set;		/* of the rows as they are; NULL: not wanted */
	/* as it is */
	bool		live;
	Relation	rel;			/* open while comparing */
	cc_schema	layout;
	CustodyRenderer *renderer;
	TupleTableSlot *slot;
} CustodyLeafState;

/* A protection whose rows are compared. */
typedef struct CustodyRelationState
{
	uint32		relation_id;	/* hash key */
	const CustodyProtection *protection;
	bool		present;		/* the table exists */
	int64		unplaced;		/* entries whose key is withheld */
} CustodyRelationState;

typedef struct CustodyVerifyState
{
	HTAB	   *relations;
	HTAB	   *leaves;
	Tuplesortstate *sort;
	uint64		beyond;			/* position of what is made while merging */
} CustodyVerifyState;

/* verify_state.c */

/* coordinate: of a sort together with others, or NULL */
extern Tuplesortstate *custody_state_sort_begin(int memory, SortCoordinate coordinate);
extern void custody_state_put(Tuplesortstate *sort, const CustodyStateRecord *r);
/* False at the end. */
extern bool custody_state_get(Tuplesortstate *sort, CustodyStateRecord *r);
/* Open a table for reading its rows, unless it is. */
extern void custody_state_open(CustodyVerify *v, const CustodyRelationState *relation,
							   CustodyLeafState *leaf);
/* Close what was opened. */
extern void custody_state_close(CustodyVerify *v);
/*
 * Read the rows of an open table; row is called with the values of each, in
 * v->scratch.
 */
typedef void (*CustodyLiveRow) (CustodyVerify *v, CustodyLeafState *leaf, cc_value *values);
extern void custody_state_scan(CustodyVerify *v, CustodyLeafState *leaf, CustodyLiveRow row);
/* A CustodyLiveRow that makes a record to be sorted. */
extern void custody_state_live(CustodyVerify *v, CustodyLeafState *leaf, cc_value *values);

/* verify_tables.c */

extern CustodyLeafState *custody_state_leaf(CustodyVerify *v, uint32 relation_id, Oid leaf);
extern CustodyRelationState *custody_state_relation(CustodyVerify *v, uint32 relation_id);
/* The number of the era in force; begins a new one if the key changed. */
extern uint16 custody_state_era(CustodyVerify *v, CustodyLeafState *leaf, const cc_schema *schema,
								uint32 version, uint64 position, uint64 entry_no);
/* Number the tables; one whose versions have different keys has several eras. */
extern void custody_tables_number(CustodyVerify *v);
/* Tables whose entries were all read ahead of the walk are in their first era. */
extern void custody_tables_begin_eras(CustodyVerify *v);

/* verify_sets.c */

/* A CustodyLiveRow that is only added to its table's set. */
extern void custody_verify_sets_row(CustodyVerify *v, CustodyLeafState *leaf, cc_value *values);

/* verify_rows.c: everything is allocated in the current context. */

/* Values of an entry under its version; NULL if they cannot be read. */
extern cc_value *custody_rows_entry(CustodyVerify *v, const CustodyStateRecord *r);
/*
 * An entry's values under another layout, that of version 'until' or, if this
 * is PG_UINT32_MAX, the table's present one.  Gives two readings, or none.
 */
extern int	custody_rows_convert(CustodyVerify *v, const CustodyStateRecord *r,
								 const cc_schema *to, uint32 until, cc_value *readings[2]);
/* Values of the live row in the table's slot, its large objects included. */
extern void custody_rows_render(CustodyVerify *v, CustodyLeafState *leaf, cc_value *values);
/* Values of a live row; NULL if it is not there. */
extern cc_value *custody_rows_live(CustodyVerify *v, CustodyLeafState *leaf,
								   const CustodyStateRecord *r);
/* Same columns in the same order? */
extern bool custody_rows_same_layout(const cc_schema *a, const cc_schema *b);
extern const cc_schema *custody_rows_recorded_layout(CustodyVerify *v, const CustodyLeafState *leaf);
/* Same key columns? */
extern bool custody_rows_same_key(const cc_schema *a, const cc_schema *b);
/* Names of the columns whose values differ. */
extern char *custody_rows_differences(const cc_schema *s, const cc_value *a, const cc_value *b);

/* verify_merge.c */

extern void custody_verify_merge(CustodyVerify *v);

#endif							/* CUSTODY_VERIFY_STATE_H */
