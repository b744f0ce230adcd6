/*
 * shmem.c
 *	  Shared memory of the preloaded library.
 *
 * One LWLock, shared->lock, protects every field of CustodyShared and of its
 * slots, but for the condition variables, which protect themselves.  It is
 * held for a few instructions only; latches are set while it is held, so that
 * the process they belong to cannot be gone.
 *
 * A slot belongs to a database from the first sealer or waiter on; it is given
 * back when the sealer finds no extension there.  'requested' and 'done' count
 * generations: a waiter draws a number by raising 'requested', a pass that
 * begins notes 'requested', and when it has succeeded everything up to that
 * number is sealed.
 *
 * After a crash the postmaster makes all this anew, so a pid found here is
 * that of a living process, cleared by its exit callback.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/timestamp.h"

#include "pg/shmem.h"

#define MAX_SLOTS 64
#define TRANCHE "pg_custody"
#define AWAY_MS 2000
#define WAIT_MS 1000

/* A process that can be woken; pid 0 = none. */
typedef struct CustodyProcess
{
	pid_t		pid;
	Latch	   *latch;
	char		error[CUSTODY_ERROR_SIZE];
} CustodyProcess;

typedef struct CustodySlot
{
	Oid			database;		/* InvalidOid = free */
	CustodyProcess processes[CUSTODY_NUM_ROLES];
	TimestampTz away_until;		/* no process may attach before */
	uint64		requested;		/* last number drawn */
	uint64		done;			/* everything up to it is sealed */
	ConditionVariable sealed;	/* broadcast when 'done' has moved */
} CustodySlot;

typedef struct CustodyShared
{
	LWLock	   *lock;
	pid_t		launcher_pid;
	Latch	   *launcher_latch;
	uint64		kicks;			/* times the launcher was woken on purpose */
	CustodySlot slots[MAX_SLOTS];
} CustodyShared;

static CustodyShared *shared = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* Set-up */

static void
request(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(CustodyShared)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
startup(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct(TRANCHE, sizeof(CustodyShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(CustodyShared));
		shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
		for (int i = 0; i < MAX_SLOTS; i++)
			ConditionVariableInit(&shared->slots[i].sealed);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
custody_shmem_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
}

bool
custody_shmem_available(void)
{
	return shared != NULL;
}

/* Slots.  The caller holds the lock. */

static CustodySlot *
find_slot(Oid database)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		if (shared->slots[i].database == database)
			return &shared->slots[i];
	return NULL;
}

/* The database's slot, or a free one that becomes it, or NULL. */
static CustodySlot *
claim_slot(Oid database)
{
	CustodySlot *slot = find_slot(database);

	if (slot == NULL)
	{
		slot = find_slot(InvalidOid);
		if (slot == NULL)
			return NULL;
		slot->database = database;
		memset(slot->processes, 0, sizeof(slot->processes));
		slot->away_until = 0;
		slot->requested = 0;
		slot->done = 0;
	}
	return slot;
}

static void
wake(CustodyProcess *process)
{
	SetLatch(process->latch);
}

/* Waking */

static void
kick_launcher(void)
{
	shared->kicks++;
	if (shared->launcher_pid != 0)
		SetLatch(shared->launcher_latch);
}

void
custody_shmem_wake_launcher(void)
{
	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	(void) claim_slot(MyDatabaseId);
	kick_launcher();
	LWLockRelease(shared->lock);
}

static void
wake_role(CustodyRole role)
{
	CustodySlot *slot;

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL && slot->processes[role].pid != 0)
		wake(&slot->processes[role]);
	else if (role == CUSTODY_SEALER)
	{
		(void) claim_slot(MyDatabaseId);
		kick_launcher();
	}
	LWLockRelease(shared->lock);
}

void
custody_shmem_wake_sealer(void)
{
	wake_role(CUSTODY_SEALER);
}

void
custody_shmem_wake_anchorer(void)
{
	wake_role(CUSTODY_ANCHORER);
}

