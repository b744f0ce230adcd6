/*
 * module.c
 *	  Magic block and _PG_init.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "pg/guard.h"
#include "pg/guc.h"
#include "pg/relstate.h"
#include "pg/shmem.h"
#include "pg/worker.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	/* Settings first: what follows reads them. */
	custody_guc_init();
	custody_relstate_init();
	if (process_shared_preload_libraries_in_progress)
	{
		custody_shmem_init();
		custody_worker_init();
		custody_guard_init();
	}
}
