/*
 * schema.c
 *	  Protected tables and their schema versions.
 *
 * Reads under the snapshot the caller names.  Capture reads with SnapshotSelf:
 * it takes no predicate locks, so nothing of ours is read and written by two
 * serializable transactions, and it sees what other transactions committed
 * after this one's snapshot was taken.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tupdesc_details.h"
#include "catalog/dependency.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/bitmapset.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/schema.h"

static bool
is_released(uint32 relation_id, Snapshot snapshot)
{
	CustodyScan scan;
	ScanKeyData key;
	bool		found;

	custody_catalog_key_int4(&key, Anum_release_relation_id,
							 BTEqualStrategyNumber, (int32) relation_id);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_RELEASE,
							   CUSTODY_RELEASE_PKEY, snapshot,
							   ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	custody_catalog_scan_end(&scan);
	return found;
}

/* Elements of an array of names. */
static List *
read_names(Datum datum)
{
	ArrayType  *array = DatumGetArrayTypePCopy(datum);
	Name		names = (Name) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	List	   *result = NIL;

	if (ARR_ELEMTYPE(array) != NAMEOID || ARR_HASNULL(array))
		return NIL;
	for (int i = 0; i < n; i++)
		result = lappend(result, NameStr(names[i]));
	return result;
}

char *
custody_schema_list(List *names)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		if (buf.len > 0)
			appendStringInfoChar(&buf, ',');
		appendStringInfoChar(&buf, '"');
		for (const char *c = lfirst(lc); *c != '\0'; c++)
		{
			if (*c == '"')
				appendStringInfoChar(&buf, '"');
			appendStringInfoChar(&buf, *c);
		}
		appendStringInfoChar(&buf, '"');
	}
	return buf.data;
}

static CustodyProtection *
read_protection(CustodyScan *scan)
{
	CustodyProtection *p = palloc0(sizeof(CustodyProtection));
	bool		isnull;
	Datum		subject;
	char	   *mode;

	p->relation_id =
		DatumGetUInt32(custody_catalog_get(scan, Anum_relation_relation_id));
	p->relid = DatumGetObjectId(custody_catalog_get(scan, Anum_relation_relation));
	subject = custody_catalog_getattr(scan, Anum_relation_subject, &isnull);
	if (!isnull)
		p->subject = pstrdup(NameStr(*DatumGetName(subject)));
	mode = TextDatumGetCString(custody_catalog_get(scan, Anum_relation_mode));
	p->append_only = strcmp(mode, "append_only") == 0;
	pfree(mode);
	p->large_objects = read_names(custody_catalog_get(scan, Anum_relation_large_objects));
	return p;
}

List *
custody_schema_protections(Snapshot snapshot)
{
	CustodyScan scan;
	List	   *result = NIL;
	ListCell   *lc;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_RELATION,
							   CUSTODY_RELATION_PKEY, snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		result = lappend(result, read_protection(&scan));
	custody_catalog_scan_end(&scan);

	foreach(lc, result)
	{
		CustodyProtection *p = lfirst(lc);

		p->released = is_released(p->relation_id, snapshot);
	}
	return result;
}

CustodyProtection *
custody_schema_protection(Oid relid, Snapshot snapshot)
{
	CustodyProtection *found = NULL;
	ListCell   *lc;

	foreach(lc, custody_schema_protections(snapshot))
	{
		CustodyProtection *p = lfirst(lc);

		if (p->relid == relid && !p->released)
			found = p;
	}
	return found;
}

/* Decode a definition; the status in *status. */
static CustodyVersion *
decode(uint32 version, uint32 relation_id, Oid leaf, const bytea *definition,
	   cc_status *status)
{
	CustodyVersion *v = palloc0(sizeof(CustodyVersion));
	Size		size = VARSIZE_ANY(definition);
	cc_schema  *s = &v->schema;
	size_t		capacity;

	Assert(!VARATT_IS_EXTENDED(definition));
	v->version = version;
	v->relation_id = relation_id;
	v->leaf = leaf;
	v->definition = palloc(size);
	memcpy(v->definition, definition, size);

	/* Every column takes at least three bytes. */
	capacity = Min(VARSIZE(definition) / 3 + 1, CC_MAX_COLUMNS);
	s->columns = palloc0(capacity * sizeof(cc_column));
	s->column_capacity = capacity;
	s->key_positions = palloc0(capacity * sizeof(uint16_t));
	s->key_capacity = capacity;
	*status = cc_schema_decode(s, VARDATA(v->definition),
							   VARSIZE(v->definition) - VARHDRSZ);
	return v;
}

CustodyVersion *
custody_schema_decode(uint32 version, uint32 relation_id, Oid leaf,
					  const bytea *definition)
{
	cc_status	status;
	CustodyVersion *v = decode(version, relation_id, leaf, definition, &status);

	if (status != CC_OK)
		custody_check_ledger(status, psprintf("schema version %u", version));
	return v;
}

