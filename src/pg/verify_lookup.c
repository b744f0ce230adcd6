/*
 * verify_lookup.c
 *	  log_lookup against the sealed entries, for custody.verify().
 *
 * log_lookup decides nothing, but an entry that it does not name is not found
 * by custody.history().  Every item is turned into a number by a key drawn for
 * this run, and so is what the entries say should be there; the sums must be
 * equal, and so the sets, but for a chance of one in 2^64 that nobody can work
 * towards without the key.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/lookuprun.h"
#include "pg/verify.h"

typedef struct CustodyVerifyLookup
{
	uint64		key[2];
	bool		uncertain;
	CustodyLookupSum expected;
	CustodyLookupSum found;
} CustodyVerifyLookup;

void
custody_verify_lookup_init(CustodyVerify *v)
{
	v->lookup = palloc0(sizeof(CustodyVerifyLookup));
	custody_check_crypto(cc_random(v->lookup->key, sizeof(v->lookup->key)),
						 "draw random bytes");
}

/* A bijection in which every bit depends on every other. */
static uint64
mix(uint64 h)
{
	h = (h ^ (h >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static uint64
weigh(const CustodyVerifyLookup *l, const CustodyLookupItem *item)
{
	uint64		h = mix((uint64) item->number ^ l->key[0]);

	h = mix(h + (uint64) item->leaf_index);
	h = mix(h + (uint64) item->entry_no);
	return mix(h ^ l->key[1]);
}

uint64 *
custody_verify_lookup_key(CustodyVerify *v)
{
	return v->lookup->key;
}

static void
add_item(const CustodyVerifyLookup *l, CustodyLookupSum *sum, const CustodyLookupItem *item)
{
	sum->sum += weigh(l, item);
	sum->count++;
}

void
custody_verify_lookup_weigh(CustodyVerify *v, const CustodyEntryWalk *walk, CustodyLookupSum *sum)
{
	CustodyLookupItem item;
	int64_t		numbers[3];
	int			n = cc_private_lookups(numbers, &walk->head, walk->schema, walk->opened);

	item.leaf_index = v->place.leaf_index;
	item.entry_no = walk->entry_no;
	for (int i = 0; i < n; i++)
	{
		item.number = numbers[i];
		add_item(v->lookup, sum, &item);
	}
}

void
custody_verify_lookup_entry(CustodyVerify *v, const CustodyEntryWalk *walk)
{
	custody_verify_lookup_weigh(v, walk, &v->lookup->expected);
}

void
custody_verify_lookup_add(CustodyVerify *v, const CustodyLookupSum *sum)
{
	v->lookup->expected.count += sum->count;
	v->lookup->expected.sum += sum->sum;
}

void
custody_verify_lookup_uncertain(CustodyVerify *v)
{
	v->lookup->uncertain = true;
}

/* Weigh the items of a row; false if it cannot be taken apart. */
static bool
read_row(CustodyVerifyLookup *l, const bytea *bytes, int64 first_number, int64 *last_number)
{
	CustodyLookupRow row;

	custody_lookup_row_begin(&row, first_number, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	while (custody_lookup_row_next(&row))
		add_item(l, &l->found, &row.item);
	*last_number = row.item.number;
	return row.r.status == CC_OK;
}

/* All rows; false if a lookup would not find its way in them. */
static bool
read_rows(CustodyVerify *v)
{
	CustodyScan scan;
	bool		sound = true;
	CustodyLookupRun run = {-1, -1};
	int64		last_number = PG_INT64_MIN;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LOOKUP, CUSTODY_LOOKUP_RUN, v->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		int16		level = DatumGetInt16(custody_catalog_get(&scan, Anum_lookup_level));
		int64		number = DatumGetInt64(custody_catalog_get(&scan, Anum_lookup_run));
		int64		first = DatumGetInt64(custody_catalog_get(&scan, Anum_lookup_first_number));
		bytea	   *bytes = custody_catalog_get_bytea(&scan, Anum_lookup_items);

		CHECK_FOR_INTERRUPTS();
		if (level < 0 || level > CUSTODY_LOOKUP_MAX_LEVEL ||
			(level == run.level && number == run.run && first < last_number))
			sound = false;
		run.level = level;
		run.run = number;
		sound &= read_row(v->lookup, bytes, first, &last_number);
		pfree(bytes);
	}
	custody_catalog_scan_end(&scan);
	return sound;
}

void
custody_verify_lookup_end(CustodyVerify *v)
{
	CustodyVerifyLookup *l = v->lookup;
	CustodyFinding f = {CUSTODY_WARNING, "lookup_incomplete", "custody.log_lookup", (Datum) 0,
	CUSTODY_NO_LEAF};
	bool		sound;

	if (l->uncertain)
		return;
	sound = read_rows(v);
	if (sound && l->found.sum == l->expected.sum && l->found.count == l->expected.count)
		return;
	f.message = psprintf("log_lookup names %lld times an entry, the sealed entries have %lld lookup numbers",
						 (long long) l->found.count, (long long) l->expected.count);
	f.detail = "custody.history() may miss entries; custody.rebuild_lookup() makes it again";
	custody_verify_report(v, &f);
}
