/*
 * verify.h
 *	  What the files of custody.verify() share.
 *
 * verify.c drives.  verify_ledger.c walks blocks and leaves (verify_walk.h),
 * verify_entries.c the entries of a transaction, verify_tree.c holds tiles,
 * checkpoints and anchors against the tree, verify_cosignature.c what witnesses
 * said of them, verify_events.c our tables against the control events,
 * verify_state.c live rows against the ledger (verify_state.h);
 * verify_ahead.c has parallel workers do most of this before the walk;
 * verify_capture.c looks at the triggers, verify_environment.c at everything
 * around them; verify_report.c makes the findings.
 */
#ifndef CUSTODY_VERIFY_H
#define CUSTODY_VERIFY_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/snapshot.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "core/audit.h"
#include "pg/reader.h"
#include "pg/schema.h"

#define CUSTODY_TAMPERING "tampering"
#define CUSTODY_WARNING "warning"
#define CUSTODY_NOTICE "notice"

#define CUSTODY_NO_LEAF (-1)

/* A schema version as verification knows it. */
typedef struct CustodyVerifyVersion
{
	uint32		version;		/* hash key */
	uint32		relation_id;
	Oid			leaf;			/* table whose rows it describes, by OID or,
								 * where that has gone, by name */
	Oid			stored_leaf;	/* OID in log_schema */
	bool		stored;			/* log_schema has a row */
	bool		announced;		/* a schema entry was read */
	bool		detached;		/* an entry says its table left */
	bool		readable;		/* schema is decoded */
	bytea	   *definition;		/* what schema's slices point into */
	cc_schema	schema;
} CustodyVerifyVersion;

/* Where in the ledger the current entry stands. */
typedef struct CustodyPlace
{
	int64		position;		/* order of transactions: leaf index, or
								 * beyond the log's size if not sealed */
	int64		leaf_index;		/* CUSTODY_NO_LEAF if not sealed */
	int64		txn_no;
	int64		entry_no;
} CustodyPlace;

struct CustodyVerifyTree;
struct CustodyVerifyState;
struct CustodyVerifyEvents;
struct CustodyVerifyEnvironment;
struct CustodyVerifyAhead;

typedef struct CustodyVerify
{
	/* fixed for the run */
	Snapshot	snapshot;
	MemoryContext context;		/* of the run */
	MemoryContext scratch;		/* reset per leaf, row or group */
	MemoryContext finding;		/* reset per finding of the engine */
	Oid			relation;		/* only this one's live rows, or InvalidOid */
	int64		since;			/* leaves before are taken as verified */
	List	   *protections;	/* of CustodyProtection * */
	/* findings */
	Tuplestorestate *store;
	TupleDesc	desc;
	HTAB	   *counts;			/* findings made, by code */
	/* of the ledger */
	HTAB	   *versions;		/* CustodyVerifyVersion by number */
	cc_audit   *audit;
	cc_findings found;			/* by the engine, not yet reported */
	CustodyPlace place;
	cc_private	private_part;	/* of the current entry */
	List	   *withheld;		/* first entries whose values are withheld:
								 * CustodyPlace * */
	HTAB	   *chunked;		/* numbers of transactions with chunks */
	List	   *suspects;		/* of the current leaf, whose marks differ:
								 * CustodyFinding * */
	bool		marks_wrong;	/* of the current leaf */
	struct CustodyVerifyLookup *lookup;
	cc_value   *own_values;		/* room of private_part */
	cc_value   *own_old_key;
	struct CustodyVerifyTree *tree;
	struct CustodyVerifyEvents *events;
	struct CustodyVerifyEnvironment *environment;
	struct CustodyVerifyState *state;
	struct CustodyVerifySets *sets;
	/* reading ahead of the walk */
	bool		ahead;			/* this is done now */
	struct CustodyVerifyAhead *read_ahead;	/* NULL: nothing was read ahead */
} CustodyVerify;

/* verify_report.c */

typedef struct CustodyFinding
{
	const char *severity;
	const char *code;
	const char *relation;		/* qualified name, or NULL */
	Datum		row_key;		/* jsonb, or 0 */
	int64		leaf_index;		/* CUSTODY_NO_LEAF = none */
	const char *message;
	const char *detail;			/* or NULL */
} CustodyFinding;

/* Findings of one code beyond this many are only counted. */
#define CUSTODY_FINDINGS_PER_CODE 1000

extern void custody_verify_report_init(CustodyVerify *v);
extern void custody_verify_report(CustodyVerify *v, const CustodyFinding *f);
/* Tampering that concerns no row. */
extern void custody_verify_tampering(CustodyVerify *v, const char *code,
									 const char *relation, int64 leaf_index,
									 const char *detail,
									 const char *format,...) pg_attribute_printf(6, 7);
/* Report what the engine found at the current place, and forget it. */
extern void custody_verify_report_found(CustodyVerify *v, const cc_entry *e,
										const CustodyVerifyVersion *version);
