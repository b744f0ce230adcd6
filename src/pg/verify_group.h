/*
 * verify_group.h
 *	  All that concerns one row key: verify_replay.c replays its entries,
 *	  verify_merge.c brings them together and compares live rows.
 */
#ifndef CUSTODY_VERIFY_GROUP_H
#define CUSTODY_VERIFY_GROUP_H

#include "pg/verify_state.h"

/* Entries of one transaction about one row that are put in order. */
#define CUSTODY_GROUP_WINDOW 512

/* What is known of one key so far. */
typedef struct CustodyGroup
{
	CustodyVerify *v;
	CustodyRelationState *relation;
	CustodyLeafState *leaf;
	CustodyStateRecord key;		/* its first record; only the sort key counts */
	bool		counted;		/* no key columns: count equal rows */
	/* replayed */
	bool		have;			/* the row is */
	int64		count;			/* counted: so many of them */
	bool		any;			/* 'last' is set */
	CustodyStateRecord last;	/* that said the row is */
	bool		was;			/* 'gone' is set */
	CustodyStateRecord gone;	/* last that said the row is gone */
	/* live rows */
	int64		live;
	CustodyStateRecord live_row;	/* first or, if counted, last */
	/* of one transaction */
	int			npending;
	CustodyStateRecord pending[CUSTODY_GROUP_WINDOW];
} CustodyGroup;

/* Did all rows of the table go between two places? */
extern bool custody_group_is_wiped(const CustodyLeafState *leaf, const CustodyStateRecord *from,
								   uint64 position, uint64 entry_no);
/* qsort comparator */
extern int	custody_group_compare_wipes(const void *a, const void *b);
/* Layout of a version; NULL if there is none to be read. */
extern const cc_schema *custody_group_schema(CustodyVerify *v, uint32 number);
/* Add an entry's record, in order of place. */
extern void custody_group_add(CustodyGroup *g, const CustodyStateRecord *r);
/* Replay what was added. */
extern void custody_group_flush(CustodyGroup *g);
extern void custody_group_report(CustodyGroup *g, const char *code, Datum row_key,
								 const CustodyStateRecord *proof, const char *message);
extern void custody_group_report_missing(CustodyGroup *g);
extern void custody_group_report_extra(CustodyGroup *g, const CustodyStateRecord *live);

#endif							/* CUSTODY_VERIFY_GROUP_H */
