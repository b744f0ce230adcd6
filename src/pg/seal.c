/*
 * seal.c
 *	  One sealing pass.
 *
 * A pass runs in a process of its own, never in the user's transaction: a
 * block must be committed and durable before its head is signed.  Its steps,
 * each a transaction:
 *
 *		look	is this the life the signer knows?
 *		begin	the ledger, or a new incarnation, when it must
 *		sign	the last block, if a crash left it unsigned
 *		retire	the key of an epoch that has ended: its files destroyed
 *		key		the incarnation's key and its entry, when it has none; or
 *				the next key and its entry, when it is time
 *		look	at the environment, and record what changed in it
 *		block	what committed since the last one, flushed whatever
 *				synchronous_commit says, and on the synchronous standbys
 *		sign	that block: memory durable, then the checkpoint stored; a
 *				block with the entry of the next key by both keys
 *		retire	the old one of these
 *		merge	runs of lookup numbers, where there are many
 *
 * Whatever step a crash follows, the next pass goes on from there: the same
 * head is signed again, a transaction is sealed once.
 *
 * Locks: one pass at a time in a database, by a session lock on the extension
 * (as object, ExclusiveLock), held over all steps and released whatever
 * happens.  Nothing else takes more than AccessShareLock on an extension but
 * ALTER and DROP EXTENSION, which wait for the pass to end.
 *
 * Transaction state: called outside any; READ COMMITTED is set by
 * custody_worker_connect(), so the snapshot of the block step is taken after
 * the lock.  Memory: a context for the pass, deleted at its end.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/copied.h"
#include "pg/environment.h"
#include "pg/error.h"
#include "pg/incarnation.h"
#include "pg/lookuprun.h"
#include "pg/pickup.h"
#include "pg/seal.h"
#include "pg/sealentries.h"
#include "pg/tablestate.h"
#include "pg/tree.h"

/* The extension whose locks this process takes. */
static Oid	locked_extension = InvalidOid;

/* Transactions */

void
custody_seal_begin(void)
{
	CHECK_FOR_INTERRUPTS();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

bool
custody_seal_begin_installed(void)
{
	Oid			extension;
	bool		installed;

	custody_seal_begin();
	installed = custody_catalog_installed();
	if (installed)
	{
		extension = custody_catalog_extension();
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
		installed = custody_catalog_installed() &&
			custody_catalog_extension() == extension;
	}
	if (!installed)
		custody_seal_commit();
	return installed;
}

void
custody_seal_commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Locks */

static void
set_tag(LOCKTAG *tag, int which)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, ExtensionRelationId,
					   locked_extension, which);
}

bool
custody_seal_lock(int which, bool dont_wait, bool *installed)
{
	LOCKTAG		tag;
	bool		locked = false;

	custody_seal_begin();
	*installed = custody_catalog_installed();
	if (*installed)
	{
		locked_extension = custody_catalog_extension();
		set_tag(&tag, which);
		locked = LockAcquire(&tag, ExclusiveLock, true, dont_wait) !=
			LOCKACQUIRE_NOT_AVAIL;
	}
	custody_seal_commit();
	return locked;
}

