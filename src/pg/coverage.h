/*
 * coverage.h
 *	  Which tables are protected, and whether capture is in force.
 */
#ifndef CUSTODY_COVERAGE_H
#define CUSTODY_COVERAGE_H

#include "pg/schema.h"

/*
 * Are the triggers of a protected table there, complete and ENABLE ALWAYS, on
 * every leaf?  False for a table that is gone.
 */
extern bool custody_coverage_capturing(Oid relid);

#endif							/* CUSTODY_COVERAGE_H */
