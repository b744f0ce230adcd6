/*
 * anchor.c
 *	  Hand checkpoints to custody.anchor_command, in the manner of
 *	  archive_command: one file at a time, in order, again until the command
 *	  succeeds.
 *
 * A checkpoint is anchored after it is durable, by a process of its own, so
 * that a slow command delays no seal.  A crash between command and row in
 * log_anchor runs the command again for the same checkpoint: it must accept a
 * file that it has seen.
 *
 * The command runs in its own process group, so that it can be ended with all
 * its children when this process is told to end; the server's shutdown does
 * not wait for it.
 *
 * Locks: a session lock on the extension (CUSTODY_LOCK_ANCHOR), not waited
 * for: whoever holds it does the work.  Transaction state: called outside any.
 * The command runs outside a transaction and holds back no vacuum.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access/stratnum.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/anchor.h"
#include "pg/catalog.h"
#include "pg/guc.h"
#include "pg/ledger.h"
#include "pg/seal.h"

#define POLL_MS 1000
#define END_TRIES 100
#define END_TRY_USEC 10000

/* A checkpoint to be anchored. */
typedef struct Task
{
	int64		tree_size;
	char	   *note;
	char	   *path;
} Task;

/* What to anchor */

static int64
last_anchored(void)
{
	CustodyScan scan;
	int64		tree_size = -1;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_ANCHOR, CUSTODY_ANCHOR_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection,
							   0, NULL);
	if (custody_catalog_scan_next(&scan))
		tree_size = DatumGetInt64(custody_catalog_get(&scan, Anum_anchor_tree_size));
	custody_catalog_scan_end(&scan);
	return tree_size;
}

/* Load the first checkpoint after a size, in the current context. */
static bool
load_next(int64 after, Task *task)
{
	ScanKeyData key;
	CustodyScan scan;
	bool		found;

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size,
							 BTGreaterStrategyNumber, after);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT,
							   CUSTODY_CHECKPOINT_PKEY, GetActiveSnapshot(),
							   ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
	{
		task->tree_size = DatumGetInt64(custody_catalog_get(&scan, Anum_checkpoint_tree_size));
		task->note = TextDatumGetCString(custody_catalog_get(&scan, Anum_checkpoint_note));
	}
	custody_catalog_scan_end(&scan);
	return found;
}

/* Find the next checkpoint and write its file; false if there is none. */
static bool
find_task(MemoryContext context, Task *task)
{
	MemoryContext old;
	CustodyIncarnation incarnation;
	bool		found;

	if (!custody_seal_begin_installed())
		return false;
	old = MemoryContextSwitchTo(context);
	found = load_next(last_anchored(), task);
	if (found)
	{
		char	   *folder;

		custody_ledger_incarnation(&incarnation);
		folder = custody_keys_folder(&incarnation.ledger_id);
		custody_keys_make_folder(folder);
		folder = psprintf("%s/anchor", folder);
		custody_keys_make_folder(folder);
		task->path = psprintf("%s/" INT64_FORMAT ".note", folder, task->tree_size);
		custody_keys_write_file(task->path, task->note, strlen(task->note));
	}
	MemoryContextSwitchTo(old);
	custody_seal_commit();
	return found;
}

static void
append_anchor(int64 tree_size)
{
	Datum		values[Anum_anchor_anchored_at];
	bool		nulls[Anum_anchor_anchored_at] = {0};

	if (!custody_seal_begin_installed())
		return;
	values[Anum_anchor_tree_size - 1] = Int64GetDatum(tree_size);
	values[Anum_anchor_anchored_at - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	custody_catalog_insert(CUSTODY_LOG_ANCHOR, values, nulls);
	custody_seal_commit();
}

/* The command */

/* Put in %p, %s and %%; anything else stays as it is. */
static char *
build_command(const char *command, const Task *task)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (const char *p = command; *p != '\0'; p++)
	{
		if (p[0] == '%' && p[1] == 'p')
			appendStringInfoString(&buf, task->path);
		else if (p[0] == '%' && p[1] == 's')
			appendStringInfo(&buf, INT64_FORMAT, task->tree_size);
		else if (p[0] == '%' && p[1] == '%')
			appendStringInfoChar(&buf, '%');
		else
		{
			appendStringInfoChar(&buf, *p);
			continue;
		}
		p++;
	}
	return buf.data;
}

