/*
 * shmem.h
 *	  Shared memory of the preloaded library: one slot per database with a
 *	  sealer.  Absent (custody_shmem_available() false) without preload; then
 *	  every function but custody_shmem_init() does nothing.
 */
#ifndef CUSTODY_SHMEM_H
#define CUSTODY_SHMEM_H

#include "datatype/timestamp.h"

#define CUSTODY_ERROR_SIZE 256

/* Processes that others wake. */
typedef enum CustodyRole
{
	CUSTODY_SEALER,
	CUSTODY_ANCHORER,
	CUSTODY_INSPECTOR
} CustodyRole;

#define CUSTODY_NUM_ROLES (CUSTODY_INSPECTOR + 1)

extern void custody_shmem_init(void);	/* _PG_init, while preloading */
extern bool custody_shmem_available(void);

/* For backends */

/* Ask the launcher for a sealer here (extension created, table protected) /
 * wake the sealer. */
extern void custody_shmem_wake_launcher(void);
extern void custody_shmem_wake_sealer(void);
/* After commit: wait until a pass that began after now has finished.  Does
 * not raise: gives up with a warning when cancelled or terminated. */
extern void custody_shmem_wait_sealed(void);
/* pid of this database's process in a role, 0 = none; last error text copied
 * to buf, empty since the last pass that succeeded. */
extern int	custody_shmem_status(CustodyRole role, char *error, size_t size);
/* Send a database's processes away for a moment, so that it can be dropped,
 * renamed or copied. */
extern void custody_shmem_send_away(Oid database);

/* For the processes of a database */

/* Become its sealer, anchorer or inspector until exit; false if it has one already, was
 * told to stay away, or there is no slot left. */
extern bool custody_shmem_attach(CustodyRole role);
/* The database has no ledger (any more): give its slot back. */
extern void custody_shmem_forget(void);
/* Was this database's sealer sent away? */
extern bool custody_shmem_sent_away(void);
/* Is anybody waiting for a pass that has not begun? */
extern bool custody_shmem_pass_wanted(void);
/* Note that a pass begins; the number goes to custody_shmem_end_pass(). */
extern uint64 custody_shmem_begin_pass(void);
extern void custody_shmem_end_pass(uint64 number);
extern void custody_shmem_set_error(CustodyRole role, const char *error);
/* Has another process found that the fault is gone (error text cleared)? */
extern bool custody_shmem_error_cleared(CustodyRole role);
extern void custody_shmem_wake_anchorer(void);
/* Has the database a process in a role? */
extern bool custody_shmem_is_running(CustodyRole role);

/* For the launcher */

extern bool custody_shmem_attach_launcher(void);
/* How often it was woken on purpose. */
extern uint64 custody_shmem_launcher_kicks(void);
/* Is a sealer attached to the database, or should none be started now? */
extern bool custody_shmem_is_occupied(Oid database);
/* Did somebody ask for a sealer there, or has it lost the one it had? */
extern bool custody_shmem_is_wanted(Oid database);

#endif							/* CUSTODY_SHMEM_H */
