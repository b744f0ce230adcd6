/*
 * worker.h
 *	  Background processes: the sealer and the anchorer of a database, and the
 *	  one-shot sealer behind custody.seal().
 */
#ifndef CUSTODY_WORKER_H
#define CUSTODY_WORKER_H

#include "postmaster/bgworker.h"

#include "pg/compat.h"

extern void custody_worker_init(void);	/* _PG_init, while preloading */

/* Fill in a worker of ours; main is the name of its main function. */
extern void custody_worker_describe(BackgroundWorker *worker, const char *main,
									const char *title, Oid database);

/* Main functions, called by name */
pg_noreturn extern PGDLLEXPORT void custody_launcher_main(Datum main_arg);
pg_noreturn extern PGDLLEXPORT void custody_sealer_main(Datum main_arg);
pg_noreturn extern PGDLLEXPORT void custody_anchorer_main(Datum main_arg);
extern PGDLLEXPORT void custody_oneshot_main(Datum main_arg);

#endif							/* CUSTODY_WORKER_H */