/* Row key of the entry whose private part was just decoded, or 0. */
extern Datum custody_verify_entry_key(CustodyVerify *v, const cc_entry *e,
									  const CustodyVerifyVersion *version);
/* Last: how many findings were left out. */
extern void custody_verify_report_omitted(CustodyVerify *v);
/* "transaction 7, entry 3" of the current place. */
extern char *custody_verify_where(const CustodyPlace *place);
/* Is there a table, partitioned or not, of that OID? */
extern bool custody_verify_is_table(Oid relid);
/* UTF-8 bytes in the database's encoding; "(unreadable)" if they are none. */
extern char *custody_verify_text(const uint8_t *data, uint64 len);
/* Qualified names. */
extern char *custody_verify_relname(Oid relid);
extern char *custody_verify_slice_name(cc_slice schema, cc_slice table);
extern char *custody_verify_version_name(const CustodyVerifyVersion *version);
/* Row key as jsonb from the values of the key columns, in key order. */
extern Datum custody_verify_row_key(const cc_schema *s, const cc_value *key);
/* The same from the values of all columns. */
extern Datum custody_verify_row_key_of(const cc_schema *s, const cc_value *row);

/* verify_events.c */

extern void custody_verify_events_init(CustodyVerify *v);
extern CustodyVerifyVersion *custody_verify_version(CustodyVerify *v, uint32 number);
/* Order of a list of CustodyVerifyVersion *, by number. */
extern int	custody_verify_compare_versions(const ListCell *a, const ListCell *b);
/* A control event was read at the current place. */
extern void custody_verify_event(CustodyVerify *v, const cc_entry *e);
/* Was the protection's entry read? */
extern bool custody_verify_announced(CustodyVerify *v, uint32 relation_id);
/* A good block header was read. */
extern void custody_verify_block_header(CustodyVerify *v, const cc_block *h, int64 leaf_index);
extern void custody_verify_events_end(CustodyVerify *v);
/* Fill an allocated version from definition bytes; false if not canonical. */
extern bool custody_verify_decode_version(CustodyVerifyVersion *version,
										  const void *data, size_t len);

/* verify_cosignature.c */

/* Every stored cosignature against its checkpoint. */
extern void custody_verify_cosignatures(CustodyVerify *v);

/* verify_environment.c */

extern void custody_verify_environment_init(CustodyVerify *v);
/* An environment entry was read at the current place. */
extern void custody_verify_environment_event(CustodyVerify *v, const cc_entry *e);
/* A block ended; whole: no leaf before is missing. */
extern void custody_verify_environment_block(CustodyVerify *v, bool whole);
/* Last: the environment as it is. */
extern void custody_verify_environment_end(CustodyVerify *v);

/* verify_tree.c */

/* Begin at a size; anchors: signed notes kept elsewhere, or NULL. */
extern void custody_verify_tree_init(CustodyVerify *v, ArrayType *anchors, int64 size);
/*
 * The hash of the next leaf; other: the one stored in log_leaf, or the same;
 * both NULL: unknown.
 */
extern void custody_verify_tree_leaf(CustodyVerify *v, const uint8 *hash, const uint8 *other);
/* The log stands at this size with this root: compare anchors. */
extern void custody_verify_tree_anchors(CustodyVerify *v, const cc_frontier *log);
/* The stored checkpoint of a size, NULL if there is none. */
extern char *custody_verify_checkpoint_note(CustodyVerify *v, int64 size);
/* Is the note signed by a key in log_key? */
extern bool custody_verify_signed(CustodyVerify *v, const cc_checkpoint *c);
extern void custody_verify_tree_end(CustodyVerify *v, int64 size);

/* verify_entries.c */

/* A transaction's row, and the leaf it makes. */
typedef struct CustodyTransaction
{
	CustodyTransactionRow row;
	bytea	   *bytes;			/* of the leaf */
	bool		readable;
	cc_record	record;			/* slices point into bytes */
} CustodyTransaction;

extern void custody_verify_entries_init(CustodyVerify *v);
/*
 * Read a transaction with the root over its entries as log_leaf has it, or
 * NULL.  False if there is no such row.  Allocates in the current context.
 */
extern bool custody_verify_load_transaction(CustodyVerify *v, uint64 xact_id, int64 txn_no,
											const uint8 *root, CustodyTransaction *t);
/* The table's columns against the record, at the current place. */
extern void custody_verify_transaction_columns(CustodyVerify *v, const CustodyTransaction *t);
/* Walk the transaction's entries under the schema versions known. */
extern void custody_verify_walk_begin(CustodyVerify *v, CustodyEntryWalk *walk,
									  const CustodyTransactionRow *row);
/* The transaction has chunks, if any. */
extern void custody_verify_note_chunks(CustodyVerify *v, const CustodyTransactionRow *row);
/* Root over the entries as they are. */
extern void custody_verify_root(CustodyVerify *v, const CustodyTransactionRow *row,
								uint8 root[CC_DIGEST_SIZE]);