void
custody_seal_unlock(int which)
{
	LOCKTAG		tag;

	set_tag(&tag, which);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/* Signing */

static void
append_checkpoint(uint64 tree_size, const char *note)
{
	Datum		values[Anum_checkpoint_note];
	bool		nulls[Anum_checkpoint_note] = {0};

	values[Anum_checkpoint_tree_size - 1] = Int64GetDatum((int64) tree_size);
	values[Anum_checkpoint_note - 1] = CStringGetTextDatum(note);
	custody_catalog_insert(CUSTODY_LOG_CHECKPOINT, values, nulls);
}

/*
 * Sign the last block unless that is done.  The block must be of the present
 * incarnation: the key of an older one is not ours any more.
 */
static void
sign_step(CustodySealResult *result)
{
	CustodyLife life;
	CustodySigner signer = {0};
	bool		first;
	char	   *note;

	custody_seal_begin();
	custody_incarnation_load(&life);
	if (custody_incarnation_owns(&life, &life.last) && !life.last.is_signed)
	{
		first = !custody_incarnation_owns(&life, &life.before);
		signer.folder = life.ring.folder;
		signer.epoch = life.last.epoch;
		signer.origin = life.last.origin;
		signer.verifier_key = custody_ledger_verifier_key(life.last.epoch);
		if (signer.verifier_key == NULL)
			custody_check_ledger(CC_E_KEY, psprintf("key of epoch %u", signer.epoch));
		if (custody_incarnation_hands_over(&life))
			signer.successor = life.key.verifier_key;
		note = custody_keyring_sign(&life.ring, &signer, &life.cluster,
									first ? NULL : &life.before.head,
									&life.last.head);
		append_checkpoint(life.last.head.size, note);
		result->sealed = true;
	}
	custody_seal_commit();
}

/*
 * Destroy the keys of the epochs before the next block's.  The checkpoint that
 * ends the last of them was stored by a transaction that has been flushed.
 */
static void
retire_step(void)
{
	CustodyLife life;

	custody_seal_begin();
	custody_incarnation_load(&life);
	if (life.same && life.last.is_signed && !life.key_pending)
		custody_keyring_destroy(&life.ring, life.epoch);
	custody_seal_commit();
}

/* The block */

static bytea *
encode_header(const cc_block *block)
{
	cc_writer	w;
	bytea	   *header;

	cc_writer_init(&w, NULL, 0);
	cc_write_block(&w, block);
	header = custody_catalog_bytea(NULL, w.len);
	cc_writer_init(&w, VARDATA(header), w.len);
	cc_write_block(&w, block);
	return header;
}

static bytea *
make_header(const CustodyLife *life, const CustodyBatch *batch, TimestampTz now)
{
	const CustodyBlock *last = &life->last;
	cc_block	block;

	if (batch->n >= PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many transactions for one block: %zu", batch->n)));
	memset(&block, 0, sizeof(block));
	block.number = last->exists ? last->number + 1 : 0;
	block.first_leaf = last->head.size;
	block.leaves = (uint32) batch->n + 1;
	block.epoch = life->epoch;
	block.incarnation = life->incarnation.number;
	block.time = now +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	if (last->exists)
		cc_checkpoint_digest(block.previous, last->origin, last->head.size,
							 last->head.root);
	custody_environment_fingerprint(block.environment);
	block.origin = custody_canonical_slice(life->incarnation.origin);
	block.snapshot = custody_canonical_slice(custody_pickup_snapshot());
	block.has_state = true;
	custody_tablestate_seal(last, batch, GetActiveSnapshot(), block.state);
	return encode_header(&block);
}

static void
append_leaves(CustodyTree *tree, int64 block_no, bytea *header, const CustodyBatch *batch)
{
	CustodyLookupWriter *lookups = custody_lookup_writer_begin(block_no);
	CustodySealer *sealer = custody_sealer_begin(tree, lookups);
	uint8		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, VARDATA(header), VARSIZE(header) - VARHDRSZ);
	custody_tree_append(tree, NULL, hash);
	for (Size i = 0; i < batch->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		custody_sealer_transaction(sealer, &batch->items[i]);
	}
	custody_sealer_end(sealer);
	(void) custody_lookup_writer_end(lookups);
}

static void
append_block(const CustodyLife *life, const CustodyBatch *batch,
			 CustodySealResult *result)
{
	TimestampTz now = GetCurrentTimestamp();
	bytea	   *header = make_header(life, batch, now);
	CustodyTree *tree = palloc(sizeof(CustodyTree));
	Datum		values[Anum_block_frontier];
	bool		nulls[Anum_block_frontier] = {0};
	int64		block_no = life->last.exists ? (int64) life->last.number + 1 : 0;

	custody_tree_open(tree, &life->last.frontier);
	append_leaves(tree, block_no, header, batch);
	custody_tree_close(tree);
	values[Anum_block_block_no - 1] = Int64GetDatum(block_no);
	values[Anum_block_tree_size - 1] = Int64GetDatum((int64) tree->frontier.size);
	values[Anum_block_header - 1] = PointerGetDatum(header);
	values[Anum_block_frontier - 1] =
		PointerGetDatum(custody_catalog_bytea((uint8 *) tree->frontier.nodes,
								   cc_frontier_count(&tree->frontier) * CC_DIGEST_SIZE));
	custody_catalog_insert(CUSTODY_LOG_BLOCK, values, nulls);
	result->tree_size = tree->frontier.size;
	result->last_block = now;
}

/*
 * Write a block of what committed since the last one, if there is any or
 * 'heartbeat'.  The transaction has no id before its snapshot is taken, so
 * that after recovery no id the snapshot knows is given out again.
 */
static bool
block_step(bool heartbeat, CustodySealResult *result)
{
	CustodyLife life;
	CustodyBatch batch;
	bool		continues;
	bool		wanted;

	custody_seal_begin();
	custody_incarnation_load(&life);
	if (!life.same)
		custody_incarnation_refuse(&life);
	result->begun = true;
	result->incarnation = life.incarnation.number;
	result->epoch = life.key.epoch;
	result->tree_size = life.last.head.size;
	result->last_block = life.last.exists ? life.last.time : 0;
	continues = custody_incarnation_owns(&life, &life.last);
	custody_pickup(&batch, continues ? life.last.snapshot : NULL, GetActiveSnapshot(),
				   maintenance_work_mem * (Size) 1024);
	wanted = batch.n > 0 || heartbeat;
	if (wanted)
	{
		append_block(&life, &batch, result);
		ForceSyncCommit();
	}
	custody_seal_commit();
	return wanted;
}

/* Lookups */

/* Merge runs; a merge is a transaction of its own and holds nobody up. */
static void
merge_step(void)
{
	bool		merged;

	do
	{
		custody_seal_begin();
		merged = custody_lookup_merge(GetActiveSnapshot());
		custody_seal_commit();
	} while (merged);
}

/* Make all runs again. */
static void
rebuild_step(CustodySealResult *result)
{
	CustodyLife life;
	CustodyLookupWriter *writer;

	custody_seal_begin();
	custody_incarnation_load(&life);
	custody_lookup_clear(GetActiveSnapshot());
	writer = custody_lookup_writer_begin(life.last.exists ? (int64) life.last.number : 0);
	custody_sealer_collect(writer);
	result->lookup_items = custody_lookup_writer_end(writer);
	custody_seal_commit();
}

/* The pass */

/* What the first step found to be done. */
typedef struct Plan
{
	bool		first;			/* begin the ledger */
	const char *reason;			/* begin a new incarnation */
	bool		key;			/* make the incarnation's key, or the next */
	bool		sign;			/* the last block is not signed */
	bool		retire;			/* the key of an ended epoch may be there */
} Plan;

/*
 * Is the ledger, or part of it, still being loaded from a dump?  A sealer that
 * nobody asked waits for the end; one that was asked raises.  An incarnation
 * without any block may be the first table of a dump that was loaded.
 */
static bool
still_loading(const CustodyLife *life, bool asked)
{
	bool		begun = life->incarnation.number != 0;

	if (begun && life->same)
		return false;
	if (custody_copied_complete(life))
	{
		if (asked)
			return false;
		if (begun)
			return !life->last.exists ||
				(life->copied && !custody_copied_captures());
		return !custody_copied_any_native();
	}
	if (asked || (begun && !life->copied))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("ledger is not complete"),
				 errdetail("A part of it that was sealed is not there; perhaps a dump is still being restored."),
				 errhint("Seal when the restore has ended.  If it has, run \"SELECT * FROM custody.verify()\" to see what is missing.")));
	return true;
}

