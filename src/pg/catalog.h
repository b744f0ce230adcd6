/*
 * catalog.h
 *	  The only module that knows our tables and columns: their OIDs, reading
 *	  and appending rows through the table access method.
 *
 * Rows are appended with no privilege check, rule, row security policy or
 * trigger in between, and no row is ever updated here.
 */
#ifndef CUSTODY_CATALOG_H
#define CUSTODY_CATALOG_H

#include "access/genam.h"
#include "access/htup.h"
#include "access/skey.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

typedef enum CustodyRel
{
	CUSTODY_LOG_TRANSACTION,
	CUSTODY_LOG_CHUNK,
	CUSTODY_LOG_SUBTREE,
	CUSTODY_LOG_LEAF,
	CUSTODY_LOG_LOOKUP,
	CUSTODY_LOG_BLOCK,
	CUSTODY_LOG_STATE,
	CUSTODY_LOG_EVENT,
	CUSTODY_LOG_TILE,
	CUSTODY_LOG_CHECKPOINT,
	CUSTODY_LOG_ANCHOR,
	CUSTODY_LOG_INSPECTION,
	CUSTODY_LOG_RELATION,
	CUSTODY_LOG_RELEASE,
	CUSTODY_LOG_SCHEMA,
	CUSTODY_LOG_KEY,
	CUSTODY_LOG_INCARNATION,
	CUSTODY_LOG_TRUSTED_LOG,
	CUSTODY_LOG_COSIGNED,
	CUSTODY_LOG_WITNESS_KEY,
	CUSTODY_LOG_WITNESS,
	CUSTODY_LOG_COSIGNATURE,
	CUSTODY_LOG_ENVIRONMENT
} CustodyRel;

#define CUSTODY_NUM_RELS (CUSTODY_LOG_ENVIRONMENT + 1)

/* Sequences */
typedef enum CustodySequence
{
	CUSTODY_COMMIT_NUMBER,
	CUSTODY_RELATION_NUMBER,
	CUSTODY_VERSION_NUMBER,
	CUSTODY_ENVIRONMENT_NUMBER
} CustodySequence;

#define CUSTODY_NUM_SEQUENCES (CUSTODY_ENVIRONMENT_NUMBER + 1)

typedef enum CustodyIndex
{
	CUSTODY_TRANSACTION_XACT_ID,
	CUSTODY_CHUNK_PKEY,			/* txn_no, first_entry */
	CUSTODY_SUBTREE_PKEY,		/* txn_no, tile_index */
	CUSTODY_LEAF_PKEY,
	CUSTODY_LEAF_TXN_NO,
	CUSTODY_LOOKUP_RUN,			/* level, run, first_number */
	CUSTODY_BLOCK_PKEY,
	CUSTODY_BLOCK_TREE_SIZE,
	CUSTODY_STATE_PKEY,
	CUSTODY_EVENT_PKEY,
	CUSTODY_TILE_PKEY,			/* level, tile_index */
	CUSTODY_CHECKPOINT_PKEY,
	CUSTODY_ANCHOR_PKEY,
	CUSTODY_INSPECTION_PKEY,
	CUSTODY_RELATION_PKEY,
	CUSTODY_RELEASE_PKEY,
	CUSTODY_SCHEMA_PKEY,
	CUSTODY_SCHEMA_RELATION_ID,
	CUSTODY_KEY_PKEY,
	CUSTODY_INCARNATION_PKEY,
	CUSTODY_TRUSTED_LOG_PKEY,	/* verifier_key, statement */
	CUSTODY_COSIGNED_PKEY,		/* origin, tree_size */
	CUSTODY_WITNESS_KEY_PKEY,
	CUSTODY_WITNESS_PKEY,		/* name, statement */
	CUSTODY_COSIGNATURE_PKEY,	/* tree_size, witness, key_id */
	CUSTODY_ENVIRONMENT_PKEY
} CustodyIndex;

#define CUSTODY_NUM_INDEXES (CUSTODY_ENVIRONMENT_PKEY + 1)

