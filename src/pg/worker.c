/*
 * worker.c
 *	  The sealer, the anchorer and the inspector of a database.
 *
 * Main loop of sealer and anchorer: reload settings if asked, make a pass if
 * it is due, wait on the latch until the next one is.  A pass that fails is
 * reported, noted for custody.status and tried again after a pause that
 * doubles up to a minute, or as soon as custody.seal() succeeds.  The processes
 * end by themselves, with code 0, when the extension is not there (any more).
 *
 * The sealer starts the others: the anchorer stays, the inspector verifies
 * once and ends, so that a verification that takes hours delays no seal.
 *
 * SIGTERM ends them at the next interrupt check.  SIGINT is ignored: a
 * cancelled wait for a synchronous standby would let an undurable block be
 * signed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/anchor.h"
#include "pg/guc.h"
#include "pg/inspect.h"
#include "pg/seal.h"
#include "pg/shmem.h"
#include "pg/worker.h"

#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS 60000
#define START_PAUSE_MS 10000
#define INSPECTION_LOOK_MS 10000

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

/* The database's defaults are made for applications. */
void
custody_worker_connect(Oid database, uint32 flags)
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

ErrorData *
custody_worker_recover(MemoryContext context, bool report)
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
		custody_shmem_set_error(CUSTODY_SEALER, custody_worker_recover(context, true)->message);
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

/* Start another process of the database, but not again and again. */
static void
start_process(const char *main, const char *title, TimestampTz *next_start)
{
	BackgroundWorker worker;
	TimestampTz now = GetCurrentTimestamp();

	if (now < *next_start)
		return;
	*next_start = TimestampTzPlusMilliseconds(now, START_PAUSE_MS);
	custody_worker_describe(&worker, main, title, MyDatabaseId);
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the process \"%s\"", title),
				 errdetail("There is no free background worker slot."),
				 errhint("Raise max_worker_processes.")));
}

/* See to it that somebody anchors, and knows of the new checkpoint. */
static void
call_anchorer(const CustodySealResult *last, TimestampTz *next_start)
{
	if (custody_anchor_command[0] == '\0' || !last->begun)
		return;
	if (!custody_shmem_is_running(CUSTODY_ANCHORER))
		start_process("custody_anchorer_main", "pg_custody anchorer", next_start);
	else if (last->sealed)
		custody_shmem_wake_anchorer();
}

/* See to it that somebody verifies when it is due. */
static void
call_inspector(const CustodySealResult *last, TimestampTz *next_look)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz at_once = now;

	if (!last->begun || now < *next_look)
		return;
	*next_look = TimestampTzPlusMilliseconds(now, custody_verify_interval > 0 ?
											 Min(INSPECTION_LOOK_MS, (int64) custody_verify_interval * 1000) :
											 INSPECTION_LOOK_MS);
	if (!custody_shmem_is_running(CUSTODY_INSPECTOR) && custody_inspect_due())
		start_process("custody_inspector_main", "pg_custody inspector", &at_once);
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
	TimestampTz next_inspection = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), INSPECTION_LOOK_MS);

	custody_worker_connect(DatumGetObjectId(main_arg), 0);
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
		call_inspector(&last, &next_inspection);
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
		strlcpy(error, custody_worker_recover(context, true)->message, sizeof(error));
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

	custody_worker_connect(DatumGetObjectId(main_arg), 0);
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

/* The inspector */

/* Main function of the process that verifies once and ends. */
void
custody_inspector_main(Datum main_arg)
{
	MemoryContext context;

	custody_worker_connect(DatumGetObjectId(main_arg), 0);
	if (!custody_shmem_attach(CUSTODY_INSPECTOR))
		proc_exit(0);
	context = AllocSetContextCreate(TopMemoryContext, "custody inspector",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	pgstat_report_activity(STATE_RUNNING, "verifying");
	PG_TRY();
	{
		custody_inspect_pass();
		custody_shmem_set_error(CUSTODY_INSPECTOR, "");
	}
	PG_CATCH();
	{
		custody_shmem_set_error(CUSTODY_INSPECTOR, custody_worker_recover(context, true)->message);
	}
	PG_END_TRY();
	pgstat_report_stat(true);
	proc_exit(0);
}