/*
 * Check the entries of the transaction at the current place with the engine
 * a, or only read them if it is NULL.  marked: hold them against marks, given
 * as log_leaf has them, or NULL.
 */
extern void custody_verify_entries(CustodyVerify *v, cc_audit *a,
								   const CustodyTransactionRow *row,
								   bool marked, const bytea *marks);
/* After cc_audit_leaf_end: name the entries that were altered. */
extern void custody_verify_suspects(CustodyVerify *v, bool same_root);
/* Entries without readable values against the erasures that explain them. */
extern void custody_verify_withheld(CustodyVerify *v, const cc_audit *a);
/* Chunks of transactions that have no record. */
extern void custody_verify_lost_chunks(CustodyVerify *v);

/* verify_lookup.c */

extern void custody_verify_lookup_init(CustodyVerify *v);
/* Sum over the lookup numbers of sealed entries. */
typedef struct CustodyLookupSum
{
	int64		count;
	uint64		sum;
} CustodyLookupSum;

/* The key of the sums, drawn for this run. */
extern uint64 *custody_verify_lookup_key(CustodyVerify *v);
/* Add the numbers of a sealed entry that is as it was sealed. */
extern void custody_verify_lookup_weigh(CustodyVerify *v, const CustodyEntryWalk *walk,
										CustodyLookupSum *sum);
/* Such an entry, or entries, of the log. */
extern void custody_verify_lookup_entry(CustodyVerify *v, const CustodyEntryWalk *walk);
extern void custody_verify_lookup_add(CustodyVerify *v, const CustodyLookupSum *sum);
/* Some entry's lookup numbers are not known: log_lookup cannot be judged. */
extern void custody_verify_lookup_uncertain(CustodyVerify *v);
extern void custody_verify_lookup_end(CustodyVerify *v);

/* verify_sets.c */

extern void custody_verify_sets_init(CustodyVerify *v);
/* A block header was read that is the leaf it should be; NULL: one that is not. */
extern void custody_verify_sets_header(CustodyVerify *v, const cc_block *h);
/* Verification begins at v->since, after the block of this header. */
extern void custody_verify_sets_settle(CustodyVerify *v, const bytea *header,
									   const cc_frontier *log);
/* Are all tables settled by their set hashes? */
extern bool custody_verify_sets_settled(CustodyVerify *v);
/* After all leaves: what is stored against the last header. */
extern void custody_verify_sets_check(CustodyVerify *v, int64 size);
/* Are the rows that are compared with their entries to be added up as well? */
extern bool custody_verify_sets_compared(CustodyVerify *v);
struct CustodyLeafState;
/* Its rows are to be added up from now on. */
extern void custody_verify_sets_want(CustodyVerify *v, struct CustodyLeafState *leaf);
/* All rows that were read are in their sets now. */
extern void custody_verify_sets_flush(CustodyVerify *v);
/* A live row was read. */
extern void custody_verify_sets_live(CustodyVerify *v, struct CustodyLeafState *leaf,
									 const uint8 row_digest[CC_DIGEST_SIZE]);
/* After all rows: tables without a finding against their set hashes. */
extern void custody_verify_sets_confirm(CustodyVerify *v);

/* verify_ahead.c; see verify_ahead.h */

/* Have workers read the leaves that are to be verified, and the rows of large tables. */
extern void custody_verify_ahead_leaves(CustodyVerify *v);
/* Have workers only add up the rows of large tables. */
extern void custody_verify_ahead_tables(CustodyVerify *v);
/* Were the entries of this leaf found as they were sealed?  It is walked over. */
extern bool custody_verify_ahead_take(CustodyVerify *v, int64 leaf_index);
/* Was a record's leaf taken? */
extern bool custody_verify_ahead_taken(CustodyVerify *v, uint64 position);
/* After the walk: the lookup numbers of the leaves that were taken. */
extern void custody_verify_ahead_lookups(CustodyVerify *v);
/* The records that were made, sorted; ends them. */
extern Tuplesortstate *custody_verify_ahead_sorted(CustodyVerify *v);
extern void custody_verify_ahead_end(CustodyVerify *v);

/* verify_ledger.c */

extern void custody_verify_ledger(CustodyVerify *v, ArrayType *anchors);

/* verify_state.c; see verify_state.h */

extern void custody_verify_state_init(CustodyVerify *v);
/*
 * A row-level entry, truncate or detach was read at the current place, and
 * its private part is in v->private_part.
 */
extern void custody_verify_state_entry(CustodyVerify *v, const cc_entry *e,
									   const CustodyVerifyVersion *version,
									   cc_slice private_bytes);
extern void custody_verify_state(CustodyVerify *v);

/* verify_capture.c */

/* Is every relation of the ledger what it was made as?  False: not readable. */
extern bool custody_verify_own_relations(CustodyVerify *v);
extern void custody_verify_capture(CustodyVerify *v);

#endif							/* CUSTODY_VERIFY_H */