void
custody_shmem_send_away(Oid database)
{
	CustodySlot *slot;

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(database);
	if (slot != NULL)
	{
		slot->away_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), AWAY_MS);
		if (slot->processes[CUSTODY_SEALER].pid != 0)
			wake(&slot->processes[CUSTODY_SEALER]);
		/* They may be waiting for a command, or verifying. */
		for (int role = CUSTODY_ANCHORER; role < CUSTODY_NUM_ROLES; role++)
			if (slot->processes[role].pid != 0)
				(void) kill(slot->processes[role].pid, SIGTERM);
	}
	LWLockRelease(shared->lock);
}

bool
custody_shmem_sent_away(void)
{
	CustodySlot *slot;
	bool		away;

	LWLockAcquire(shared->lock, LW_SHARED);
	slot = find_slot(MyDatabaseId);
	away = slot != NULL && slot->away_until > GetCurrentTimestamp();
	LWLockRelease(shared->lock);
	return away;
}

/* Waiting */

/* Draw a number and wake the sealer; NULL if there is no slot left. */
static CustodySlot *
draw_number(uint64 *number)
{
	CustodySlot *slot;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = claim_slot(MyDatabaseId);
	if (slot != NULL)
	{
		*number = ++slot->requested;
		if (slot->processes[CUSTODY_SEALER].pid != 0)
			wake(&slot->processes[CUSTODY_SEALER]);
		else
			kick_launcher();
	}
	LWLockRelease(shared->lock);
	return slot;
}

/* Is the number sealed, or the slot another's? */
static bool
is_done(CustodySlot *slot, uint64 number, bool *lost)
{
	bool		done;

	LWLockAcquire(shared->lock, LW_SHARED);
	done = slot->done >= number;
	*lost = slot->database != MyDatabaseId;
	LWLockRelease(shared->lock);
	return done || *lost;
}

static void
warn_unsealed(int sqlstate, const char *why)
{
	ereport(WARNING,
			(errcode(sqlstate),
			 errmsg("not waiting for the seal any longer: %s", why),
			 errdetail("The transaction has committed and will be sealed later.")));
}

/* Does somebody want us to stop waiting?  Interrupts are held at commit. */
static bool
interrupted(void)
{
	if (ProcDiePending)
	{
		warn_unsealed(ERRCODE_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
		whereToSendOutput = DestNone;
		return true;
	}
	if (QueryCancelPending)
	{
		QueryCancelPending = false;
		warn_unsealed(ERRCODE_QUERY_CANCELED, "canceled by user request");
		return true;
	}
	return false;
}

void
custody_shmem_wait_sealed(void)
{
	CustodySlot *slot;
	uint64		number = 0;
	bool		lost = false;

	if (shared == NULL)
		return;
	slot = draw_number(&number);
	if (slot == NULL)
	{
		warn_unsealed(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "too many databases have a ledger");
		return;
	}
	ConditionVariablePrepareToSleep(&slot->sealed);
	while (!is_done(slot, number, &lost) && !interrupted())
	{
		if (ConditionVariableTimedSleep(&slot->sealed, WAIT_MS, PG_WAIT_EXTENSION))
			custody_shmem_wake_sealer();
	}
	ConditionVariableCancelSleep();
	if (lost)
		warn_unsealed(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the database has no sealer");
}

int
custody_shmem_status(CustodyRole role, char *error, size_t size)
{
	CustodySlot *slot;
	int			pid = 0;

	error[0] = '\0';
	if (shared == NULL)
		return 0;
	LWLockAcquire(shared->lock, LW_SHARED);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL)
	{
		pid = slot->processes[role].pid;
		strlcpy(error, slot->processes[role].error, size);
	}
	LWLockRelease(shared->lock);
	return pid;
}

/* The processes of a database */

/* Exit callback: this process is gone. */
static void
detach(int code, Datum arg)
{
	CustodySlot *slot;
	CustodyRole role = (CustodyRole) DatumGetInt32(arg);

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL && slot->processes[role].pid == MyProcPid)
		slot->processes[role].pid = 0;
	if (shared->launcher_pid != 0)
		SetLatch(shared->launcher_latch);
	LWLockRelease(shared->lock);
}