/* A child has ended: let the wait go on. */
static void
handle_child(SIGNAL_ARGS)
{
	int			save_errno = errno;

	SetLatch(MyLatch);
	errno = save_errno;
}

/* In the child: become the command. */
static void
exec_command(const char *command)
{
	int			null = open("/dev/null", O_RDONLY);

	if (null >= 0)
		(void) dup2(null, STDIN_FILENO);
	(void) setsid();
	(void) signal(SIGINT, SIG_DFL);
	(void) signal(SIGPIPE, SIG_DFL);
	(void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
	_exit(127);
}

/* End the command and all it started. */
static void
end_command(pid_t child)
{
	int			status;

	(void) kill(-child, SIGTERM);
	(void) kill(child, SIGTERM);
	for (int i = 0; i < END_TRIES; i++)
	{
		if (waitpid(child, &status, WNOHANG) != 0)
			return;
		pg_usleep(END_TRY_USEC);
	}
	(void) kill(-child, SIGKILL);
	(void) kill(child, SIGKILL);
	(void) waitpid(child, &status, 0);
}

/* Wait for the command; its wait status, or -1 with errno set. */
static int
wait_command(pid_t child)
{
	int			status;

	for (;;)
	{
		pid_t		ended = waitpid(child, &status, WNOHANG);

		if (ended == child)
			return status;
		if (ended < 0 && errno != EINTR)
			return -1;
		if (ProcDiePending)
		{
			end_command(child);
			proc_exit(1);
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 POLL_MS, WAIT_EVENT_ARCHIVE_COMMAND);
		ResetLatch(MyLatch);
	}
}

static int
run_command(const char *command)
{
	pid_t		child;
	int			status;

	fflush(NULL);
	pqsignal(SIGCHLD, handle_child);
	child = fork();
	if (child == 0)
		exec_command(command);
	status = child < 0 ? -1 : wait_command(child);
	pqsignal(SIGCHLD, SIG_DFL);
	return status;
}

static bool
run_task(const Task *task, char *error, size_t size)
{
	char	   *command = build_command(custody_anchor_command, task);
	int			status;

	pgstat_report_activity(STATE_RUNNING,
						   psprintf("anchoring checkpoint of size " INT64_FORMAT,
									task->tree_size));
	status = run_command(command);
	if (status == 0)
		return true;
	snprintf(error, size, "anchor command failed for size " INT64_FORMAT ": %s",
			 task->tree_size,
			 status == -1 ? strerror(errno) : wait_result_to_str(status));
	ereport(LOG,
			(errmsg("%s", error),
			 errdetail("The failed anchor command was: %s", command)));
	return false;
}

static bool
locked_pass(MemoryContext context, char *error, size_t size)
{
	Task		task;

	while (custody_anchor_command[0] != '\0' && find_task(context, &task))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		done = run_task(&task, error, size);

		MemoryContextSwitchTo(old);
		if (!done)
			return false;
		append_anchor(task.tree_size);
		(void) unlink(task.path);
		MemoryContextReset(context);
	}
	return true;
}

bool
custody_anchor_pass(char *error, size_t size)
{
	MemoryContext context;
	bool		installed;
	volatile bool done = true;

	error[0] = '\0';
	if (!custody_seal_lock(CUSTODY_LOCK_ANCHOR, true, &installed))
		return true;
	context = AllocSetContextCreate(TopMemoryContext, "custody anchoring",
									ALLOCSET_SMALL_SIZES);
	PG_TRY();
	{
		done = locked_pass(context, error, size);
	}
	PG_FINALLY();
	{
		custody_seal_unlock(CUSTODY_LOCK_ANCHOR);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	return done;
}
