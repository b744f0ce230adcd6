/*
 * oneshot.c
 *	  What must not happen in the caller's transaction is done by a process
 *	  started for it.  SQL: seal, new_incarnation, rotate_key, rebuild_lookup,
 *	  cosign_checkpoint, witness_key.
 *
 * A signature must never come out of a transaction that can still roll back,
 * nor depend on the caller's isolation level.  So the caller starts a process
 * and waits for its end; request and answer, or the error to be raised again,
 * travel in a small DSM segment.  A caller that is cancelled leaves the
 * process to finish.
 *
 * Locks: callers in a database queue for a lock on the extension (as object,
 * CUSTODY_LOCK_ONESHOT), held while the process runs, so that many callers
 * need one slot for background workers.  The process takes locks of its own;
 * it waits for nothing that a caller usually holds, and a caller that locked
 * the ledger's relations itself waits until it is cancelled.
 */
#include "postgres.h"

#include "catalog/pg_extension.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/anchor.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosign.h"
#include "pg/error.h"
#include "pg/seal.h"
#include "pg/shmem.h"
#include "pg/worker.h"

#define TEXT_SIZE 1024
#define ANSWER_SIZE (Max(CC_NOTE_LINE_MAX, CC_VERIFIER_KEY_MAX) + 1)

PG_FUNCTION_INFO_V1(custody_sql_seal);
PG_FUNCTION_INFO_V1(custody_sql_new_incarnation);
PG_FUNCTION_INFO_V1(custody_sql_rebuild_lookup);
PG_FUNCTION_INFO_V1(custody_sql_rotate_key);
PG_FUNCTION_INFO_V1(custody_sql_cosign_checkpoint);
PG_FUNCTION_INFO_V1(custody_sql_witness_key);

typedef enum RequestKind
{
	REQUEST_SEAL,
	REQUEST_INCARNATION,		/* the request is the reason */
	REQUEST_REBUILD_LOOKUP,
	REQUEST_ROTATE,
	REQUEST_COSIGN,				/* the request is an add-checkpoint body */
	REQUEST_WITNESS_KEY
} RequestKind;

/* What the caller and its process tell each other. */
typedef struct OneShot
{
	RequestKind kind;
	Oid			database;
	bool		finished;		/* the process came to an end, good or bad */
	int			sqlstate;		/* 0 = good */
	uint64		number;			/* the answer, if it is a number */
	char		answer[ANSWER_SIZE];	/* or if it is a text */
	char		message[TEXT_SIZE];
	char		detail[TEXT_SIZE];
	char		hint[TEXT_SIZE];
	char		warning[TEXT_SIZE];
	Size		len;			/* of the request; a NUL follows */
	char		request[FLEXIBLE_ARRAY_MEMBER];
} OneShot;

/* In the process */

/* Copy a message, cut between characters. */
static void
copy_text(char *out, const char *text)
{
	int			len = text == NULL ? 0 : strlen(text);

	if (len >= TEXT_SIZE)
		len = pg_mbcliplen(text, len, TEXT_SIZE - 1);
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
}

static void
require_installed(bool installed)
{
	if (!installed)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_NOT_INSTALLED),
				 errmsg("extension \"pg_custody\" is not installed in this database"),
				 errdetail("The ledger is signed by another process, which sees only what has committed."),
				 errhint("Commit after CREATE EXTENSION, then try again.")));
}

static void
seal(OneShot *shot)
{
	CustodySealRequest request = {0};
	CustodySealResult result;
	char		error[TEXT_SIZE];

	request.begin = true;
	request.new_incarnation = shot->kind == REQUEST_INCARNATION ? shot->request : NULL;
	request.rotate = shot->kind == REQUEST_ROTATE;
	request.rebuild_lookup = shot->kind == REQUEST_REBUILD_LOOKUP;
	custody_seal_pass(&request, &result);
	require_installed(result.installed);
	if (shot->kind == REQUEST_INCARNATION)
		shot->number = result.incarnation;
	else if (shot->kind == REQUEST_ROTATE)
		shot->number = result.epoch;
	else if (shot->kind == REQUEST_REBUILD_LOOKUP)
		shot->number = (uint64) result.lookup_items;
	else
		shot->number = result.tree_size;
	if (custody_shmem_available())
	{
		/* Whatever kept the sealer from sealing is gone. */
		custody_shmem_set_error(CUSTODY_SEALER, "");
		custody_shmem_wake_sealer();
		custody_shmem_wake_anchorer();
	}
	else if (!custody_anchor_pass(error, sizeof(error)))
		copy_text(shot->warning, error);
}

static void
cosign(OneShot *shot)
{
	require_installed(shot->kind == REQUEST_COSIGN ?
					  custody_cosign(shot->request, shot->len, shot->answer) :
					  custody_cosign_key(shot->answer));
}

/* By request kind */
static const struct
{
	const char *function;		/* that was called */
	const char *title;			/* of the process */
	void		(*run) (OneShot *shot);
}			requests[] = {
	[REQUEST_SEAL] = {"custody.seal()", "pg_custody seal", seal},
	[REQUEST_INCARNATION] = {"custody.new_incarnation()", "pg_custody seal", seal},
	[REQUEST_REBUILD_LOOKUP] = {"custody.rebuild_lookup()", "pg_custody seal", seal},
	[REQUEST_ROTATE] = {"custody.rotate_key()", "pg_custody seal", seal},
	[REQUEST_COSIGN] = {"custody.cosign_checkpoint()", "pg_custody witness", cosign},
	[REQUEST_WITNESS_KEY] = {"custody.witness_key()", "pg_custody witness", cosign}
};

