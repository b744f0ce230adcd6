/*
 * prove_row.h
 *	  What proofs of rows share.
 */
#ifndef CUSTODY_PROVE_ROW_H
#define CUSTODY_PROVE_ROW_H

#include "fmgr.h"

#include "core/redacted.h"
#include "pg/compat.h"

/* Arguments 0 (relation) and 1 (key) of a function; raises if they are unfit. */
extern Oid custody_prove_relation(FunctionCallInfo fcinfo, const char *function);
pg_noreturn extern void custody_prove_refuse_unsealed(const char *table);
/* An entry's private part as a proof shows it, palloc'd. */
extern cc_slice custody_prove_redacted(const cc_entry *e, const cc_schema *s,
									   const uint8 *secret, const cc_value *values,
									   const bool *open, const cc_redacted_past *past);

#endif							/* CUSTODY_PROVE_ROW_H */
