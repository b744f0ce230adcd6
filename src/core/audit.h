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
 *
 * One fault, one finding.  Every hash after a bad leaf differs, so from the
 * first signed checkpoint that is not the recomputed tree's the engine is
 * "diverged": it then holds later headers against the checkpoints as signed,
 * only counts the checkpoints whose root it cannot confirm, and reports that
 * count at the end, as it does for entries of a schema version that is
 * missing.  A caller that has the hashes stored continues with
 * cc_audit_resume instead and keeps the full check.  Values a header states
 * become the measure for later headers only with a good signature.
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
	CC_F_EPOCH_VIOLATION,		/* a block or key entry is not of the epoch that it must be */
	CC_F_KEY_UNPROVEN,			/* key entry without a proof that the key is held */
	CC_F_HANDOVER_UNSIGNED,		/* an epoch ends without the next key's signature */
	CC_F_SCHEMA_UNKNOWN,		/* entry names a schema version not seen */
	/* Made by callers, from what they hold besides the ledger. */
	CC_F_KEY_UNTRUSTED,			/* signed by a key the caller does not trust */
	CC_F_KEY_ORDER,				/* a key trusted before the one that signed has not signed */
	CC_F_ANCHOR_MISMATCH,		/* the log never had this anchor's root */
	CC_F_ANCHOR_BEYOND,			/* the log ends before this anchor's size */
	CC_F_COSIGNATURE_INVALID,	/* a trusted witness's line does not verify */
	CC_F_QUORUM_MISSING,		/* witnesses have not cosigned as a policy asks */
	CC_F_ENVIRONMENT_MISMATCH	/* environment entries do not add up to the
								 * fingerprint in a header */
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
	uint64_t	dropped;		/* made while items was full */
	cc_finding	items[CC_FINDINGS_MAX];
} cc_findings;

/* Short stable text of a code, e.g. "entry_altered"; never NULL. */
extern const char *cc_finding_text(cc_finding_code code);
/* Append a finding, or count it as dropped; the detail is cut to fit. */
extern void cc_finding_add(cc_findings *f, cc_finding_code code,
						   uint64_t leaf, int64_t entry,
						   const char *format, ...)
			__attribute__((format(printf, 5, 6)));

/* Keys announced last; of them one signs and at most one is to follow. */
#define CC_AUDIT_KEYS 8
/* Undefined schema versions remembered so as to report each once. */
#define CC_AUDIT_UNKNOWN 8

typedef struct cc_audit_key
{
	uint32_t	epoch;
	cc_vkey		key;
} cc_audit_key;

/*
 * By how much a stated number exceeds the counted one.  A jump is a finding;
 * staying at the new distance, or going back to the one before, is none.
 */
typedef struct cc_audit_drift
{
	uint64_t	now;
	uint64_t	before;
} cc_audit_drift;

/* State struct, by lifetime. */
typedef struct cc_audit
{
	/* whole run */
	cc_frontier log;			/* leaves so far */
	uint64_t	blocks;			/* blocks begun */
	uint64_t	entries;		/* entries seen */
	uint64_t	transactions;
	uint64_t	withheld;		/* row-level entries erased or redacted */
	uint64_t	erasures;		/* sum of the counts of erasure entries */
	int			nkeys;
	int			oldest_key;		/* replaced when keys is full */
	cc_audit_key keys[CC_AUDIT_KEYS];
	int			nunknown;		/* schema versions reported as unknown */
	uint64_t	unknown[CC_AUDIT_UNKNOWN];
	uint64_t	unopened;		/* more entries of those versions */
	bool		resumed;		/* no header seen since a cold resume */
	bool		diverged;		/* the signed tree is not the recomputed one */
	uint64_t	unconfirmed;	/* checkpoints passed over while diverged */
	cc_audit_drift size_drift;	/* first leaf and size, against log.size */
	cc_audit_drift number_drift;	/* block number, against blocks */
	bool		sequence_known;	/* last_announced is: not after a cold resume */
	uint32_t	last_announced; /* epoch of the last key entry */
	bool		keyless;		/* keyless_epoch was complained of */
	uint32_t	keyless_epoch;
	/* the last block with a good signature */
	bool		past_last;		/* it is the last block */
	bool		have_past;
	uint32_t	past_epoch;
	uint32_t	past_incarnation;
	char		past_origin[CC_ORIGIN_MAX + 1];
	/* the current block */
	bool		in_block;
	bool		lost;			/* its header is missing or unreadable */
	bool		overrun;		/* leaves beyond its count complained of */
	uint64_t	block_number;
	uint64_t	block_first;	/* index of the header in log */
	uint32_t	block_leaves;
	uint32_t	block_epoch;
	uint32_t	incarnation;
	char		origin[CC_ORIGIN_MAX + 1];
	bool		have_commit_number;
	uint64_t	last_commit_number;
	int64_t		block_time;
	uint8_t		block_environment[CC_DIGEST_SIZE];
	uint32_t	handover;		/* epoch announced in it to follow its own, 0 = none */
	bool		handover_proven;
	uint32_t	next_epoch;		/* announced so in the block before */
	/* a block that had no checkpoint, until the next header excuses it */
	bool		owed;
	uint64_t	owed_leaf;
	uint64_t	owed_block;
	uint32_t	owed_incarnation;
	/* the head after the previous block */
	bool		have_head;
	uint8_t		head_digest[CC_DIGEST_SIZE];
	int			signer;			/* in keys, of the last checkpoint; -1 none */
	int			successor;		/* in keys, to whom it hands over soundly; -1 none */
	/* the current leaf */
	bool		in_record;
	bool		leaf_unreadable;
	uint64_t	leaf_index;
	uint64_t	entry_count;	/* as the record says */
	uint8_t		entry_root[CC_DIGEST_SIZE];
	cc_frontier entry_tree;
	uint8_t		entry_hash[CC_DIGEST_SIZE];	/* of the last entry */
	int			entry_faults;	/* findings about entries of this leaf */
	cc_salter  *salter;
} cc_audit;

