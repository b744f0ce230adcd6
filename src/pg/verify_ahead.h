/*
 * verify_ahead.h
 *	  Reading ahead of the walk with parallel workers: what verify_ahead.c (the
 *	  leader's part), verify_share.c (its shared memory) and verify_part.c (what
 *	  each process does) share.
 *
 * Each process takes units of leaves, and pages of large tables, until there
 * are no more.  It judges nothing: a leaf whose entries are all as they were
 * sealed is marked as checked, and the walk, which comes after and reports, then
 * need not read them.  Any other leaf the walk reads as if nobody had before.  So
 * the findings, and their order, are those of verification by one process.
 */
#ifndef CUSTODY_VERIFY_AHEAD_H
#define CUSTODY_VERIFY_AHEAD_H

#include "access/parallel.h"
#include "port/atomics.h"

#include "pg/verify_state.h"

/* Leaves of a unit, one bit each. */
#define CUSTODY_UNIT_LEAVES 64
/* Tables of which the pages are shared out. */
#define CUSTODY_AHEAD_TABLES 64

/* Written by the process that takes it. */
typedef struct CustodyAheadUnit
{
	uint64		checked;
	CustodyLookupSum lookups;	/* of the leaves that are checked */
} CustodyAheadUnit;

/* A table of which there are versions or rows; its number is its place. */
typedef struct CustodyAheadLeaf
{
	uint32		relation_id;
	Oid			leaf;
	bool		one_key;
} CustodyAheadLeaf;

/* The table of a schema version, as the leader has resolved it. */
typedef struct CustodyAheadVersion
{
	uint32		version;
	Oid			leaf;
} CustodyAheadVersion;

/* A table whose pages are shared out. */
typedef struct CustodyAheadTable
{
	uint32		relation_id;
	Oid			leaf;
} CustodyAheadTable;

typedef struct CustodyAheadShared
{
	int64		first;			/* leaf */
	int64		nunits;
	pg_atomic_uint64 next;		/* unit to be taken */
	Oid			relation;		/* as in CustodyVerify */
	bool		sorted;			/* records are made */
	uint64		lookup_key[2];
	int			memory;			/* for the sort of each process, kB */
	int			nversions;
	int			nleaves;
	int			ntables;
	CustodyAheadTable tables[CUSTODY_AHEAD_TABLES];
} CustodyAheadShared;

/* Parts of the shared memory, by key; tables' scans begin at the last. */
#define CUSTODY_AHEAD_KEY_SHARED 1
#define CUSTODY_AHEAD_KEY_UNITS 2
#define CUSTODY_AHEAD_KEY_VERSIONS 3
#define CUSTODY_AHEAD_KEY_LEAVES 4
#define CUSTODY_AHEAD_KEY_SETS 5	/* cc_set of each worker and table */
#define CUSTODY_AHEAD_KEY_SORT 6
#define CUSTODY_AHEAD_KEY_SCANS 16

/* The leader's. */
typedef struct CustodyVerifyAhead
{
	ParallelContext *context;
	CustodyAheadShared *shared;
	CustodyAheadUnit *units;
	uint64	   *taken;			/* leaves the walk took, a word for each unit */
	int			participants;	/* 0: no worker could be launched */
	Sharedsort *sort;
} CustodyVerifyAhead;

/* verify_share.c */

/* Add the leaves, if they are worth it, and the tables that are. */
extern void custody_share_leaves(CustodyVerify *v, CustodyAheadShared *wanted);
extern void custody_share_tables(CustodyVerify *v, CustodyAheadShared *wanted);
/* Room for what is wanted, and fill it. */
extern void custody_share_estimate(CustodyVerify *v, const CustodyAheadShared *wanted,
								   ParallelContext *context);
extern void custody_share_store(CustodyVerify *v, CustodyVerifyAhead *a,
								const CustodyAheadShared *wanted);

/* verify_part.c */

/* Take units and pages until there are none. */
extern void custody_part_run(CustodyVerify *v, CustodyAheadShared *shared,
							 CustodyAheadUnit *units, shm_toc *toc);
/* Sum of the lookup numbers of a unit's leaves that are marked. */
extern CustodyLookupSum custody_part_lookups(CustodyVerify *v, int64 first, uint64 marked);
extern PGDLLEXPORT void custody_part_main(dsm_segment *seg, shm_toc *toc);

#endif							/* CUSTODY_VERIFY_AHEAD_H */