CustodyVersion *
custody_schema_load(uint32 version, Snapshot snapshot, bool tolerant)
{
	CustodyVersion *v = NULL;
	cc_status	status = CC_OK;
	CustodyScan scan;
	ScanKeyData key;

	custody_catalog_key_int4(&key, Anum_schema_version,
							 BTEqualStrategyNumber, (int32) version);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA, CUSTODY_SCHEMA_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		v = decode(version,
				   DatumGetUInt32(custody_catalog_get(&scan, Anum_schema_relation_id)),
				   DatumGetObjectId(custody_catalog_get(&scan, Anum_schema_leaf)),
				   custody_catalog_get_bytea(&scan, Anum_schema_definition), &status);
	custody_catalog_scan_end(&scan);
	if (status != CC_OK && !tolerant)
		custody_check_ledger(status, psprintf("schema version %u", version));
	return status == CC_OK ? v : NULL;
}

Oid
custody_schema_root(Oid leaf)
{
	Oid			root = leaf;
	List	   *ancestors;
	ListCell   *lc;

	if (!get_rel_relispartition(leaf))
		return leaf;
	ancestors = get_partition_ancestors(leaf);
	foreach(lc, ancestors)
	{
		if (custody_schema_protection(lfirst_oid(lc), SnapshotSelf) != NULL)
			root = lfirst_oid(lc);
	}
	list_free(ancestors);
	return root;
}

List *
custody_schema_leaves(Oid root, LOCKMODE lockmode)
{
	List	   *leaves = NIL;
	ListCell   *lc;

	if (get_rel_relkind(root) != RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(root);
	foreach(lc, find_all_inheritors(root, lockmode, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			leaves = lappend_oid(leaves, lfirst_oid(lc));
	}
	return leaves;
}

/* Columns of a constraint's index if all are NOT NULL, else NIL. */
static List *
unique_attnums(Relation leaf, Relation index)
{
	Form_pg_index form = index->rd_index;
	List	   *attnums = NIL;

	for (int i = 0; i < form->indnkeyatts; i++)
	{
		AttrNumber	attnum = form->indkey.values[i];

		if (attnum <= 0 ||
			!TupleDescAttr(RelationGetDescr(leaf), attnum - 1)->attnotnull)
			return NIL;
		attnums = lappend_int(attnums, attnum);
	}
	return attnums;
}

/* Does a come before b: fewer columns, else earlier ones? */
static bool
is_better_key(List *a, List *b)
{
	if (b == NIL || list_length(a) != list_length(b))
		return b == NIL || list_length(a) < list_length(b);
	for (int i = 0; i < list_length(a); i++)
		if (list_nth_int(a, i) != list_nth_int(b, i))
			return list_nth_int(a, i) < list_nth_int(b, i);
	return false;
}

/*
 * Key columns of a leaf: the primary key, else the smallest UNIQUE constraint
 * over NOT NULL columns that is not deferrable.  Indexes that back no
 * constraint do not count: they come and go without a lock that would keep
 * writers away while the rows are recorded under another key.
 */
static List *
key_attnums(Relation leaf)
{
	List	   *indexes = RelationGetIndexList(leaf);
	List	   *result = NIL;
	bool		primary = false;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		List	   *attnums = NIL;

		if (form->indisunique && form->indisvalid &&
			(form->indimmediate || form->indisprimary) &&
			!primary && OidIsValid(get_index_constraint(lfirst_oid(lc))))
			attnums = unique_attnums(leaf, index);
		if (attnums != NIL &&
			(form->indisprimary || is_better_key(attnums, result)))
		{
			result = attnums;
			primary = form->indisprimary;
		}
		index_close(index, AccessShareLock);
	}
	return result;
}

bool
custody_schema_has_key(Relation leaf)
{
	return key_attnums(leaf) != NIL;
}

/* Position of an attribute among the stored columns. */
static uint16
attnum_position(TupleDesc desc, AttrNumber attnum)
{
	uint16		position = 0;

	for (int i = 0; i < attnum - 1; i++)
		if (custody_compat_is_stored(TupleDescAttr(desc, i)))
			position++;
	return position;
}

AttrNumber
custody_schema_attnum(Oid relid, const char *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column);
	AttrNumber	attnum = InvalidAttrNumber;

	if (!HeapTupleIsValid(tuple))
		return attnum;
	if (custody_compat_is_stored((Form_pg_attribute) GETSTRUCT(tuple)))
		attnum = Max(((Form_pg_attribute) GETSTRUCT(tuple))->attnum, attnum);
	ReleaseSysCache(tuple);
	return attnum;
}

