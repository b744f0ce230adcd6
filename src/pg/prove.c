/*
 * prove.c
 *	  Proofs about the log: a leaf is in it, it only grew.  SQL: tlog_proof,
 *	  prove_consistency.
 *
 * A proof is checked against the signed root before it is handed out: one that
 * does not verify would be evidence against an honest server.
 *
 * Reads under the active snapshot, on a hot standby as well; writes nothing.
 * Locks: AccessShareLock while a relation is scanned.  Memory: current context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/tlogproof.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosignature.h"
#include "pg/error.h"
#include "pg/prove.h"
#include "pg/treehash.h"

PG_FUNCTION_INFO_V1(custody_sql_tlog_proof);
PG_FUNCTION_INFO_V1(custody_sql_prove_consistency);

/*
 * The first checkpoint of a size in a direction from a size; NULL if there is
 * none.  *found is its size.
 */
static text *
load_note(StrategyNumber strategy, ScanDirection direction, int64 size,
		  Snapshot snapshot, int64 *found)
{
	ScanKeyData key;
	CustodyScan scan;
	text	   *note = NULL;

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, strategy, size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT,
							   CUSTODY_CHECKPOINT_PKEY, snapshot, direction, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		*found = DatumGetInt64(custody_catalog_get(&scan, Anum_checkpoint_tree_size));
		note = custody_catalog_get_bytea(&scan, Anum_checkpoint_note);
	}
	custody_catalog_scan_end(&scan);
	return note;
}

static void
refuse_unsigned(int64 size, Snapshot snapshot)
{
	int64		below;
	int64		above;
	bool		has_below = load_note(BTLessStrategyNumber, BackwardScanDirection,
									  size, snapshot, &below) != NULL;
	bool		has_above = load_note(BTGreaterStrategyNumber, ForwardScanDirection,
									  size, snapshot, &above) != NULL;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no checkpoint of size " INT64_FORMAT, size),
			 errdetail("Only the size of the log after a block is signed."),
			 has_below && has_above ?
			 errhint("The nearest sizes are " INT64_FORMAT " and " INT64_FORMAT ".",
					 below, above) :
			 errhint("The nearest size is " INT64_FORMAT ".", has_below ? below : above)));
}

CustodySigned *
custody_prove_signed(const int64 *size, Snapshot snapshot)
{
	CustodySigned *result = palloc(sizeof(CustodySigned));
	int64		latest;
	int64		found;

	result->note = load_note(BTLessEqualStrategyNumber, BackwardScanDirection,
							 PG_INT64_MAX, snapshot, &latest);
	if (result->note == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing has been sealed yet"),
				 errdetail("A proof leads to a signed checkpoint, and there is none."),
				 errhint("Run \"SELECT custody.seal()\".")));
	found = latest;
	if (size != NULL && *size != latest)
		result->note = load_note(BTEqualStrategyNumber, ForwardScanDirection,
								 *size, snapshot, &found);
	if (result->note == NULL)
		refuse_unsigned(*size, snapshot);
	result->note = custody_cosignature_note(result->note, found, snapshot);
	custody_check_ledger(cc_checkpoint_parse(&result->checkpoint,
											 VARDATA_ANY(result->note),
											 VARSIZE_ANY_EXHDR(result->note)),
						 psprintf("checkpoint of size " INT64_FORMAT, found));
	if (result->checkpoint.size != (uint64) found)
		custody_check_ledger(CC_E_VALUE, psprintf("checkpoint of size " INT64_FORMAT, found));
	return result;
}

/* Hashes of the subtrees that a proof consists of. */
static void
read_hashes(cc_tlog_proof *p, const cc_subtree *nodes, int n, Snapshot snapshot)
{
	CustodyTreeHash *t = custody_treehash_begin(snapshot);

	Assert(n <= lengthof(p->hashes));
	for (int i = 0; i < n; i++)
		custody_treehash_get(t, &nodes[i], p->hashes[i]);
	p->nhashes = n;
	pfree(t);
}

/* What is stored does not lead to what was signed. */
static void
refuse_altered(const CustodySigned *signed_log)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("stored hashes do not lead to the checkpoint of size " UINT64_FORMAT,
					signed_log->checkpoint.size),
			 errdetail("A proof made of them would not verify."),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

static void
append_note(StringInfo out, const CustodySigned *signed_log)
{
	appendBinaryStringInfo(out, VARDATA_ANY(signed_log->note),
						   VARSIZE_ANY_EXHDR(signed_log->note));
}

