/*
 * inspect.h
 *	  Scheduled verification: when it is due, and one inspection.
 */
#ifndef CUSTODY_INSPECT_H
#define CUSTODY_INSPECT_H

#include "datatype/timestamp.h"

/* The last inspections, as in log_inspection. */
typedef struct CustodyInspections
{
	bool		any;
	TimestampTz finished_at;
	int64		tree_size;
	int64		tampering;
	int64		warnings;
	bool		any_complete;
	TimestampTz complete_started_at;	/* last complete one */
	TimestampTz complete_finished_at;
	int64		verified_size;	/* of the last without tampering; 0 = none */
} CustodyInspections;

/* Reads under the active snapshot. */
extern void custody_inspect_load(CustodyInspections *last);
/*
 * Is one due by custody.verify_interval or custody.full_verify_at?  Called
 * outside any transaction.
 */
extern bool custody_inspect_due(void);
/*
 * Verify, tell the server's log and listeners on channel custody_alert what was
 * found, and record the result.  Called outside any transaction.
 */
extern void custody_inspect_pass(void);

#endif							/* CUSTODY_INSPECT_H */
