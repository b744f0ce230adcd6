/*
 * lookuprun.h
 *	  Sealed entries by lookup number: sorted runs, written by the sealer.
 */
#ifndef CUSTODY_LOOKUPRUN_H
#define CUSTODY_LOOKUPRUN_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

#include "core/bytes.h"

/* Levels run from 0 to this; runs of the last are not merged any more. */
#define CUSTODY_LOOKUP_MAX_LEVEL 3

/* An entry has a lookup number. */
typedef struct CustodyLookupItem
{
	int64		number;
	int64		leaf_index;
	int64		entry_no;
} CustodyLookupItem;

/* Writing: items in any order. */
typedef struct CustodyLookupWriter CustodyLookupWriter;

/* block_no: of the block they are sealed in; names the runs. */
extern CustodyLookupWriter *custody_lookup_writer_begin(int64 block_no);
extern void custody_lookup_writer_add(CustodyLookupWriter *writer,
									  const CustodyLookupItem *item);
/* Store what is left; returns the number of items stored in all. */
extern int64 custody_lookup_writer_end(CustodyLookupWriter *writer);

/* Merge runs where a level has enough of them; true if some were merged. */
extern bool custody_lookup_merge(Snapshot snapshot);
/* Remove every run. */
extern void custody_lookup_clear(Snapshot snapshot);

/* Reading */
typedef struct CustodyLookupRun
{
	int16		level;
	int64		run;
} CustodyLookupRun;

/* Every run, by level and number: list of CustodyLookupRun *. */
extern List *custody_lookup_runs(Snapshot snapshot);

/* The items of one row, in order. */
typedef struct CustodyLookupRow
{
	cc_reader	r;
	CustodyLookupItem item;		/* the last one read */
} CustodyLookupRow;

extern void custody_lookup_row_begin(CustodyLookupRow *row, int64 first_number,
									 const void *data, Size len);
/* False at the end and, with row->r.status set, at bytes that are no item. */
extern bool custody_lookup_row_next(CustodyLookupRow *row);

#endif							/* CUSTODY_LOOKUPRUN_H */