/* Column numbers, in table order, from 1. */
#define Anum_transaction_xact_id 1
#define Anum_transaction_txn_no 2
#define Anum_transaction_first_entry 3
#define Anum_transaction_record 4
#define Anum_transaction_entries 5
#define Anum_chunk_txn_no 1
#define Anum_chunk_first_entry 2
#define Anum_chunk_entries 3
#define Anum_subtree_txn_no 1
#define Anum_subtree_tile_index 2
#define Anum_subtree_hashes 3
#define Anum_subtree_marks 4
#define Anum_leaf_leaf_index 1
#define Anum_leaf_txn_no 2
#define Anum_leaf_xact_id 3
#define Anum_leaf_leaf_hash 4
#define Anum_leaf_root 5
#define Anum_leaf_marks 6
#define Anum_lookup_level 1
#define Anum_lookup_run 2
#define Anum_lookup_first_number 3
#define Anum_lookup_items 4
#define Anum_block_block_no 1
#define Anum_block_tree_size 2
#define Anum_block_header 3
#define Anum_block_frontier 4
#define Anum_state_version 1
#define Anum_state_relation_id 2
#define Anum_state_row_set 3
#define Anum_event_leaf_index 1
#define Anum_event_chain 2
#define Anum_tile_level 1
#define Anum_tile_tile_index 2
#define Anum_tile_hashes 3
#define Anum_checkpoint_tree_size 1
#define Anum_checkpoint_note 2
#define Anum_anchor_tree_size 1
#define Anum_anchor_anchored_at 2
#define Anum_inspection_finished_at 1
#define Anum_inspection_started_at 2
#define Anum_inspection_tree_size 3
#define Anum_inspection_complete 4
#define Anum_inspection_tampering 5
#define Anum_inspection_warnings 6
#define Anum_relation_relation_id 1
#define Anum_relation_relation 2
#define Anum_relation_subject 3
#define Anum_relation_mode 4
#define Anum_relation_large_objects 5
#define Anum_release_relation_id 1
#define Anum_schema_version 1
#define Anum_schema_relation_id 2
#define Anum_schema_leaf 3
#define Anum_schema_definition 4
#define Anum_key_epoch 1
#define Anum_key_verifier_key 2
#define Anum_key_txn_no 3
#define Anum_incarnation_incarnation 1
#define Anum_incarnation_ledger_id 2
#define Anum_incarnation_origin 3
#define Anum_incarnation_system_identifier 4
#define Anum_incarnation_database_oid 5
#define Anum_incarnation_timeline 6
#define Anum_trusted_log_verifier_key 1
#define Anum_trusted_log_statement 2
#define Anum_trusted_log_trusted 3
#define Anum_trusted_log_reason 4
#define Anum_cosigned_origin 1
#define Anum_cosigned_tree_size 2
#define Anum_cosigned_root 3
#define Anum_cosigned_cosigned_at 4
#define Anum_cosigned_note 5
#define Anum_witness_key_incarnation 1
#define Anum_witness_key_verifier_key 2
#define Anum_witness_name 1
#define Anum_witness_statement 2
#define Anum_witness_verifier_key 3
#define Anum_witness_trusted 4
#define Anum_witness_reason 5
#define Anum_cosignature_tree_size 1
#define Anum_cosignature_witness 2
#define Anum_cosignature_key_id 3
#define Anum_cosignature_line 4
#define Anum_environment_number 1
#define Anum_environment_name 2
#define Anum_environment_before 3
#define Anum_environment_after 4
#define CUSTODY_MAX_COLUMNS 6

/* Is the extension installed in this database?  Does not raise. */
extern bool custody_catalog_installed(void);
/* OID of the extension; raises ERRCODE_CUSTODY_NOT_INSTALLED. */
extern Oid	custody_catalog_extension(void);
/* OIDs; raise when not installed or of another version than the library. */
extern Oid	custody_catalog_relid(CustodyRel rel);
extern Oid	custody_catalog_index(CustodyIndex index);
/* Is relid one of ours (any relation in schema custody)? */
extern bool custody_catalog_is_ours(Oid relid);
/* Does a text name the schema or a table of ours?  Reads no catalog. */
extern bool custody_catalog_is_named(const char *text);
extern int64 custody_catalog_nextval(CustodySequence sequence);
/* Last number drawn, or reserved, by any session; 0: none. */
extern int64 custody_catalog_last_number(CustodySequence sequence);
/* OID of a function of ours by name and argument count, for triggers. */
extern Oid	custody_catalog_trigger_function(const char *name);

/* Append one row; indexes are kept. */
extern void custody_catalog_insert(CustodyRel rel, Datum *values, bool *nulls);

/*
 * Append rows to one relation: it and its indexes are opened once, with
 * RowExclusiveLock, which is kept to the end of the transaction.
 */
typedef struct CustodyAppend
{
	Relation	heap;
	List	   *indexes;		/* of Relation */
} CustodyAppend;

extern void custody_catalog_append_begin(CustodyAppend *append, CustodyRel rel);
extern void custody_catalog_append(CustodyAppend *append, Datum *values, bool *nulls);
extern void custody_catalog_append_end(CustodyAppend *append);

/*
 * Ordered btree scan.  nkeys equality or range conditions on the leading
 * columns of the index, given by the *table's* column numbers (Anum_...), not
 * the index's.  Tuples are valid until the next call; values through
 * custody_catalog_getattr.
 */
typedef struct CustodyScan
{
	Relation	heap;
	Relation	index;
	SysScanDesc scan;
	HeapTuple	tuple;			/* current row */
	ScanDirection direction;
} CustodyScan;

extern void custody_catalog_scan_begin(CustodyScan *scan, CustodyRel rel,
									   CustodyIndex index, Snapshot snapshot,
									   ScanDirection direction,
									   int nkeys, ScanKey keys);
extern bool custody_catalog_scan_next(CustodyScan *scan);
extern void custody_catalog_scan_end(CustodyScan *scan);
extern Datum custody_catalog_getattr(CustodyScan *scan, int attnum, bool *isnull);
/* Column that is never NULL. */
extern Datum custody_catalog_get(CustodyScan *scan, int attnum);
/* A bytea or text column, detoasted; memory belongs to the current context. */
extern bytea *custody_catalog_get_bytea(CustodyScan *scan, int attnum);

/* A bytea of len bytes: a copy of data, or to be filled in if that is NULL. */
extern bytea *custody_catalog_bytea(const void *data, Size len);

/* Common scan key: btree strategy on an int8 or int4 column (Anum_...). */
extern void custody_catalog_key_int8(ScanKey key, int column,
									 StrategyNumber strategy, int64 value);
extern void custody_catalog_key_int4(ScanKey key, int column,
									 StrategyNumber strategy, int32 value);
/* Equality on a text column of collation C. */
extern void custody_catalog_key_text(ScanKey key, int column, const char *value);

#endif							/* CUSTODY_CATALOG_H */
