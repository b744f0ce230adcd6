/*
 * launcher.c
 *	  Starts a sealer in every database that has the extension.
 *
 * Only a process in a database can tell whether the extension is there, so the
 * launcher starts a sealer in each database in turn; one without extension
 * ends at once and is tried again after a minute, or when somebody in it asks.
 * One start at a time is under way, so that databases without extension never
 * use up the background worker slots.
 *
 * A sealer is a session in its database, which must have none to be dropped,
 * renamed, moved or copied as template.  A utility hook sends it away before
 * such a command of somebody who may give it; it comes back some seconds
 * later.
 *
 * The launcher is connected to no database and reads pg_database only.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/shmem.h"
#include "pg/worker.h"

#define SCAN_MS 10000
#define RETRY_MS 60000
#define WANTED_MS 1000
#define NO_SLOT_MS 10000
#define RESTART_S 5

/* A database that may have the extension. */
typedef struct Candidate
{
	Oid			database;
	TimestampTz tried;			/* last start; 0 = never */
	bool		exists;			/* in the scan under way */
} Candidate;

static List *candidates = NIL;
static BackgroundWorkerHandle *starting = NULL;
static Oid	starting_database = InvalidOid;
static TimestampTz no_slot_until = 0;
static ProcessUtility_hook_type previous_utility_hook = NULL;

/* Databases */

static Candidate *
find_candidate(Oid database)
{
	ListCell   *lc;
	Candidate  *candidate;
	MemoryContext old;

	foreach(lc, candidates)
	{
		candidate = lfirst(lc);
		if (candidate->database == database)
			return candidate;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	candidate = palloc0(sizeof(Candidate));
	candidate->database = database;
	candidates = lappend(candidates, candidate);
	MemoryContextSwitchTo(old);
	return candidate;
}

/* Note which databases there are to connect to. */
static void
scan_databases(void)
{
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	ListCell   *lc;

	foreach(lc, candidates)
		((Candidate *) lfirst(lc))->exists = false;
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (database->datallowconn && !database->datistemplate)
			find_candidate(database->oid)->exists = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	foreach(lc, candidates)
	{
		Candidate  *candidate = lfirst(lc);

		if (!candidate->exists)
		{
			candidates = foreach_delete_current(candidates, lc);
			pfree(candidate);
		}
	}
}

/* Starting */

static void
start_sealer(Candidate *candidate)
{
	BackgroundWorker worker;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	custody_worker_describe(&worker, "custody_sealer_main",
							"pg_custody sealer", candidate->database);
	if (RegisterDynamicBackgroundWorker(&worker, &starting))
		starting_database = candidate->database;
	else
	{
		starting = NULL;
		no_slot_until = TimestampTzPlusMilliseconds(candidate->tried, NO_SLOT_MS);
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a sealer for database %u", candidate->database),
				 errdetail("There is no free background worker slot."),
				 errhint("Raise max_worker_processes.")));
	}
	MemoryContextSwitchTo(old);
}

/* When a database is to be tried, at the earliest. */
static TimestampTz
due_time(const Candidate *candidate)
{
	if (candidate->tried == 0)
		return 0;
	return TimestampTzPlusMilliseconds(candidate->tried,
									   custody_shmem_is_wanted(candidate->database) ?
									   WANTED_MS : RETRY_MS);
}

/* Start the sealer that is most overdue; returns when the next one is due. */
static TimestampTz
start_next(TimestampTz now)
{
	TimestampTz next = DT_NOEND;
	Candidate  *chosen = NULL;
	ListCell   *lc;

	foreach(lc, candidates)
	{
		Candidate  *candidate = lfirst(lc);
		TimestampTz due = due_time(candidate);

		if (custody_shmem_is_occupied(candidate->database) || due >= next)
			continue;
		next = due;
		chosen = candidate;
	}
	if (chosen != NULL)
		next = Max(next, no_slot_until);
	if (next > now)
		return next;
	chosen->tried = now;
	start_sealer(chosen);
	return now;
}

/* Has the sealer that was started last come up, or gone again? */
static void
check_started(void)
{
	pid_t		pid;

	if (starting != NULL &&
		(GetBackgroundWorkerPid(starting, &pid) == BGWH_STOPPED ||
		 custody_shmem_is_occupied(starting_database)))
	{
		pfree(starting);
		starting = NULL;
	}
}

static void
wait_until(TimestampTz due)
{
	long		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Max(ms, WANTED_MS), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

void
custody_launcher_main(Datum main_arg)
{
	TimestampTz next_scan = 0;
	uint64		kicks = 0;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, SIG_IGN);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	if (!custody_shmem_attach_launcher())
		proc_exit(0);
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz next = next_scan;

		if (ProcDiePending)
			proc_exit(1);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (now >= next_scan || kicks != custody_shmem_launcher_kicks())
		{
			kicks = custody_shmem_launcher_kicks();
			scan_databases();
			next_scan = TimestampTzPlusMilliseconds(now, SCAN_MS);
		}
		check_started();
		if (starting == NULL)
			next = start_next(now);
		wait_until(Min(next, next_scan));
	}
}

/* Sending sealers away */

static void
send_away(const char *name)
{
	Oid			database = get_database_oid(name, true);

	if (OidIsValid(database) && custody_compat_owns_database(database))
		custody_shmem_send_away(database);
}

static const char *
template_of(const CreatedbStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return "template1";
}

static bool
moves_database(const AlterDatabaseStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		if (strcmp(((DefElem *) lfirst(lc))->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

/* Does the command need a database without sessions? */
static void
make_room(Node *stmt)
{
	if (IsA(stmt, DropdbStmt))
		send_away(((DropdbStmt *) stmt)->dbname);
	else if (IsA(stmt, CreatedbStmt))
		send_away(template_of((CreatedbStmt *) stmt));
	else if (IsA(stmt, RenameStmt) &&
			 ((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
		send_away(((RenameStmt *) stmt)->subname);
	else if (IsA(stmt, AlterDatabaseStmt) &&
			 moves_database((AlterDatabaseStmt *) stmt))
		send_away(((AlterDatabaseStmt *) stmt)->dbname);
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest,
				QueryCompletion *completion)
{
	make_room(pstmt->utilityStmt);
	if (previous_utility_hook)
		previous_utility_hook(pstmt, query, read_only_tree, context, params,
							  environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params,
								environment, dest, completion);
}

void
custody_worker_init(void)
{
	BackgroundWorker worker;

	/* pg_upgrade needs the databases for itself. */
	if (IsBinaryUpgrade)
		return;
	custody_worker_describe(&worker, "custody_launcher_main",
							"pg_custody launcher", InvalidOid);
	worker.bgw_restart_time = RESTART_S;
	worker.bgw_notify_pid = 0;
	RegisterBackgroundWorker(&worker);
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
