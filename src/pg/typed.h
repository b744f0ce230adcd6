/*
 * typed.h
 *	  Stored values to rows of a table's own type.
 */
#ifndef CUSTODY_TYPED_H
#define CUSTODY_TYPED_H

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/hsearch.h"

#include "pg/layout.h"

/* Writes rows of one composite type to a set-returning function's result. */
typedef struct CustodyTyped
{
	ReturnSetInfo *rsinfo;
	CustodyLayouts *layouts;	/* for columns that rows do not have yet */
	HTAB	   *maps;			/* columns by schema version */
	Datum	   *values;
	bool	   *nulls;
	MemoryContext row_context;
} CustodyTyped;

/*
 * Table whose row type is the first argument's type; raises
 * ERRCODE_WRONG_OBJECT_TYPE if it is not a table's.
 */
extern Oid	custody_typed_relation(FunctionCallInfo fcinfo);
/* Set up the function's result. */
extern CustodyTyped *custody_typed_begin(FunctionCallInfo fcinfo,
										 CustodyLayouts *layouts);
/* Write one row.  Raises what the column types' input raises. */
extern void custody_typed_put(CustodyTyped *typed, const CustodyLayout *layout,
							  const cc_value *values);

#endif							/* CUSTODY_TYPED_H */
