/*
 * grade.c
 *	  Who vouches for a block.
 *
 * Locks: AccessShareLock while a relation is scanned.  Memory: current context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosignature.h"
#include "pg/grade.h"
#include "pg/ledger.h"
#include "pg/witness.h"

struct CustodyGrades
{
	int64		is_signed;		/* size of the last checkpoint, or -1 */
	int64		anchored;		/* of the last that was anchored, or -1 */
	List	   *witnesses;		/* trusted: CustodyWitness * */
	int64		cosigned[CUSTODY_WITNESSES_MAX];	/* in their order, or -1 */
};

/* The last tree size in a table, -1 if it is empty. */
static int64
last_size(CustodyRel rel, CustodyIndex index, int column, Snapshot snapshot)
{
	CustodyScan scan;
	int64		size = -1;

	custody_catalog_scan_begin(&scan, rel, index, snapshot, BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
		size = DatumGetInt64(custody_catalog_get(&scan, column));
	custody_catalog_scan_end(&scan);
	return size;
}

/*
 * The stored note of a size, parsed; false if there is no readable one of that
 * block's root: cosignatures of other logs must not count here.
 */
static bool
load_note(int64 size, Snapshot snapshot, cc_checkpoint *c)
{
	CustodyScan scan;
	ScanKeyData key;
	bytea	   *note = NULL;
	uint8		root[CC_DIGEST_SIZE];

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, BTEqualStrategyNumber, size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		note = custody_catalog_get_bytea(&scan, Anum_checkpoint_note);
	custody_catalog_scan_end(&scan);
	return note != NULL &&
		cc_checkpoint_parse(c, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)) == CC_OK &&
		c->size == (uint64) size && custody_ledger_root(size, snapshot, root) &&
		cc_equal(c->root, root, CC_DIGEST_SIZE);
}

/* Note what the lines under one checkpoint say; returns how many were new. */
static int
add_cosigned(CustodyGrades *g, int64 size, Snapshot snapshot)
{
	cc_checkpoint c;
	int			found = 0;
	ListCell   *lc;

	if (!load_note(size, snapshot, &c))
		return 0;
	foreach(lc, custody_cosignature_load(size, snapshot))
	{
		CustodyCosignature *line = lfirst(lc);

		for (int i = 0; i < list_length(g->witnesses); i++)
		{
			CustodyWitness *w = list_nth(g->witnesses, i);

			if (g->cosigned[i] < 0 && strcmp(w->name, line->witness) == 0 &&
				custody_cosignature_check(line, &c, &w->key) == CC_OK)
			{
				g->cosigned[i] = size;
				found++;
			}
		}
	}
	return found;
}

/* From the last cosigned checkpoint back, until every witness was met. */
static void
load_cosigned(CustodyGrades *g, Snapshot snapshot)
{
	CustodyScan scan;
	int64		size = -1;
	int			found = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_COSIGNATURE, CUSTODY_COSIGNATURE_PKEY,
							   snapshot, BackwardScanDirection, 0, NULL);
	while (found < list_length(g->witnesses) && custody_catalog_scan_next(&scan))
	{
		int64		next = DatumGetInt64(custody_catalog_get(&scan, Anum_cosignature_tree_size));

		CHECK_FOR_INTERRUPTS();
		if (next != size)
			found += add_cosigned(g, next, snapshot);
		size = next;
	}
	custody_catalog_scan_end(&scan);
}

CustodyGrades *
custody_grade_load(Snapshot snapshot)
{
	CustodyGrades *g = palloc(sizeof(CustodyGrades));

	g->is_signed = last_size(CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							 Anum_checkpoint_tree_size, snapshot);
	g->anchored = last_size(CUSTODY_LOG_ANCHOR, CUSTODY_ANCHOR_PKEY,
							Anum_anchor_tree_size, snapshot);
	g->witnesses = custody_witness_trusted(snapshot);
	for (int i = 0; i < CUSTODY_WITNESSES_MAX; i++)
		g->cosigned[i] = -1;
	load_cosigned(g, snapshot);
	return g;
}

static bool
is_cosigned(const CustodyGrades *g, int64 tree_size)
{
	for (int i = 0; i < CUSTODY_WITNESSES_MAX; i++)
		if (g->cosigned[i] >= tree_size)
			return true;
	return false;
}

const char *
custody_grade_name(bool is_signed, bool anchored, bool cosigned)
{
	return cosigned ? "cosigned" : anchored ? "anchored" : is_signed ? "sealed" : "unsigned";
}

const char *
custody_grade_of(const CustodyGrades *g, int64 tree_size)
{
	return custody_grade_name(g->is_signed >= tree_size, g->anchored >= tree_size,
							  is_cosigned(g, tree_size));
}

ArrayType *
custody_grade_witnesses(const CustodyGrades *g, int64 tree_size)
{
	Datum		names[CUSTODY_WITNESSES_MAX];
	int			n = 0;

	for (int i = 0; i < list_length(g->witnesses); i++)
		if (g->cosigned[i] >= tree_size)
			names[n++] = CStringGetTextDatum(((CustodyWitness *) list_nth(g->witnesses, i))->name);
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}
