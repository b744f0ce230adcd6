/*
 * canonical.h
 *	  Rows to canonical values: each type's text output under fixed settings
 *	  (doc/format.md section 3.1), whatever the session has set.
 */
#ifndef CUSTODY_CANONICAL_H
#define CUSTODY_CANONICAL_H

#include "core/encode.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/*
 * How to render the live columns of one tuple descriptor, in order, and the
 * large objects that some of them name.
 */
typedef struct CustodyRenderer CustodyRenderer;

/* May a column name a large object? */
extern bool custody_canonical_names_object(Form_pg_attribute att);
/*
 * Build in the current memory context.  large_objects: names (char *) of the
 * columns whose large objects count as values of the row, or NIL.
 */
extern CustodyRenderer *custody_canonical_renderer(TupleDesc desc, List *large_objects);
/* Values of a row: so many of its columns, then those of large objects. */
extern int	custody_canonical_columns(const CustodyRenderer *r);
extern int	custody_canonical_contents(const CustodyRenderer *r);
/* Which columns name the latter. */
extern const AttrNumber *custody_canonical_content_columns(const CustodyRenderer *r);
/*
 * Render the row in a slot.  values has room for all values, those of large
 * objects are left out; bytes live in the current memory context, or in the
 * slot.  Must be called inside custody_canonical_begin/end if the renderer
 * needs settings.
 */
extern void custody_canonical_render(CustodyRenderer *r, TupleTableSlot *slot,
									 cc_value *values);
/*
 * Render the row that 'changed' (already rendered as changed_values) replaced:
 * identical datums are not rendered twice.  A long out-of-line value that
 * 'changed' keeps becomes a reference in changed_values.
 */
extern void custody_canonical_render_replaced(CustodyRenderer *r,
											  TupleTableSlot *slot,
											  cc_value *values,
											  TupleTableSlot *changed,
											  cc_value *changed_values);
/* Render the large objects of a row, as a snapshot sees them, one value each. */
extern void custody_canonical_render_contents(CustodyRenderer *r, TupleTableSlot *slot,
											  cc_value *contents, Snapshot snapshot);
/*
 * Enter and leave the fixed settings.  Everything between must run in PG_TRY
 * with custody_canonical_end in PG_FINALLY; does not nest.
 */
typedef struct CustodySettings
{
	int			date_style;
	int			date_order;
	int			interval_style;
	int			extra_float_digits;
	int			bytea_output;
	void	   *timezone;
	int			guc_nest_level; /* 0: none opened */
} CustodySettings;
/* full: also search_path and lc_monetary, by way of the GUC machinery. */
extern void custody_canonical_begin(CustodySettings *saved, bool full);
extern void custody_canonical_end(const CustodySettings *saved);
/* Does rendering depend on settings at all, and on the full ones? */
extern bool custody_canonical_needs_settings(const CustodyRenderer *r);
extern bool custody_canonical_needs_full(const CustodyRenderer *r);
/* Text (UTF-8 canonical) to a Datum of a type, inside begin/end; and back. */
extern Datum custody_canonical_input(Oid type, int32 typmod, const char *text);
extern char *custody_canonical_output(Oid type, Datum value);
/* Text in the database's encoding as UTF-8; NULL gives the empty slice. */
extern cc_slice custody_canonical_slice(const char *text);
/* Canonical bytes to a NUL-terminated string in the database's encoding. */
extern char *custody_canonical_to_server(const uint8_t *data, uint64 len);

#endif							/* CUSTODY_CANONICAL_H */
