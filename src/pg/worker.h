/*
 * worker.h
 *	  Background processes: the sealer and the anchorer of a database, and
 *	  what all processes of ours share.
 */
#ifndef CUSTODY_WORKER_H
#define CUSTODY_WORKER_H

#include "postmaster/bgworker.h"

#include "pg/compat.h"

extern void custody_worker_init(void);	/* _PG_init, while preloading */

/* Fill in a worker of ours; main is the name of its main function. */
extern void custody_worker_describe(BackgroundWorker *worker, const char *main,
									const char *title, Oid database);

/*
 * Connect to a database with settings of our own; READ COMMITTED, for
 * instance.  Interrupts are those of the main loops.
 */
extern void custody_worker_connect(Oid database, uint32 flags);
/* Clean up after an error; its data, in the given context. */
extern ErrorData *custody_worker_recover(MemoryContext context, bool report);

/* Main functions, called by name */
pg_noreturn extern PGDLLEXPORT void custody_launcher_main(Datum main_arg);
pg_noreturn extern PGDLLEXPORT void custody_sealer_main(Datum main_arg);
pg_noreturn extern PGDLLEXPORT void custody_anchorer_main(Datum main_arg);
pg_noreturn extern PGDLLEXPORT void custody_inspector_main(Datum main_arg);
extern PGDLLEXPORT void custody_oneshot_main(Datum main_arg);

#endif							/* CUSTODY_WORKER_H */
