/*
 * audit.h
 *	  The verification engine: fed a ledger one item at a time, in log order,
 *	  it recomputes everything that can be recomputed from the bytes and
 *	  reports what does not agree.
 *
 * The same engine serves custody.verify() and pg_custody_verify.  It neither
 * allocates nor reads: the caller feeds items and hands in the schema version
 * an entry names (already decoded, from an entry the engine has seen).
 *
 * Order of calls, for each leaf in order:
 *		cc_audit_leaf()
 *		  cc_audit_entry() for each entry, in order	  (transaction record)
 *		cc_audit_leaf_end()
 *		cc_audit_checkpoint()						  (after a block's last leaf)
 * and cc_audit_end() at the end.  Each call appends findings to the caller's
 * cc_findings, which the caller empties as it likes between calls.
 */
#ifndef CC_AUDIT_H
#define CC_AUDIT_H

#include "core/checkpoint.h"
#include "core/encode.h"

typedef enum cc_finding_code
{
	CC_F_ENTRY_UNREADABLE,		/* committed part is not canonical */
	CC_F_ENTRY_ALTERED,			/* stored values do not open the entry's commitments */
	CC_F_ENTRIES_ALTERED,		/* a transaction's entries do not hash to its root */
	CC_F_ENTRIES_COUNT,			/* entries missing from or added to a transaction */
	CC_F_LEAF_UNREADABLE,		/* neither a canonical record nor a block header */
	CC_F_LEAF_ORDER,			/* leaf outside its block, or out of commit order */
	CC_F_BLOCK_CHAIN,			/* header does not continue the chain */
	CC_F_CHECKPOINT_UNREADABLE,
	CC_F_CHECKPOINT_MISMATCH,	/* checkpoint's size or root is not the log's */
	CC_F_CHECKPOINT_MISSING,	/* a block without its checkpoint */
	CC_F_SIGNATURE_INVALID,		/* no valid signature of the block's epoch */
	CC_F_EPOCH_VIOLATION,		/* epoch goes back, or has no key */
	CC_F_SCHEMA_UNKNOWN			/* entry names a schema version not seen */
} cc_finding_code;

typedef struct cc_finding
{
	cc_finding_code code;
	uint64_t	leaf;
	int64_t		entry;			/* entry number in its transaction, -1 = none */
	char		detail[160];	/* plain English; never row contents */
} cc_finding;

#define CC_FINDINGS_MAX 16
typedef struct cc_findings
{
	int			n;
	cc_finding	items[CC_FINDINGS_MAX];
} cc_findings;

/* Short stable text of a code, e.g. "entry_altered"; never NULL. */
extern const char *cc_finding_text(cc_finding_code code);

/* State struct, by lifetime. */
typedef struct cc_audit
{
	/* whole run */
	cc_frontier log;			/* leaves so far */
	uint64_t	blocks;			/* blocks begun */
	uint64_t	entries;		/* entries seen */
	uint64_t	transactions;
	bool		have_key;
	uint32_t	key_epoch;		/* newest key event seen */
	cc_vkey		key;
	/* the current block */
	bool		in_block;
	uint64_t	block_number;
	uint64_t	block_first;
	uint32_t	block_leaves;
	uint32_t	block_epoch;
	uint32_t	incarnation;
	char		origin[CC_ORIGIN_MAX + 1];
	uint64_t	last_commit_number;
	int64_t		block_time;
	/* the head after the previous block */
	bool		have_head;
	uint8_t		head_digest[CC_DIGEST_SIZE];
	/* the current leaf */
	bool		in_record;
	uint64_t	leaf_index;
	uint64_t	entry_count;	/* as the record says */
	uint8_t		entry_root[CC_DIGEST_SIZE];
	cc_frontier entry_tree;
	int			entry_faults;	/* entries of this leaf already complained of */
} cc_audit;

extern void cc_audit_init(cc_audit *a);
/* Hash of the leaf, for the caller's own comparison, is put in leaf_hash. */
extern void cc_audit_leaf(cc_audit *a, const void *leaf, size_t len,
						  uint8_t leaf_hash[CC_DIGEST_SIZE], cc_findings *f);
/*
 * Decode and check an entry's committed part.  On return *e is decoded (and
 * true is returned) or a finding was made (false).  For a row-level entry the
 * caller looks up its schema version and calls cc_audit_private next.
 */
extern bool cc_audit_entry(cc_audit *a, cc_entry *e, const void *committed, size_t len,
						   cc_findings *f);
/*
 * Check the private part against the commitments of the entry just given.
 * schema NULL = unknown version.  p is decoded for the caller's use; returns
 * false when it could not be (p->form then reads erased).
 */
extern bool cc_audit_private(cc_audit *a, const cc_entry *e, const cc_schema *schema,
							 cc_private *p, const void *data, size_t len,
							 cc_findings *f);
extern void cc_audit_leaf_end(cc_audit *a, cc_findings *f);
/* True when the leaf just ended was the last of its block. */
extern bool cc_audit_block_complete(const cc_audit *a);
/*
 * After a block's last leaf; note NULL = there is none.  On success the engine
 * holds the head; after a mismatch it goes on from the recomputed tree.
 * allow_missing: the last block of a live ledger may not be signed yet.
 */
extern void cc_audit_checkpoint(cc_audit *a, const char *note, size_t len,
								bool allow_missing, cc_findings *f);
extern void cc_audit_end(cc_audit *a, cc_findings *f);

#endif							/* CC_AUDIT_H */