bool
custody_shmem_attach(CustodyRole role)
{
	CustodySlot *slot;
	bool		attached = false;

	if (shared == NULL)
		return false;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = claim_slot(MyDatabaseId);
	if (slot != NULL && slot->processes[role].pid == 0 &&
		slot->away_until <= GetCurrentTimestamp())
	{
		slot->processes[role].pid = MyProcPid;
		slot->processes[role].latch = MyLatch;
		attached = true;
		if (shared->launcher_pid != 0)
			SetLatch(shared->launcher_latch);
	}
	LWLockRelease(shared->lock);
	if (slot == NULL)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no sealer for database %u", MyDatabaseId),
				 errdetail("At most %d databases have a sealer of their own.", MAX_SLOTS),
				 errhint("Call custody.seal() in this database from time to time.")));
	if (attached)
		before_shmem_exit(detach, Int32GetDatum((int32) role));
	return attached;
}

void
custody_shmem_forget(void)
{
	CustodySlot *slot;

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL)
	{
		slot->database = InvalidOid;
		ConditionVariableBroadcast(&slot->sealed);
	}
	LWLockRelease(shared->lock);
}

bool
custody_shmem_pass_wanted(void)
{
	CustodySlot *slot;
	bool		wanted;

	LWLockAcquire(shared->lock, LW_SHARED);
	slot = find_slot(MyDatabaseId);
	wanted = slot != NULL && slot->requested > slot->done;
	LWLockRelease(shared->lock);
	return wanted;
}

uint64
custody_shmem_begin_pass(void)
{
	CustodySlot *slot;
	uint64		number;

	LWLockAcquire(shared->lock, LW_SHARED);
	slot = find_slot(MyDatabaseId);
	number = slot != NULL ? slot->requested : 0;
	LWLockRelease(shared->lock);
	return number;
}

void
custody_shmem_end_pass(uint64 number)
{
	CustodySlot *slot;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL)
	{
		slot->processes[CUSTODY_SEALER].error[0] = '\0';
		if (number > slot->done)
		{
			slot->done = number;
			ConditionVariableBroadcast(&slot->sealed);
		}
	}
	LWLockRelease(shared->lock);
}

void
custody_shmem_set_error(CustodyRole role, const char *error)
{
	CustodySlot *slot;

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL)
		strlcpy(slot->processes[role].error, error, CUSTODY_ERROR_SIZE);
	LWLockRelease(shared->lock);
}

bool
custody_shmem_error_cleared(CustodyRole role)
{
	char		error[CUSTODY_ERROR_SIZE];

	(void) custody_shmem_status(role, error, sizeof(error));
	return error[0] == '\0';
}

bool
custody_shmem_is_running(CustodyRole role)
{
	char		error[CUSTODY_ERROR_SIZE];

	return custody_shmem_status(role, error, sizeof(error)) != 0;
}

/* The launcher */

static void
detach_launcher(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher_pid = 0;
	LWLockRelease(shared->lock);
}

bool
custody_shmem_attach_launcher(void)
{
	bool		attached;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	attached = shared->launcher_pid == 0;
	if (attached)
	{
		shared->launcher_pid = MyProcPid;
		shared->launcher_latch = MyLatch;
	}
	LWLockRelease(shared->lock);
	if (attached)
		before_shmem_exit(detach_launcher, (Datum) 0);
	return attached;
}

uint64
custody_shmem_launcher_kicks(void)
{
	uint64		kicks;

	LWLockAcquire(shared->lock, LW_SHARED);
	kicks = shared->kicks;
	LWLockRelease(shared->lock);
	return kicks;
}

bool
custody_shmem_is_occupied(Oid database)
{
	CustodySlot *slot;
	bool		occupied;

	LWLockAcquire(shared->lock, LW_SHARED);
	slot = find_slot(database);
	occupied = slot != NULL &&
		(slot->processes[CUSTODY_SEALER].pid != 0 ||
		 slot->away_until > GetCurrentTimestamp());
	LWLockRelease(shared->lock);
	return occupied;
}

bool
custody_shmem_is_wanted(Oid database)
{
	CustodySlot *slot;
	bool		wanted;

	LWLockAcquire(shared->lock, LW_SHARED);
	slot = find_slot(database);
	wanted = slot != NULL && slot->processes[CUSTODY_SEALER].pid == 0;
	LWLockRelease(shared->lock);
	return wanted;
}
