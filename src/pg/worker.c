/*
 * worker.c
 *	  The sealer and the anchorer of a database, and the one-shot sealer
 *	  behind custody.seal().
 *
 * Main loop of sealer and anchorer: reload settings if asked, make a pass if
 * it is due, wait on the latch until the next one is.  A pass that fails is
 * reported, noted for custody.status and tried again after a pause that
 * doubles up to a minute, or as soon as custody.seal() succeeds.  The processes end by themselves, with code 0, when
 * the extension is not there (any more).
 *
 * SIGTERM ends them at the next interrupt check.  SIGINT is ignored: a
 * cancelled wait for a synchronous standby would let an undurable block be
 * signed.
 *
 * custody.seal() starts a one-shot worker and waits for it; arguments and
 * result, or the error to be raised again, travel in a small DSM segment.  A
 * caller that is cancelled leaves the worker to finish.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "pg/anchor.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/seal.h"
#include "pg/shmem.h"
#include "pg/worker.h"

#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS 60000
#define ANCHORER_START_MS 10000
#define TEXT_SIZE 1024

PG_FUNCTION_INFO_V1(custody_sql_seal);
PG_FUNCTION_INFO_V1(custody_sql_new_incarnation);

/* What custody.seal() and its worker tell each other. */
typedef struct OneShot
{
	Oid			database;
	bool		finished;		/* the worker came to an end, good or bad */
	int			sqlstate;		/* 0 = good */
	uint64		tree_size;
	uint32		incarnation;
	char		message[TEXT_SIZE];
	char		detail[TEXT_SIZE];
	char		hint[TEXT_SIZE];
	char		warning[TEXT_SIZE];
	bool		has_reason;
	char		reason[FLEXIBLE_ARRAY_MEMBER];
} OneShot;

/* When to do something again that may fail. */
typedef struct Schedule
{
	TimestampTz due;
	int			pause;			/* ms; 0 = the last time was good */
} Schedule;

/* Set-up */

void
custody_worker_describe(BackgroundWorker *worker, const char *main,
						const char *title, Oid database)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "pg_custody", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, main, BGW_MAXLEN);
	strlcpy(worker->bgw_type, title, BGW_MAXLEN);
	if (OidIsValid(database))
		snprintf(worker->bgw_name, BGW_MAXLEN, "%s for database %u", title, database);
	else
		strlcpy(worker->bgw_name, title, BGW_MAXLEN);
	worker->bgw_main_arg = ObjectIdGetDatum(database);
	worker->bgw_notify_pid = MyProcPid;
}

static void
set_option(const char *name, const char *value)
{
	/* Not every server version has every one. */
	if (GetConfigOption(name, true, false) != NULL)
		SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Connect, whatever the database's defaults are: they are made for
 * applications.
 */
static void
connect_database(Oid database, uint32 flags)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, SIG_IGN);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, flags);

	set_option("default_transaction_isolation", "read committed");
	set_option("default_transaction_read_only", "off");
	set_option("default_transaction_deferrable", "off");
	set_option("statement_timeout", "0");
	set_option("transaction_timeout", "0");
	set_option("lock_timeout", "0");
	set_option("idle_in_transaction_session_timeout", "0");
	set_option("idle_session_timeout", "0");
	set_option("search_path", "pg_catalog");
	set_option("row_security", "off");
	set_option("synchronous_commit", "on");
	set_option("session_replication_role", "origin");
	set_option("custody.synchronous_seal", "off");
	set_option("custody.context_actor", "");
	set_option("custody.context_extra", "");
	set_option("custody.context_purpose", "");
	set_option("custody.context_reason", "");
	set_option("application_name", MyBgworkerEntry->bgw_type);
}

/* Clean up after an error; its data, in the given context. */
static ErrorData *
recover(MemoryContext context, bool report)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	HOLD_INTERRUPTS();
	error = CopyErrorData();
	if (report)
		EmitErrorReport();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	LWLockReleaseAll();
	pgstat_report_wait_end();
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(context);
	RESUME_INTERRUPTS();
	return error;
}

/*
 * What the loops do between passes: end if told to, without the fuss of an
 * error, and reload the settings if asked.
 */
static void
follow_signals(void)
{
	if (ProcDiePending)
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* The next time is soon after a failure, later after another. */
static void
plan_retry(Schedule *schedule)
{
	schedule->pause = schedule->pause == 0 ? FIRST_PAUSE_MS :
		Min(schedule->pause * 2, LONGEST_PAUSE_MS);
	schedule->due = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												schedule->pause);
}

