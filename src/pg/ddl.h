/*
 * ddl.h
 *	  What a DDL command did, for the files behind the event triggers.
 */
#ifndef CUSTODY_DDL_H
#define CUSTODY_DDL_H

#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* An object that a DDL command made or altered. */
typedef struct CustodyTouched
{
	Oid			classid;
	Oid			objid;
} CustodyTouched;

/* ddl_environment.c */

/* Record what the command changed in the environment; list of CustodyTouched *. */
extern void custody_ddl_note_touched(List *touched, Node *command);
/* The same for a command that dropped something. */
extern void custody_ddl_note_dropped(void);

#endif							/* CUSTODY_DDL_H */
