/*
 * worker.h
 *	  Background processes: the launcher, a sealer and an anchorer for each
 *	  database that has the extension, and the one-shot sealer behind
 *	  custody.seal().
 */
#ifndef CUSTODY_WORKER_H
#define CUSTODY_WORKER_H

extern void custody_worker_init(void);	/* _PG_init, while preloading */

#endif							/* CUSTODY_WORKER_H */