/* Look where ledger and signer stand; false if there is nothing to do. */
static bool
look_step(const CustodySealRequest *request, MemoryContext context, Plan *plan)
{
	CustodyLife life;
	bool		go_on = true;

	memset(plan, 0, sizeof(*plan));
	custody_seal_begin();
	custody_incarnation_load(&life);
	if (still_loading(&life, request->begin))
		go_on = false;
	else if (life.incarnation.number == 0)
		plan->first = true;
	else if (request->new_incarnation != NULL)
		plan->reason = request->new_incarnation;
	else if (!life.same && life.explanation != NULL)
		plan->reason = MemoryContextStrdup(context, life.explanation);
	else if (!life.same)
		custody_incarnation_refuse(&life);
	plan->key = plan->first || plan->reason != NULL || life.key_pending ||
		life.rotating ||
		(life.same && (request->rotate || custody_incarnation_key_due(&life)));
	plan->sign = life.same && life.last.exists && !life.last.is_signed;
	plan->retire = plan->sign || (life.same && life.epoch > 1 &&
								  custody_keys_exists(life.ring.folder, life.epoch - 1));
	custody_seal_commit();
	return go_on;
}

/* Begin the ledger or a new incarnation. */
static void
begin_step(const Plan *plan)
{
	CustodyLife life;

	custody_seal_begin();
	custody_incarnation_load(&life);
	if (plan->first)
		custody_incarnation_first(&life);
	else
		(void) custody_incarnation_next(&life, plan->reason);
	custody_seal_commit();
}

/*
 * Make the incarnation's key if it has none, else the next one.  One that is
 * announced but not sealed yet is the next one already.
 */
static void
key_step(void)
{
	CustodyLife life;

	custody_seal_begin();
	custody_incarnation_load(&life);
	if (life.key_pending || (life.same && life.key_sealed))
		custody_incarnation_make_key(&life);
	custody_seal_commit();
}

/* Record what changed in the environment, if it is time to look. */
static void
environment_step(bool force)
{
	if (!custody_environment_due(force))
		return;
	custody_seal_begin();
	custody_environment_record();
	custody_seal_commit();
}

static void
locked_pass(const CustodySealRequest *request, MemoryContext context,
			CustodySealResult *result)
{
	Plan		plan;

	if (!look_step(request, context, &plan))
		return;
	if (plan.sign)
		sign_step(result);
	if (plan.retire)
		retire_step();
	if (plan.first || plan.reason != NULL)
		begin_step(&plan);
	if (plan.key)
		key_step();
	environment_step(request->heartbeat || request->begin);
	if (block_step(request->heartbeat, result))
		sign_step(result);
	if (plan.key)
		retire_step();
	if (request->rebuild_lookup)
		rebuild_step(result);
	if (result->sealed)
		merge_step();
}

void
custody_seal_pass(const CustodySealRequest *request, CustodySealResult *result)
{
	MemoryContext context;

	memset(result, 0, sizeof(*result));
	if (!custody_seal_lock(CUSTODY_LOCK_SEAL, false, &result->installed))
		return;
	context = AllocSetContextCreate(TopMemoryContext, "custody sealing pass",
									ALLOCSET_SMALL_SIZES);
	PG_TRY();
	{
		locked_pass(request, context, result);
	}
	PG_FINALLY();
	{
		custody_seal_unlock(CUSTODY_LOCK_SEAL);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
}