/* Main function of the process. */
void
custody_oneshot_main(Datum main_arg)
{
	dsm_segment *segment;
	OneShot    *shot;
	MemoryContext context;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "custody oneshot");
	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		return;					/* the caller is gone */
	dsm_pin_mapping(segment);
	shot = dsm_segment_address(segment);
	custody_worker_connect(shot->database, BGWORKER_BYPASS_ALLOWCONN);
	context = AllocSetContextCreate(TopMemoryContext, "custody oneshot",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		requests[shot->kind].run(shot);
	}
	PG_CATCH();
	{
		ErrorData  *error = custody_worker_recover(context, false);

		shot->sqlstate = error->sqlerrcode;
		copy_text(shot->message, error->message);
		copy_text(shot->detail, error->detail);
		copy_text(shot->hint, error->hint);
	}
	PG_END_TRY();
	shot->finished = true;
	dsm_detach(segment);
}

/* In the caller */

/* Start the process and wait for its end. */
static void
run_process(dsm_segment *segment, RequestKind kind)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	custody_worker_describe(&worker, "custody_oneshot_main",
							requests[kind].title, MyDatabaseId);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a process for %s", requests[kind].function),
				 errdetail("There is no free background worker slot."),
				 errhint("Try again, or raise max_worker_processes.")));
	if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
		ereport(FATAL,
				(errcode(ERRCODE_ADMIN_SHUTDOWN),
				 errmsg("postmaster exited during %s", requests[kind].function)));
	pfree(handle);
}

static void
raise_result(const OneShot *shot)
{
	if (!shot->finished)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SEALER_FAILED),
				 errmsg("process of %s ended without a result", requests[shot->kind].function),
				 errdetail("Nothing is lost: the next call goes on from there."),
				 errhint("See the server's log for the reason.")));
	if (shot->sqlstate != 0)
		ereport(ERROR,
				(errcode(shot->sqlstate),
				 errmsg_internal("%s", shot->message),
				 shot->detail[0] != '\0' ? errdetail_internal("%s", shot->detail) : 0,
				 shot->hint[0] != '\0' ? errhint("%s", shot->hint) : 0));
	if (shot->warning[0] != '\0')
		ereport(WARNING,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg_internal("%s", shot->warning),
				 errdetail("The log is sealed; the checkpoint has not been anchored."),
				 errhint("It is tried again at the next seal.  See the server's log for what the command said.")));
}

/* Have a request done; the result, palloc'd.  Raises what the process did. */
static OneShot *
run(RequestKind kind, const char *request, Size len)
{
	Size		size = offsetof(OneShot, request) + len + 1;
	OneShot    *copy = palloc(size);
	dsm_segment *segment;
	OneShot    *shot;
	LOCKTAG		queue;

	PreventCommandDuringRecovery(requests[kind].function);
	SET_LOCKTAG_OBJECT(queue, MyDatabaseId, ExtensionRelationId,
					   custody_catalog_extension(), CUSTODY_LOCK_ONESHOT);
	(void) LockAcquire(&queue, ExclusiveLock, false, false);
	segment = dsm_create(size, 0);
	shot = dsm_segment_address(segment);
	memset(shot, 0, size);
	shot->kind = kind;
	shot->database = MyDatabaseId;
	shot->len = len;
	if (len > 0)
		memcpy(shot->request, request, len);
	run_process(segment, kind);
	memcpy(copy, shot, size);
	dsm_detach(segment);
	LockRelease(&queue, ExclusiveLock, false);
	raise_result(copy);
	return copy;
}

/* custody.seal() returns bigint */
Datum
custody_sql_seal(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) run(REQUEST_SEAL, NULL, 0)->number);
}

/* custody.new_incarnation(reason text) returns integer */
Datum
custody_sql_new_incarnation(PG_FUNCTION_ARGS)
{
	text	   *reason = PG_GETARG_TEXT_PP(0);

	if (VARSIZE_ANY_EXHDR(reason) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a new incarnation needs a reason"),
				 errdetail("The reason becomes an entry of the ledger, for those who verify it."),
				 errhint("Say what happened, for instance which backup was restored and why.")));
	PG_RETURN_INT32((int32) run(REQUEST_INCARNATION, VARDATA_ANY(reason),
								VARSIZE_ANY_EXHDR(reason))->number);
}

/* custody.rebuild_lookup() returns bigint */
Datum
custody_sql_rebuild_lookup(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) run(REQUEST_REBUILD_LOOKUP, NULL, 0)->number);
}

/* custody.rotate_key() returns integer */
Datum
custody_sql_rotate_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) run(REQUEST_ROTATE, NULL, 0)->number);
}

/* custody.cosign_checkpoint(request text) returns text */
Datum
custody_sql_cosign_checkpoint(PG_FUNCTION_ARGS)
{
	text	   *request = PG_GETARG_TEXT_PP(0);

	custody_cosign_check_length(VARSIZE_ANY_EXHDR(request));
	PG_RETURN_TEXT_P(cstring_to_text(run(REQUEST_COSIGN, VARDATA_ANY(request),
										 VARSIZE_ANY_EXHDR(request))->answer));
}

/* custody.witness_key() returns text */
Datum
custody_sql_witness_key(PG_FUNCTION_ARGS)
{
	char	   *known = custody_cosign_known_key();

	if (known != NULL)
		PG_RETURN_TEXT_P(cstring_to_text(known));
	PG_RETURN_TEXT_P(cstring_to_text(run(REQUEST_WITNESS_KEY, NULL, 0)->answer));
}