/* The salter is the caller's, and used within cc_audit_private alone. */
extern void cc_audit_init(cc_audit *a, cc_salter *salter);
/*
 * Continue between two blocks from the frontier the caller has stored for
 * there, origin being that of the block before (NULL at size 0).  On a fresh
 * engine the next header's block number is taken as it comes, and so are epoch
 * and incarnation but for cc_audit_past(); cc_audit_key_add() supplies the
 * keys announced earlier.
 */
extern void cc_audit_resume(cc_audit *a, const cc_frontier *log,
							const char *origin);
/*
 * After a resume on a fresh engine: what the last block before said and, if
 * the caller knows them, the last epoch announced before (else 0) and the one
 * announced in that very block to follow its own (else 0).
 */
extern void cc_audit_past(cc_audit *a, const cc_block *last, uint32_t announced, uint32_t next_epoch);
/*
 * Make known a key of an epoch, as its key entry would.  CC_E_MISMATCH when
 * the epoch has another key of this type.
 */
extern cc_status cc_audit_key_add(cc_audit *a, uint32_t epoch,
								  const cc_vkey *key) CC_CHECK_RESULT;
/* Hash of the leaf, for the caller's own comparison, is put in leaf_hash. */
extern void cc_audit_leaf(cc_audit *a, const void *leaf, size_t len,
						  uint8_t leaf_hash[CC_DIGEST_SIZE], cc_findings *f);
/*
 * Decode and check an entry's committed part.  On return *e is decoded (and
 * true is returned) or a finding was made (false).  After true the caller
 * looks up the schema version of a row-level entry and calls
 * cc_audit_private.
 */
extern bool cc_audit_entry(cc_audit *a, cc_entry *e,
						   const void *committed, size_t len,
						   cc_findings *f);
/*
 * Check the private part against the commitments of the entry just given;
 * that of an entry of another kind must be empty (schema is not used).
 * schema NULL = unknown version.  p is decoded for the caller's use; returns
 * false when it could not be (p->form then reads erased).  Values of a
 * redacted part are checked but not left in p.
 */
extern bool cc_audit_private(cc_audit *a, const cc_entry *e,
							 const cc_schema *schema, cc_private *p,
							 const void *data, size_t len, cc_findings *f);
extern void cc_audit_leaf_end(cc_audit *a, cc_findings *f);
/*
 * Instead of the entries of a transaction record and cc_audit_leaf_end(): the
 * caller has found that they are row-level, whole, as many as the record
 * counts and hash to its root.
 */
extern void cc_audit_entries_checked(cc_audit *a);
/*
 * After a block's last leaf; note NULL = there is none.  On success the engine
 * holds the head; after a mismatch it goes on from the recomputed tree, with
 * a->diverged set.  a->signer tells whose signature was good, and
 * a->successor whose key it hands over to: one that is announced in the block
 * with a proof, of a tree that is the signed one, and signed it, too.
 * allow_missing: the last block of a live ledger may not be signed yet.  Nor
 * need the last block of an incarnation be: a standby may be promoted that has
 * it but not its checkpoint, and the next header names the head all the same.
 */
extern void cc_audit_checkpoint(cc_audit *a, const char *note, size_t len,
								bool allow_missing, cc_findings *f);
extern void cc_audit_end(cc_audit *a, cc_findings *f);

#endif							/* CC_AUDIT_H */
