/*
 * capture_state.h
 *	  Is capture complete?
 */
#ifndef CUSTODY_CAPTURE_STATE_H
#define CUSTODY_CAPTURE_STATE_H

#include "utils/snapshot.h"

/* Where faults go: code of the finding, qualified name or NULL, message. */
typedef struct CustodyFaults
{
	void		(*report) (void *arg, const char *code, const char *relation, const char *message);
	void	   *arg;
	Snapshot	snapshot;		/* for triggers; NULL: as they are now */
} CustodyFaults;

/* Of a protected table and its leaves. */
extern void custody_capture_table_faults(CustodyFaults *f, Oid relid);
/* Of the functions and event triggers of the extension. */
extern void custody_capture_machinery_faults(CustodyFaults *f);

#endif							/* CUSTODY_CAPTURE_STATE_H */