/* What rows older than the column read as, if it was added without rewrite. */
static void
define_missing(TupleDesc desc, int i, cc_column *column)
{
	Form_pg_attribute att = TupleDescAttr(desc, i);
	AttrMissing *missing;

	if (!att->atthasmissing || desc->constr == NULL ||
		desc->constr->missing == NULL)
		return;
	missing = &desc->constr->missing[i];
	if (!missing->am_present)
		return;
	column->flags |= CC_COLUMN_HAS_MISSING;
	{
		char	   *text = custody_canonical_output(att->atttypid,
													missing->am_value);

		cc_value_set(&column->missing, text, strlen(text));
	}
}

static void
define_columns(TupleDesc desc, cc_schema *s)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		cc_column  *column;

		if (!custody_compat_is_stored(att))
			continue;
		column = &s->columns[s->ncolumns++];
		column->name = custody_canonical_slice(NameStr(att->attname));
		column->type = custody_canonical_slice(format_type_extended(att->atttypid,
													   att->atttypmod,
													   FORMAT_TYPE_TYPEMOD_GIVEN));
		column->flags = att->attgenerated ? CC_COLUMN_GENERATED : 0;
		define_missing(desc, i, column);
	}
}

/*
 * Large objects count as columns of their own behind the others.  Without a
 * key a row is named by all its columns, and these are not for naming it.
 */
static List *
recorded_objects(Relation leaf, const CustodyProtection *protection)
{
	return custody_schema_has_key(leaf) ? protection->large_objects : NIL;
}

static void
define_contents(TupleDesc desc, cc_schema *s, List *names)
{
	CustodyRenderer *r = custody_canonical_renderer(desc, names);
	const AttrNumber *attnums = custody_canonical_content_columns(r);

	for (int i = 0; i < custody_canonical_contents(r); i++)
	{
		cc_column  *column = &s->columns[s->ncolumns++];
		char	   *name = NameStr(TupleDescAttr(desc, attnums[i] - 1)->attname);

		column->name = custody_canonical_slice(psprintf("%s (large object)", name));
		column->type = custody_canonical_slice("large object");
	}
}

CustodyRenderer *
custody_schema_renderer(Relation leaf, const CustodyProtection *protection)
{
	return custody_canonical_renderer(RelationGetDescr(leaf),
									  recorded_objects(leaf, protection));
}

static void
define_key(Relation leaf, cc_schema *s)
{
	List	   *attnums = key_attnums(leaf);
	ListCell   *lc;

	s->key_kind = attnums == NIL ? CC_KEY_WHOLE_ROW : CC_KEY_COLUMNS;
	foreach(lc, attnums)
		s->key_positions[s->nkeys++] =
			attnum_position(RelationGetDescr(leaf), lfirst_int(lc));
}

static uint16
define_subject(Relation leaf, const char *subject)
{
	AttrNumber	attnum = subject == NULL ? InvalidAttrNumber :
		custody_schema_attnum(RelationGetRelid(leaf), subject);

	return attnum == InvalidAttrNumber ? CC_NO_POSITION :
		attnum_position(RelationGetDescr(leaf), attnum);
}

static void
define_names(Relation leaf, Oid root, cc_schema *s)
{
	s->schema = custody_canonical_slice(get_namespace_name(get_rel_namespace(root)));
	s->table = custody_canonical_slice(get_rel_name(root));
	s->leaf_schema = custody_canonical_slice(get_namespace_name(RelationGetNamespace(leaf)));
	s->leaf_table = custody_canonical_slice(RelationGetRelationName(leaf));
	s->encoding = custody_canonical_slice(GetDatabaseEncodingName());
}

bytea *
custody_schema_encode(const cc_schema *s)
{
	cc_writer	w;
	bytea	   *result;

	cc_writer_init(&w, NULL, 0);
	cc_write_schema(&w, s);
	result = custody_catalog_bytea(NULL, w.len);
	cc_writer_init(&w, VARDATA(result), w.len);
	cc_write_schema(&w, s);
	return result;
}

bytea *
custody_schema_define(Relation leaf, const CustodyProtection *protection)
{
	TupleDesc	desc = RelationGetDescr(leaf);
	int			capacity = 2 * desc->natts + 1;
	CustodySettings saved;
	cc_schema	s;

	memset(&s, 0, sizeof(s));
	s.columns = palloc0(capacity * sizeof(cc_column));
	s.key_positions = palloc0(capacity * sizeof(uint16_t));
	define_names(leaf, protection->relid, &s);
	define_key(leaf, &s);
	s.subject = define_subject(leaf, protection->subject);

	custody_canonical_begin(&saved, true);
	PG_TRY();
	{
		define_columns(desc, &s);
		define_contents(desc, &s, recorded_objects(leaf, protection));
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();

	return custody_schema_encode(&s);
}
