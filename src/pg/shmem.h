/*
 * shmem.h
 *	  Shared memory of the preloaded library: one slot per database with a
 *	  sealer.  Absent (custody_shmem_available() false) without preload.
 */
#ifndef CUSTODY_SHMEM_H
#define CUSTODY_SHMEM_H

#include "datatype/timestamp.h"

extern void custody_shmem_init(void);	/* _PG_init, while preloading */
extern bool custody_shmem_available(void);
/* Wake the launcher (extension created, table protected) / the sealer. */
extern void custody_shmem_wake_launcher(void);
extern void custody_shmem_wake_sealer(void);
/* After commit: wait until a pass that began after now has finished.  Does
 * not raise: gives up with a warning when cancelled or terminated. */
extern void custody_shmem_wait_sealed(void);
/* pid of this database's sealer, 0 = none; last error text copied to buf. */
extern int	custody_shmem_sealer_status(char *error, size_t size);

#endif							/* CUSTODY_SHMEM_H */
