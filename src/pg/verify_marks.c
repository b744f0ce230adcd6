/*
 * verify_marks.c
 *	  What log_leaf and log_subtree keep of each entry's hash.
 *
 * Memory: marks of a large transaction are in v->scratch.
 */
#include "postgres.h"

#include "access/stratnum.h"

#include "pg/compat.h"
#include "pg/sealentries.h"
#include "pg/verify_marks.h"

/* CustodyMarks */

void
custody_marks_begin(CustodyMarks *m, CustodyVerify *v, bool marked, const bytea *marks)
{
	m->v = v;
	m->any = marked;
	m->bytes = (bytea *) marks;
	m->first = 0;
	m->in_leaf = marks != NULL;
}

/* Load the row of log_subtree for an entry. */
static void
marks_load(CustodyMarks *m, int64 entry_no)
{
	MemoryContext old = MemoryContextSwitchTo(m->v->scratch);
	int64		row = entry_no / CUSTODY_SUBTREE_ENTRIES;
	ScanKeyData keys[2];
	CustodyScan scan;

	m->bytes = NULL;
	m->first = row * CUSTODY_SUBTREE_ENTRIES;
	custody_catalog_key_int8(&keys[0], Anum_subtree_txn_no, BTEqualStrategyNumber,
							 m->v->place.txn_no);
	custody_catalog_key_int8(&keys[1], Anum_subtree_tile_index, BTEqualStrategyNumber, row);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SUBTREE, CUSTODY_SUBTREE_PKEY,
							   m->v->snapshot, ForwardScanDirection, 2, keys);
	if (custody_catalog_scan_next(&scan))
		m->bytes = custody_catalog_get_bytea(&scan, Anum_subtree_marks);
	custody_catalog_scan_end(&scan);
	MemoryContextSwitchTo(old);
}

/* Does the entry's hash begin as its mark says? */
bool
custody_marks_agree(CustodyMarks *m, int64 entry_no, const uint8 hash[CC_DIGEST_SIZE])
{
	Size		at;

	if (!m->any)
		return true;
	if (!m->in_leaf && entry_no % CUSTODY_SUBTREE_ENTRIES == 0)
		marks_load(m, entry_no);
	at = (entry_no - m->first) * CUSTODY_MARK_SIZE;
	return m->bytes != NULL && entry_no >= m->first &&
		at + CUSTODY_MARK_SIZE <= VARSIZE_ANY_EXHDR(m->bytes) &&
		memcmp(VARDATA_ANY(m->bytes) + at, hash, CUSTODY_MARK_SIZE) == 0;
}

/* Are there as many as entries? */
bool
custody_marks_end(const CustodyMarks *m, int64 entries)
{
	return !m->any || m->bytes == NULL || entries == 0 ||
		VARSIZE_ANY_EXHDR(m->bytes) == (entries - m->first) * CUSTODY_MARK_SIZE;
}
