/*
 * layout.c
 *	  All schema versions at hand, for reading entries back.
 *
 * Row keys are compared by cc_key_digest under relation number 0, so that one
 * digest stands for a key under every protection of a table.
 *
 * Memory: everything lives in the context that was current when loading.
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "utils/memutils.h"

#include "core/convert.h"
#include "pg/catalog.h"
#include "pg/error.h"
#include "pg/layout.h"

CustodyProtection *
custody_layouts_protection(CustodyLayouts *layouts, uint32 relation_id)
{
	ListCell   *lc;

	foreach(lc, layouts->protections)
	{
		CustodyProtection *p = lfirst(lc);

		if (p->relation_id == relation_id)
			return p;
	}
	return NULL;
}

static void
load_layout(CustodyLayouts *layouts, CustodyScan *scan)
{
	uint32		version = DatumGetUInt32(custody_catalog_get(scan, Anum_schema_version));
	CustodyLayout *layout = hash_search(layouts->by_version, &version, HASH_ENTER, NULL);

	memset(layout, 0, sizeof(*layout));
	layout->version = version;
	layout->relation_id = DatumGetUInt32(custody_catalog_get(scan, Anum_schema_relation_id));
	layout->leaf = DatumGetObjectId(custody_catalog_get(scan, Anum_schema_leaf));
	layout->definition = custody_catalog_get_bytea(scan, Anum_schema_definition);
	layout->protection = custody_layouts_protection(layouts, layout->relation_id);
}

CustodyLayouts *
custody_layouts_load(Snapshot snapshot, bool tolerant)
{
	CustodyLayouts *layouts = palloc(sizeof(CustodyLayouts));
	HASHCTL		ctl = {0};
	CustodyScan scan;

	layouts->context = CurrentMemoryContext;
	layouts->tolerant = tolerant;
	layouts->protections = custody_schema_protections(snapshot);
	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(CustodyLayout);
	ctl.hcxt = CurrentMemoryContext;
	layouts->by_version = hash_create("custody layouts", 64, &ctl,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA, CUSTODY_SCHEMA_PKEY,
							   snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		load_layout(layouts, &scan);
	custody_catalog_scan_end(&scan);
	return layouts;
}

/* Decode a version; raises if it is not canonical. */
static CustodyVersion *
decode_strictly(CustodyLayouts *layouts, const CustodyLayout *layout)
{
	MemoryContext old = MemoryContextSwitchTo(layouts->context);
	CustodyVersion *decoded = custody_schema_decode(layout->version,
													layout->relation_id,
													layout->leaf,
													layout->definition);

	MemoryContextSwitchTo(old);
	return decoded;
}

/*
 * Decode a version; NULL if it is not canonical.  Needs no subtransaction:
 * decoding only computes in memory.
 */
static CustodyVersion *
decode_tolerantly(CustodyLayouts *layouts, const CustodyLayout *layout)
{
	MemoryContext caller = CurrentMemoryContext;
	CustodyVersion *volatile decoded = NULL;

	PG_TRY();
	{
		decoded = decode_strictly(layouts, layout);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (geterrcode() != ERRCODE_CUSTODY_LEDGER_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return decoded;
}

/* Decode a version if need be; false if it counts as not known. */
static bool
decode(CustodyLayouts *layouts, CustodyLayout *layout)
{
	if (layout->decoded == NULL && !layout->damaged)
	{
		layout->decoded = layouts->tolerant ?
			decode_tolerantly(layouts, layout) : decode_strictly(layouts, layout);
		layout->damaged = layout->decoded == NULL;
	}
	return !layout->damaged;
}

CustodyLayout *
custody_layouts_find(CustodyLayouts *layouts, uint32 version)
{
	CustodyLayout *layout = hash_search(layouts->by_version, &version, HASH_FIND, NULL);

	return layout != NULL && decode(layouts, layout) ? layout : NULL;
}

CustodyLayout *
custody_layouts_select(CustodyLayouts *layouts, Oid relid)
{
	List	   *tables = find_all_inheritors(relid, NoLock, NULL);
	CustodyLayout *newest = NULL;
	CustodyLayout *layout;
	HASH_SEQ_STATUS seq;

	hash_seq_init(&seq, layouts->by_version);
	while ((layout = hash_seq_search(&seq)) != NULL)
	{
		layout->selected = list_member_oid(tables, layout->leaf) ||
			(layout->protection != NULL &&
			 list_member_oid(tables, layout->protection->relid));
		if (layout->selected &&
			(newest == NULL || layout->version > newest->version))
			newest = layout;
	}
	list_free(tables);
	return newest != NULL && decode(layouts, newest) ? newest : NULL;
}

Bitmapset *
custody_layouts_selected(CustodyLayouts *layouts)
{
	Bitmapset  *result = NULL;
	CustodyLayout *layout;
	HASH_SEQ_STATUS seq;

	hash_seq_init(&seq, layouts->by_version);
	while ((layout = hash_seq_search(&seq)) != NULL)
		if (layout->selected)
			result = bms_add_member(result, (int) layout->relation_id);
	return result;
}

/* By name; a renamed column by its position. */
int
custody_layout_match(const cc_schema *from, int position, const cc_schema *to)
{
	int			found = cc_schema_find(to, from->columns[position].name);

	if (found >= 0)
		return found;
	if (position < to->ncolumns &&
		cc_schema_find(from, to->columns[position].name) < 0)
		return position;
	return -1;
}

/*
 * The row key's values in the order of a version's key columns; false if the
 * version has another key.
 */
static bool
order_key(const cc_schema *to, const cc_schema *given, const cc_value *values,
		  cc_value *ordered)
{
	uint16_t	k = cc_schema_key_count(to);

	if (to->key_kind != given->key_kind || k != cc_schema_key_count(given))
		return false;
	for (int i = 0; i < k; i++)
	{
		int			from = i;

		if (to->key_kind == CC_KEY_WHOLE_ROW)
			from = custody_layout_match(to, i, given);
		if (from < 0)
			return false;
		ordered[i] = values[from];
	}
	return true;
}

static bool
contains(const int64 *numbers, int n, int64 number)
{
	for (int i = 0; i < n; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

int64 *
custody_layouts_set_key(CustodyLayouts *layouts, const CustodyLayout *newest,
						const cc_value *values, int *n)
{
	const cc_schema *given = &newest->decoded->schema;
	uint16_t	k = cc_schema_key_count(given);
	cc_value   *ordered = palloc((k + 1) * sizeof(cc_value));
	int64	   *numbers = palloc(hash_get_num_entries(layouts->by_version) * sizeof(int64));
	CustodyLayout *layout;
	HASH_SEQ_STATUS seq;

	*n = 0;
	hash_seq_init(&seq, layouts->by_version);
	while ((layout = hash_seq_search(&seq)) != NULL)
	{
		int64		number;

		if (!layout->selected || !decode(layouts, layout))
			continue;
		layout->keyed = order_key(&layout->decoded->schema, given, values, ordered);
		if (!layout->keyed)
			continue;
		cc_key_digest(layout->key, 0, ordered, NULL, k);
		number = cc_lookup_key(layout->relation_id, ordered, NULL, k);
		if (!contains(numbers, *n, number))
			numbers[(*n)++] = number;
	}
	return numbers;
}
