/*
 * verify_entries.c
 *	  The entries of one transaction, for custody.verify().
 *
 * Each entry goes through the engine, then to what depends on it: the control
 * events, the chunk's lookup numbers, the state of the rows.
 *
 * Memory: an entry's values point into the chunk it was read from and live
 * until the next entry.  The caller's context is to be reset per transaction.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/xid8.h"

#include "pg/reader.h"
#include "pg/verify.h"

/* Withheld entries that are named when no erasure explains them. */
#define WITHHELD_NAMED 100

/* The lookup numbers of one chunk against those of its entries. */
typedef struct LookupCheck
{
	const int64 *numbers;
	int			n;
	int			next;
	bool		uncertain;		/* some entry's numbers are not known */
	bool		wrong;
} LookupCheck;

void
custody_verify_entries_init(CustodyVerify *v)
{
	cc_private *p = &v->private_part;

	p->values = palloc(CC_MAX_COLUMNS * sizeof(cc_value));
	p->old_key = palloc(CC_MAX_COLUMNS * sizeof(cc_value));
	p->values_capacity = CC_MAX_COLUMNS;
}

/* Transaction records */

bool
custody_verify_load_transaction(CustodyVerify *v, int64 txn_no, CustodyTransaction *t)
{
	CustodyScan scan;
	ScanKeyData key;
	bool		found;

	custody_catalog_key_int8(&key, Anum_transaction_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_PKEY,
							   v->snapshot, ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
	{
		t->txn_no = txn_no;
		t->xact_id = U64FromFullTransactionId(DatumGetFullTransactionId(custody_catalog_get(&scan, Anum_transaction_xact_id)));
		t->bytes = custody_catalog_get_bytea(&scan, Anum_transaction_record);
		t->readable = cc_record_decode(&t->record, VARDATA_ANY(t->bytes),
									   VARSIZE_ANY_EXHDR(t->bytes)) == CC_OK;
	}
	custody_catalog_scan_end(&scan);
	return found;
}

void
custody_verify_transaction_columns(CustodyVerify *v, const CustodyTransaction *t)
{
	if (!t->readable)
		return;
	if (t->record.number != (uint64) t->txn_no)
		custody_verify_tampering(v, "transaction_altered", NULL, v->place.leaf_index, NULL,
								 "log_transaction has transaction %llu under number %lld",
								 (unsigned long long) t->record.number, (long long) t->txn_no);
	if (t->record.xid != t->xact_id)
		custody_verify_tampering(v, "transaction_altered", NULL, v->place.leaf_index,
								 psprintf("transaction %lld", (long long) t->txn_no),
								 "log_transaction has transaction id %llu where the record says %llu",
								 (unsigned long long) t->xact_id, (unsigned long long) t->record.xid);
}

/* Lookup numbers */

static void
lookup_begin(LookupCheck *check, ArrayType *lookup)
{
	memset(check, 0, sizeof(*check));
	if (ARR_NDIM(lookup) == 0)
		return;
	if (ARR_NDIM(lookup) != 1 || ARR_HASNULL(lookup) || ARR_ELEMTYPE(lookup) != INT8OID)
	{
		check->wrong = true;
		return;
	}
	check->numbers = (const int64 *) ARR_DATA_PTR(lookup);
	check->n = ARR_DIMS(lookup)[0];
}

/* The next number must be this one, or a later one after a gap. */
static void
lookup_expect(LookupCheck *check, int64 number)
{
	int			i = check->next;

	while (check->uncertain && i < check->n && check->numbers[i] != number)
		i++;
	if (i >= check->n || check->numbers[i] != number)
		check->wrong = true;
	else
		check->next = i + 1;
}

static void
lookup_entry(CustodyVerify *v, LookupCheck *check, const cc_entry *e,
			 const CustodyVerifyVersion *version, bool sound)
{
	int64_t		numbers[3];
	int			n;

	if (!cc_kind_is_row(e->kind))
		return;
	if (!sound || v->private_part.form != CC_PRIVATE_WHOLE)
	{
		check->uncertain = true;
		return;
	}
	n = cc_private_lookups(numbers, e, &version->schema, &v->private_part);
	for (int i = 0; i < n; i++)
		lookup_expect(check, numbers[i]);
}

static void
lookup_end(CustodyVerify *v, const LookupCheck *check, const CustodyChunk *chunk)
{
	if (!check->wrong && (check->uncertain || check->next == check->n))
		return;
	custody_verify_tampering(v, "lookup_altered", NULL, v->place.leaf_index,
							 psprintf("transaction %lld, entries from %lld",
									  (long long) chunk->txn_no, (long long) chunk->first_entry),
							 "the lookup numbers in log_chunk are not those of the entries");
}

/* Entries */

static void
note_withheld(CustodyVerify *v, const cc_entry *e)
{
	MemoryContext old;
	CustodyPlace *place;

	if (!cc_kind_is_row(e->kind) || v->private_part.form == CC_PRIVATE_WHOLE ||
		list_length(v->withheld) >= WITHHELD_NAMED)
		return;
	old = MemoryContextSwitchTo(v->context);
	place = palloc(sizeof(CustodyPlace));
	*place = v->place;
	v->withheld = lappend(v->withheld, place);
	MemoryContextSwitchTo(old);
}

/* Decode an entry, through the engine if there is one. */
static bool
read_entry(CustodyVerify *v, cc_audit *a, cc_entry *e, const cc_slice *committed)
{
	if (a != NULL)
		return cc_audit_entry(a, e, committed->data, committed->len, &v->found);
	return cc_entry_decode(e, committed->data, committed->len) == CC_OK;
}

static void
read_private(CustodyVerify *v, cc_audit *a, const cc_entry *e,
			 const cc_schema *schema, const cc_slice *bytes)
{
	cc_private *p = &v->private_part;

	p->form = CC_PRIVATE_ERASED;
	p->nvalues = 0;
	p->nold_key = 0;
	if (a != NULL)
		(void) cc_audit_private(a, e, schema, p, bytes->data, bytes->len, &v->found);
	else if (cc_kind_is_row(e->kind) && schema != NULL &&
			 cc_private_decode(p, e, schema, bytes->data, bytes->len) != CC_OK)
		p->form = CC_PRIVATE_ERASED;
}

static void
check_entry(CustodyVerify *v, cc_audit *a, const CustodyEntryWalk *walk, LookupCheck *lookups)
{
	CustodyVerifyVersion *version;
	cc_entry	e;
	bool		sound;

	if (!read_entry(v, a, &e, &walk->committed))
	{
		lookups->uncertain = true;
		custody_verify_report_found(v, NULL, NULL);
		return;
	}
	version = e.version == 0 || e.kind == CC_KIND_SCHEMA ? NULL :
		custody_verify_version(v, e.version);
	if (version != NULL && (!version->readable || version->relation_id != e.relation))
		version = NULL;
	read_private(v, a, &e, version ? &version->schema : NULL, &walk->private_part);
	sound = v->found.n == 0 && version != NULL;
	custody_verify_report_found(v, &e, version);
	lookup_entry(v, lookups, &e, version, sound);
	if (!cc_kind_is_row(e.kind))
		custody_verify_event(v, &e);
	if (version != NULL)
	{
		note_withheld(v, &e);
		custody_verify_state_entry(v, &e, version, walk->private_part);
	}
}

void
custody_verify_entries(CustodyVerify *v, cc_audit *a)
{
	CustodyEntryWalk walk;
	LookupCheck lookups;
	bool		damaged;

	custody_reader_walk_begin(&walk, v->place.txn_no, v->snapshot);
	while (custody_reader_walk_next(&walk))
	{
		CHECK_FOR_INTERRUPTS();
		v->place.entry_no = walk.entry_no;
		if (walk.first_in_chunk)
			lookup_begin(&lookups, walk.chunk.lookup);
		check_entry(v, a, &walk, &lookups);
		if (walk.last_in_chunk && a != NULL)
			lookup_end(v, &lookups, &walk.chunk);
	}
	damaged = walk.damaged;
	custody_reader_walk_end(&walk);
	v->place.entry_no = -1;
	if (damaged && a != NULL)
		custody_verify_tampering(v, "chunk_altered", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the transaction's chunks in log_chunk do not fit together");
}

/* Over the whole ledger */

/*
 * The number of entries whose values are withheld must be what the erasure
 * entries count; without any erasure each of them is named.
 */
void
custody_verify_withheld(CustodyVerify *v, const cc_audit *a)
{
	ListCell   *lc;

	if (a->withheld <= a->erasures)
		return;
	if (a->erasures > 0)
	{
		custody_verify_tampering(v, "erasure_unexplained", NULL, CUSTODY_NO_LEAF, NULL,
								 "%llu entries have no readable values, erasures explain %llu",
								 (unsigned long long) a->withheld, (unsigned long long) a->erasures);
		return;
	}
	foreach(lc, v->withheld)
	{
		CustodyPlace *place = lfirst(lc);

		custody_verify_tampering(v, "erasure_unexplained", NULL, place->leaf_index,
								 custody_verify_where(place),
								 "an entry's values are gone without an erasure");
	}
}

/* Both relations are read in order of transaction number and merged. */
void
custody_verify_lost_chunks(CustodyVerify *v)
{
	CustodyScan chunks;
	CustodyScan transactions;
	bool		have;
	int64		last = PG_INT64_MIN;

	custody_catalog_scan_begin(&chunks, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	custody_catalog_scan_begin(&transactions, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	have = custody_catalog_scan_next(&transactions);
	while (custody_catalog_scan_next(&chunks))
	{
		int64		txn_no = DatumGetInt64(custody_catalog_get(&chunks, Anum_chunk_txn_no));

		CHECK_FOR_INTERRUPTS();
		if (txn_no == last)
			continue;
		last = txn_no;
		while (have && DatumGetInt64(custody_catalog_get(&transactions, Anum_transaction_txn_no)) < txn_no)
			have = custody_catalog_scan_next(&transactions);
		if (!have || DatumGetInt64(custody_catalog_get(&transactions, Anum_transaction_txn_no)) != txn_no)
			custody_verify_tampering(v, "chunk_extra", NULL, CUSTODY_NO_LEAF,
									 psprintf("transaction %lld", (long long) txn_no),
									 "log_chunk has entries of transaction %lld, which has no record",
									 (long long) txn_no);
	}
	custody_catalog_scan_end(&transactions);
	custody_catalog_scan_end(&chunks);
}
