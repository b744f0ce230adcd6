/*
 * cosigned.h
 *	  What a witness remembers of other logs: in the database and beside the
 *	  key.
 */
#ifndef CUSTODY_COSIGNED_H
#define CUSTODY_COSIGNED_H

#include "datatype/timestamp.h"

#include "pg/keys.h"

/* The last checkpoint of a log that was cosigned. */
typedef struct CustodyCosigned
{
	bool		exists;
	CustodyHead head;
	uint64		time;			/* of the cosignature, seconds since 1970 */
	bytea	   *note;			/* as the log signed it */
} CustodyCosigned;

/* The row of the largest size; under the active snapshot. */
extern void custody_cosigned_load(const char *origin, CustodyCosigned *c);
/* What the file in the witness's folder says; raises if it is damaged. */
extern void custody_cosigned_load_file(const char *folder, const char *origin,
									   CustodyCosigned *c);
/* Append a row and its entry. */
extern void custody_cosigned_append(const char *origin, const CustodyCosigned *c);
/* Write the file, durably. */
extern void custody_cosigned_store_file(const char *folder, const char *origin,
										const CustodyCosigned *c);
/* Body of the event of a cosigned head, palloc'd. */
extern bytea *custody_cosigned_event(const char *origin, const CustodyHead *head,
									 uint64 time);
/* Body of the event of a witness key, palloc'd. */
extern bytea *custody_cosigned_key_event(uint32 incarnation, const char *verifier_key);
/* Times in seconds since 1970, and PostgreSQL's. */
extern TimestampTz custody_cosigned_to_timestamp(uint64 time);
extern uint64 custody_cosigned_from_timestamp(TimestampTz t);

#endif							/* CUSTODY_COSIGNED_H */