static void
wait_until(TimestampTz due)
{
	long		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Max(ms, 1), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

/* The sealer */

/* Is a block due although nothing happens? */
static bool
heartbeat_due(const CustodySealResult *last, TimestampTz now)
{
	return custody_heartbeat_interval > 0 && last->begun &&
		TimestampDifferenceExceeds(last->last_block, now,
								   custody_heartbeat_interval * 1000);
}

/* Make a pass; false if it failed. */
static bool
try_seal(MemoryContext context, CustodySealResult *last)
{
	CustodySealRequest request = {0};
	CustodySealResult result;
	uint64		number = custody_shmem_begin_pass();
	volatile bool good = false;

	request.heartbeat = heartbeat_due(last, GetCurrentTimestamp());
	pgstat_report_activity(STATE_RUNNING, "sealing");
	PG_TRY();
	{
		custody_seal_pass(&request, &result);
		good = true;
	}
	PG_CATCH();
	{
		custody_shmem_set_error(CUSTODY_SEALER, recover(context, true)->message);
	}
	PG_END_TRY();
	if (!good)
		return false;
	*last = result;
	custody_shmem_end_pass(number);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return true;
}

/* See to it that somebody anchors, and knows of the new checkpoint. */
static void
call_anchorer(const CustodySealResult *last, TimestampTz *next_start)
{
	BackgroundWorker worker;
	TimestampTz now = GetCurrentTimestamp();

	if (custody_anchor_command[0] == '\0' || !last->begun)
		return;
	if (custody_shmem_has_anchorer())
	{
		if (last->sealed)
			custody_shmem_wake_anchorer();
		return;
	}
	if (now < *next_start)
		return;
	*next_start = TimestampTzPlusMilliseconds(now, ANCHORER_START_MS);
	custody_worker_describe(&worker, "custody_anchorer_main",
							"pg_custody anchorer", MyDatabaseId);
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the anchorer"),
				 errdetail("There is no free background worker slot."),
				 errhint("Raise max_worker_processes.")));
}

static void
seal_if_due(MemoryContext context, Schedule *schedule, CustodySealResult *last)
{
	TimestampTz now = GetCurrentTimestamp();

	/* The interval may have become shorter. */
	if (schedule->pause == 0)
		schedule->due = Min(schedule->due,
							TimestampTzPlusMilliseconds(now, custody_seal_interval));
	if (now < schedule->due &&
		!(schedule->pause > 0 ? custody_shmem_error_cleared(CUSTODY_SEALER) :
		  custody_shmem_pass_wanted()))
	{
		last->sealed = false;
		return;
	}
	if (!try_seal(context, last))
	{
		plan_retry(schedule);
		return;
	}
	schedule->pause = 0;
	schedule->due = TimestampTzPlusMilliseconds(now, custody_seal_interval);
	if (!last->installed)
	{
		custody_shmem_forget();
		proc_exit(0);
	}
}

/* Main function of a database's sealer. */
void
custody_sealer_main(Datum main_arg)
{
	MemoryContext context;
	Schedule	schedule = {0};
	CustodySealResult last = {0};
	TimestampTz next_anchorer = 0;

	connect_database(DatumGetObjectId(main_arg), 0);
	if (!custody_shmem_attach(CUSTODY_SEALER))
		proc_exit(0);
	context = AllocSetContextCreate(TopMemoryContext, "custody sealer",
									ALLOCSET_SMALL_SIZES);
	for (;;)
	{
		follow_signals();
		if (custody_shmem_sent_away())
			proc_exit(0);
		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		seal_if_due(context, &schedule, &last);
		call_anchorer(&last, &next_anchorer);
		wait_until(schedule.due);
	}
}

/* The anchorer */

/* Make a pass; false if it or the command failed. */
static bool
try_anchor(MemoryContext context)
{
	char		error[CUSTODY_ERROR_SIZE];
	volatile bool good = false;

	PG_TRY();
	{
		good = custody_anchor_pass(error, sizeof(error));
	}
	PG_CATCH();
	{
		strlcpy(error, recover(context, true)->message, sizeof(error));
	}
	PG_END_TRY();
	custody_shmem_set_error(CUSTODY_ANCHORER, good ? "" : error);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return good;
}

/*
 * Main function of a database's anchorer, which the sealer starts when there
 * is a command.  It looks again from time to time: a checkpoint may also come
 * from custody.seal().
 */
