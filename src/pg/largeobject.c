/*
 * largeobject.c
 *	  What a row's recorded state says of a large object it names.
 *
 * Pages are read from the catalog itself: the interface of large objects asks
 * for rights that who changes the row, or verifies it, need not have.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/large_object.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/digest.h"
#include "pg/compat.h"
#include "pg/largeobject.h"

/* A large object as it is read, page after page. */
typedef struct Reading
{
	uint64		length;			/* so far */
	bool		damaged;
	cc_sha256	hash;
} Reading;

static bool
object_exists(Oid loid, Snapshot snapshot)
{
	Relation	rel = table_open(LargeObjectMetadataRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, Anum_pg_largeobject_metadata_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(loid));
	scan = systable_beginscan(rel, LargeObjectMetadataOidIndexId, true,
							  snapshot, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* What was never written reads as zeros. */
static void
add_zeros(Reading *r, uint64 until)
{
	static const uint8 zeros[LOBLKSIZE];

	while (r->length < until)
	{
		size_t		n = Min(until - r->length, sizeof(zeros));

		CHECK_FOR_INTERRUPTS();
		cc_sha256_update(&r->hash, zeros, n);
		r->length += n;
	}
}

/* Pages are shorter than the server would write only at the end. */
static void
add_page(Reading *r, int32 pageno, struct varlena *data)
{
	struct varlena *plain = PG_DETOAST_DATUM(PointerGetDatum(data));
	Size		len = VARSIZE(plain) - VARHDRSZ;
	uint64		start = (uint64) pageno * LOBLKSIZE;

	if (pageno < 0 || len > LOBLKSIZE || start < r->length)
		r->damaged = true;
	else
	{
		add_zeros(r, start);
		cc_sha256_update(&r->hash, VARDATA(plain), len);
		r->length += len;
	}
	if (plain != data)
		pfree(plain);
}

static void
read_pages(Reading *r, Oid loid, Snapshot snapshot)
{
	Relation	rel = table_open(LargeObjectRelationId, AccessShareLock);
	Relation	index = index_open(LargeObjectLOidPNIndexId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_largeobject_loid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(loid));
	scan = systable_beginscan_ordered(rel, index, snapshot, 1, &key);
	while (!r->damaged &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		Form_pg_largeobject page = (Form_pg_largeobject) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (HeapTupleHasNulls(tuple))
			r->damaged = true;
		else
			add_page(r, page->pageno, (struct varlena *) &page->data);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
}

char *
custody_largeobject_text(Oid loid, Snapshot snapshot)
{
	Reading		r = {0};
	uint8		digest[CC_DIGEST_SIZE];
	char		hex[2 * CC_DIGEST_SIZE + 1];

	if (!object_exists(loid, snapshot))
		return "missing";
	cc_sha256_init(&r.hash);
	read_pages(&r, loid, snapshot);
	if (r.damaged)
		return "damaged";
	cc_sha256_final(&r.hash, digest);
	hex_encode((char *) digest, sizeof(digest), hex);
	hex[sizeof(hex) - 1] = '\0';
	return psprintf(UINT64_FORMAT " sha256:%s", r.length, hex);
}

Snapshot
custody_largeobject_snapshot(bool own)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

	snapshot->curcid = own ? InvalidCommandId : FirstCommandId;
	return snapshot;
}

static int64
count_changes(Oid relid)
{
	Datum		oid = ObjectIdGetDatum(relid);

	return DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_inserted, oid)) +
		DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_updated, oid)) +
		DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_deleted, oid));
}

int64
custody_largeobject_changes(void)
{
	if (!pgstat_track_counts)
		return -1;
	return count_changes(LargeObjectRelationId) +
		count_changes(LargeObjectMetadataRelationId);
}
