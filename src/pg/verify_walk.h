/*
 * verify_walk.h
 *	  The walk over blocks and leaves: what verify_ledger.c (the walk),
 *	  verify_walk.c (the rows it reads), verify_leaf.c (one leaf, the tree) and
 *	  verify_loose.c (transactions without a leaf) share.
 */
#ifndef CUSTODY_VERIFY_WALK_H
#define CUSTODY_VERIFY_WALK_H

#include "pg/catalog.h"
#include "pg/verify.h"

/* Gaps kept for matching; more are reported but not filled. */
#define CUSTODY_MAX_GAPS 100000

/* A row of log_block. */
typedef struct CustodyBlockRow
{
	int64		block_no;
	int64		tree_size;
	bytea	   *header;
	bytea	   *frontier;
	bool		decoded;
	cc_block	h;				/* slices point into header */
} CustodyBlockRow;

/* A leaf whose transaction record was not found. */
typedef struct CustodyGap
{
	int64		leaf_index;
	int64		txn_no;			/* as log_leaf says; 0 = no row */
	bool		hash_known;
	bool		filled;
	uint8		hash[CC_DIGEST_SIZE];
	/* commit numbers of the records around it in its block */
	uint64		after;
	uint64		before;
} CustodyGap;

typedef struct CustodyWalk
{
	CustodyVerify *v;
	cc_audit   *a;
	/* streams */
	CustodyScan blocks;
	bool		have_block;
	CustodyBlockRow block;		/* next sound row */
	MemoryContext block_context;
	CustodyScan leaves;
	bool		have_leaf;
	int64		leaf_index;		/* next row */
	int64		leaf_txn_no;	/* 0 = NULL */
	CustodyLeaf leaf;
	bytea	   *leaf_marks;		/* NULL: none */
	int			searches;		/* for rows filed under another id */
	uint8		leaf_hash[CC_DIGEST_SIZE];
	bool		leaf_hash_sound;	/* 32 bytes long */
	/* set aside */
	List	   *misfiled;		/* CustodyBlockRow * */
	List	   *gaps;			/* CustodyGap * */
	List	   *strays;			/* CustodyUnsealed * */
	/* the current block */
	int64		size;			/* leaves passed */
	int64		number;			/* of blocks passed */
	bool		faulty;			/* some hash of this block is in doubt */
	cc_frontier stored;			/* tree of stored hashes, while faulty */
	bool		stored_whole;	/* no hash of it is missing */
	uint64		last_commit;	/* of the last record */
	int			open_gaps;		/* at the end of gaps, without 'before' */
} CustodyWalk;

/* verify_walk.c */

/* Report and keep the rows of log_block that contradict themselves. */
extern void custody_walk_set_aside(CustodyWalk *w);
extern void custody_walk_blocks_begin(CustodyWalk *w);
/* Move to the next sound row. */
extern void custody_walk_next_block(CustodyWalk *w);
/* A row set aside that may be the one of the block beginning at w->size. */
extern CustodyBlockRow *custody_walk_find_misfiled(CustodyWalk *w);
extern void custody_walk_next_leaf(CustodyWalk *w);
/* The next row of log_leaf belongs nowhere. */
extern void custody_walk_stray_leaf(CustodyWalk *w);

/* verify_leaf.c */

/* Is it the tree the checkpoint is of? */
extern bool custody_walk_has_root(const cc_frontier *f, const cc_checkpoint *c);
/* At a block's end: choose the tree to go on from. */
extern void custody_walk_settle(CustodyWalk *w, const CustodyBlockRow *row, const char *note);
/* The leaf at w->size has no record; hash: as log_leaf says, or NULL. */
extern void custody_walk_add_gap(CustodyWalk *w, const uint8 *hash, int64 txn_no);
/* Pass a leaf whose bytes are not at hand. */
extern void custody_walk_pass_leaf(CustodyWalk *w, const uint8 *hash);
/* The first leaf of a block; have_leaf: log_leaf has a row for it. */
extern void custody_walk_header_leaf(CustodyWalk *w, const CustodyBlockRow *row, bool have_leaf);
/* A leaf that log_leaf says is a transaction. */
extern void custody_walk_transaction_leaf(CustodyWalk *w);

/* verify_loose.c */

/* Check transactions without a leaf with the engine a. */
extern void custody_walk_loose(CustodyWalk *w, cc_audit *a);

#endif							/* CUSTODY_VERIFY_WALK_H */