void
custody_anchorer_main(Datum main_arg)
{
	MemoryContext context;
	Schedule	schedule = {0};

	connect_database(DatumGetObjectId(main_arg), 0);
	if (!custody_shmem_attach(CUSTODY_ANCHORER))
		proc_exit(0);
	context = AllocSetContextCreate(TopMemoryContext, "custody anchorer",
									ALLOCSET_SMALL_SIZES);
	for (;;)
	{
		follow_signals();
		if (custody_anchor_command[0] == '\0')
			proc_exit(0);
		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		if (schedule.pause > 0 && GetCurrentTimestamp() < schedule.due)
			 /* wait */ ;
		else if (!try_anchor(context))
			plan_retry(&schedule);
		else
		{
			schedule.pause = 0;
			schedule.due = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													   LONGEST_PAUSE_MS);
		}
		wait_until(schedule.due);
	}
}

/* custody.seal() */

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
seal_once(OneShot *shot)
{
	CustodySealRequest request = {0};
	CustodySealResult result;
	char		error[TEXT_SIZE];

	request.begin = true;
	request.new_incarnation = shot->has_reason ? shot->reason : NULL;
	custody_seal_pass(&request, &result);
	if (!result.installed)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_NOT_INSTALLED),
				 errmsg("extension \"pg_custody\" is not installed in this database"),
				 errdetail("A seal is made by another process, which sees only what has committed."),
				 errhint("Commit after CREATE EXTENSION, then seal.")));
	shot->tree_size = result.tree_size;
	shot->incarnation = result.incarnation;
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

/* Main function of the worker behind custody.seal(). */
void
custody_oneshot_main(Datum main_arg)
{
	dsm_segment *segment;
	OneShot    *shot;
	MemoryContext context;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "custody seal");
	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		return;					/* the caller is gone */
	dsm_pin_mapping(segment);
	shot = dsm_segment_address(segment);
	connect_database(shot->database, BGWORKER_BYPASS_ALLOWCONN);
	context = AllocSetContextCreate(TopMemoryContext, "custody seal",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		seal_once(shot);
	}
	PG_CATCH();
	{
		ErrorData  *error = recover(context, false);

		shot->sqlstate = error->sqlerrcode;
		copy_text(shot->message, error->message);
		copy_text(shot->detail, error->detail);
		copy_text(shot->hint, error->hint);
	}
	PG_END_TRY();
	shot->finished = true;
	dsm_detach(segment);
}

/* Start the worker and wait for its end. */
static void
run_worker(dsm_segment *segment)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	custody_worker_describe(&worker, "custody_oneshot_main",
							"pg_custody seal", MyDatabaseId);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a process to seal the ledger"),
				 errdetail("There is no free background worker slot."),
				 errhint("Try again, or raise max_worker_processes.")));
	if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
		ereport(FATAL,
				(errcode(ERRCODE_ADMIN_SHUTDOWN),
				 errmsg("postmaster exited while the ledger was being sealed")));
	pfree(handle);
}

static void
raise_result(const OneShot *shot)
{
	if (!shot->finished)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SEALER_FAILED),
				 errmsg("sealing process ended without a result"),
				 errdetail("Nothing is lost: the next seal goes on from there."),
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

/* Seal in another process; its result, palloc'd. */
static OneShot *
seal_elsewhere(const char *reason)
{
	Size		len = reason == NULL ? 0 : strlen(reason);
	Size		size = offsetof(OneShot, reason) + len + 1;
	dsm_segment *segment;
	OneShot    *shot;
	OneShot    *copy = palloc(size);

	PreventCommandDuringRecovery(reason == NULL ? "custody.seal()" :
								 "custody.new_incarnation()");
	segment = dsm_create(size, 0);
	shot = dsm_segment_address(segment);
	memset(shot, 0, size);
	shot->database = MyDatabaseId;
	shot->has_reason = reason != NULL;
	if (reason != NULL)
		memcpy(shot->reason, reason, len);
	run_worker(segment);
	memcpy(copy, shot, size);
	dsm_detach(segment);
	raise_result(copy);
	return copy;
}

/* custody.seal() returns bigint */
Datum
custody_sql_seal(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) seal_elsewhere(NULL)->tree_size);
}

/* custody.new_incarnation(reason text) returns integer */
Datum
custody_sql_new_incarnation(PG_FUNCTION_ARGS)
{
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (reason[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a new incarnation needs a reason"),
				 errdetail("The reason becomes an entry of the ledger, for those who verify it."),
				 errhint("Say what happened, for instance which backup was restored and why.")));
	PG_RETURN_INT32((int32) seal_elsewhere(reason)->incarnation);
}