void
custody_prove_inclusion(cc_tlog_proof *p, uint64 leaf_index,
						const uint8 leaf_hash[CC_DIGEST_SIZE],
						const CustodySigned *signed_log, Snapshot snapshot)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	int			n;

	p->number = leaf_index;
	custody_check_ledger(cc_proof_inclusion_nodes(nodes, &n, leaf_index,
												  signed_log->checkpoint.size),
						 "leaf index");
	read_hashes(p, nodes, n, snapshot);
	if (cc_tlog_proof_check(p, &signed_log->checkpoint, leaf_hash) != CC_OK)
		refuse_altered(signed_log);
}

void
custody_prove_leaf(StringInfo out, uint64 leaf_index,
				   const uint8 leaf_hash[CC_DIGEST_SIZE],
				   const CustodySigned *signed_log, Snapshot snapshot)
{
	cc_tlog_proof *p = palloc0(sizeof(cc_tlog_proof));
	char		text[CC_TLOG_PROOF_MAX + 1];

	custody_prove_inclusion(p, leaf_index, leaf_hash, signed_log, snapshot);
	appendBinaryStringInfo(out, text, (int) cc_tlog_proof_format(text, p));
	append_note(out, signed_log);
	pfree(p);
}

/* custody.tlog_proof(leaf_index bigint, tree_size bigint) returns text */
Datum
custody_sql_tlog_proof(PG_FUNCTION_ARGS)
{
	Snapshot	snapshot = GetActiveSnapshot();
	StringInfoData out;
	CustodySigned *signed_log;
	cc_subtree	leaf = {0, 1};
	uint8		hash[CC_DIGEST_SIZE];
	int64		index;
	int64		size;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	index = PG_GETARG_INT64(0);
	size = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	signed_log = custody_prove_signed(PG_ARGISNULL(1) ? NULL : &size, snapshot);
	if (index < 0 || (uint64) index >= signed_log->checkpoint.size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("leaf " INT64_FORMAT " is not in the log of size " UINT64_FORMAT,
						index, signed_log->checkpoint.size),
				 errdetail("Leaves are numbered from 0 to the size of the log less one."),
				 errhint("Run \"SELECT custody.seal()\" if the transaction is not sealed yet.")));
	leaf.first = (uint64) index;
	custody_treehash_get(custody_treehash_begin(snapshot), &leaf, hash);
	initStringInfo(&out);
	custody_prove_leaf(&out, leaf.first, hash, signed_log, snapshot);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

void
custody_prove_growth(cc_tlog_proof *p, const CustodySigned *old_log,
					 const CustodySigned *new_log, Snapshot snapshot)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	int			n;

	p->number = old_log == NULL ? 0 : old_log->checkpoint.size;
	if (cc_proof_consistency_nodes(nodes, &n, p->number,
								   new_log->checkpoint.size) != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a log of size " UINT64_FORMAT " did not grow to size " UINT64_FORMAT,
						p->number, new_log->checkpoint.size),
				 errdetail("The old size is greater than the new one."),
				 errhint("Give the old size first.")));
	read_hashes(p, nodes, n, snapshot);
	if (old_log != NULL &&
		cc_add_checkpoint_check(p, &new_log->checkpoint,
								old_log->checkpoint.root) != CC_OK)
		refuse_altered(new_log);
}

/* custody.prove_consistency(old_size bigint, new_size bigint) returns text */
Datum
custody_sql_prove_consistency(PG_FUNCTION_ARGS)
{
	Snapshot	snapshot = GetActiveSnapshot();
	cc_tlog_proof *p = palloc0(sizeof(cc_tlog_proof));
	char		text[CC_TLOG_PROOF_MAX + 1];
	StringInfoData out;
	CustodySigned *old_log = NULL;
	CustodySigned *new_log;
	int64		old_size;
	int64		new_size;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	old_size = PG_GETARG_INT64(0);
	new_size = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	new_log = custody_prove_signed(PG_ARGISNULL(1) ? NULL : &new_size, snapshot);
	if (old_size != 0)			/* a witness that has seen nothing */
		old_log = custody_prove_signed(&old_size, snapshot);
	custody_prove_growth(p, old_log, new_log, snapshot);
	initStringInfo(&out);
	appendBinaryStringInfo(&out, text, (int) cc_add_checkpoint_format(text, p));
	append_note(&out, new_log);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
