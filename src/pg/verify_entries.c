/*
 * verify_entries.c
 *	  The entries of one transaction, for custody.verify().
 *
 * What an entry commits to is made from what is stored, so the commitments
 * always open; what the sealed root does not confirm was altered.  Which entry
 * it is, its mark tells.  Then comes what depends on it: the control events, the
 * lookup numbers, the state of the rows.
 *
 * Memory: an entry's values point into the chunk it was read from and live
 * until the next entry.  The caller's context is to be reset per transaction.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/verify_marks.h"

/* Withheld entries that are named when no erasure explains them. */
#define WITHHELD_NAMED 100

/* Entries of one leaf that are named when their marks differ. */
#define SUSPECTS_NAMED 100

void
custody_verify_entries_init(CustodyVerify *v)
{
	cc_private *p = &v->private_part;

	HASHCTL		ctl = {0};

	v->own_values = palloc(CC_MAX_COLUMNS * sizeof(cc_value));
	v->own_old_key = palloc(CC_MAX_COLUMNS * sizeof(cc_value));
	p->values = v->own_values;
	p->old_key = v->own_old_key;
	p->values_capacity = CC_MAX_COLUMNS;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(int64);
	ctl.hcxt = v->context;
	v->chunked = hash_create("custody transactions with chunks", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Transaction records */

bool
custody_verify_load_transaction(CustodyVerify *v, uint64 xact_id, int64 txn_no,
								const uint8 *root, CustodyTransaction *t)
{
	if (!custody_reader_transaction(xact_id, txn_no, v->snapshot, &t->row))
		return false;
	t->bytes = root == NULL ? t->row.record :
		custody_reader_sealed_record(t->row.record, root);
	t->readable = cc_record_decode(&t->record, VARDATA_ANY(t->bytes),
								   VARSIZE_ANY_EXHDR(t->bytes)) == CC_OK;
	return true;
}

void
custody_verify_transaction_columns(CustodyVerify *v, const CustodyTransaction *t)
{
	if (!t->readable)
		return;
	if (t->record.number != (uint64) t->row.txn_no)
		custody_verify_tampering(v, "transaction_altered", NULL, v->place.leaf_index, NULL,
								 "log_transaction has transaction %llu under number %lld",
								 (unsigned long long) t->record.number, (long long) t->row.txn_no);
	if (t->record.xid != t->row.xact_id)
		custody_verify_tampering(v, "transaction_altered", NULL, v->place.leaf_index,
								 psprintf("transaction %lld", (long long) t->row.txn_no),
								 "log_transaction has transaction id %llu where the record says %llu",
								 (unsigned long long) t->row.xact_id, (unsigned long long) t->record.xid);
}

/* Suspects */

/* Remember an entry that is not what was sealed, if the root says so too. */
static void
note_suspect(CustodyVerify *v, const cc_entry *e, const CustodyVerifyVersion *version)
{
	MemoryContext old;
	CustodyFinding *f;

	v->marks_wrong = true;
	if (list_length(v->suspects) >= SUSPECTS_NAMED)
		return;
	old = MemoryContextSwitchTo(v->scratch);
	f = palloc0(sizeof(CustodyFinding));
	f->severity = CUSTODY_TAMPERING;
	f->code = "entry_altered";
	f->relation = custody_verify_version_name(version);
	f->row_key = custody_verify_entry_key(v, e, version);
	f->leaf_index = v->place.leaf_index;
	f->message = "the entry is not the one that was sealed";
	f->detail = custody_verify_where(&v->place);
	v->suspects = lappend(v->suspects, f);
	MemoryContextSwitchTo(old);
}

void
custody_verify_suspects(CustodyVerify *v, bool same_root)
{
	ListCell   *lc;

	if (!same_root || v->marks_wrong)
		custody_verify_lookup_uncertain(v);
	if (!same_root && v->suspects != NIL)
	{
		int			kept = 0;

		for (int i = 0; i < v->found.n; i++)
			if (v->found.items[i].code != CC_F_ENTRIES_ALTERED)
				v->found.items[kept++] = v->found.items[i];
		v->found.n = kept;
		foreach(lc, v->suspects)
			custody_verify_report(v, lfirst(lc));
	}
	else if (same_root && v->marks_wrong)
		custody_verify_tampering(v, "marks_altered", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the stored marks of the transaction's entries are not theirs");
	v->suspects = NIL;			/* in scratch */
	v->marks_wrong = false;
}

/* Entries */

static void
note_withheld(CustodyVerify *v, const cc_entry *e)
{
	MemoryContext old;
	CustodyPlace *place;

	if (!cc_kind_is_row(e->kind) || v->private_part.form == CC_PRIVATE_WHOLE)
		return;
	custody_verify_lookup_uncertain(v);
	if (list_length(v->withheld) >= WITHHELD_NAMED)
		return;
	old = MemoryContextSwitchTo(v->context);
	place = palloc(sizeof(CustodyPlace));
	*place = v->place;
	v->withheld = lappend(v->withheld, place);
	MemoryContextSwitchTo(old);
}

/* The private part of an entry without or with values, for who comes next. */
static void
set_private(CustodyVerify *v, const cc_private *opened)
{
	cc_private *p = &v->private_part;

	if (opened != NULL)
	{
		*p = *opened;
		return;
	}
	p->form = CC_PRIVATE_ERASED;
	p->nvalues = 0;
	p->nold_key = 0;
	p->values = v->own_values;
	p->old_key = v->own_old_key;
	p->values_capacity = CC_MAX_COLUMNS;
}

static CustodyVerifyVersion *
find_version(CustodyVerify *v, uint32 relation, uint32 number)
{
	CustodyVerifyVersion *version = number == 0 ? NULL : custody_verify_version(v, number);

	return version != NULL && version->readable && version->relation_id == relation ?
		version : NULL;
}

static const cc_schema *
find_schema(void *arg, uint32 relation, uint32 number)
{
	CustodyVerifyVersion *version = find_version(arg, relation, number);

	return version ? &version->schema : NULL;
}

/* A row-level entry that nothing can be made of: what commits it is not known. */
static void
lost_entry(CustodyVerify *v, cc_audit *a, const CustodyEntryWalk *walk,
		   const CustodyVerifyVersion *version)
{
	cc_entry	e;

	custody_verify_lookup_uncertain(v);
	(void) cc_audit_entry(a, &e, walk->committed.data, walk->committed.len, &v->found);
	v->found.n = 0;
	if (version == NULL)
	{
		(void) cc_audit_private(a, &walk->head, NULL, &v->private_part, NULL, 0, &v->found);
		custody_verify_report_found(v, NULL, NULL);
		return;
	}
	custody_verify_tampering(v, "entry_altered", custody_verify_version_name(version),
							 v->place.leaf_index, custody_verify_where(&v->place),
							 "the private part is unreadable");
}

/* Give the engine an entry; false if it cannot be read. */
static bool
audit_entry(CustodyVerify *v, cc_audit *a, const CustodyEntryWalk *walk,
			const CustodyVerifyVersion *version, CustodyMarks *marks, cc_entry *e)
{
	bool		row = cc_kind_is_row(walk->head.kind);
	bool		good;

	if (row && walk->opened == NULL && walk->committed.len == CUSTODY_HEAD_BYTES)
	{
		lost_entry(v, a, walk, version);
		return false;
	}
	good = cc_audit_entry(a, e, walk->committed.data, walk->committed.len, &v->found);
	/* What the commitments were made from opens them. */
	if (good && walk->opened == NULL)
		(void) cc_audit_private(a, e, version ? &version->schema : NULL, &v->private_part,
								walk->private_part.data, walk->private_part.len, &v->found);
	if (!custody_marks_agree(marks, walk->entry_no, a->entry_hash))
		note_suspect(v, good ? e : NULL, version);
	if (!good)
		custody_verify_report_found(v, NULL, NULL);
	else
		custody_verify_report_found(v, e, version);
	return good;
}

/* Read an entry without judging it. */
static bool
read_entry(CustodyVerify *v, const CustodyEntryWalk *walk,
		   const CustodyVerifyVersion *version, cc_entry *e)
{
	*e = walk->head;
	if (!cc_entry_head_valid(e))
		return false;
	if (cc_kind_is_row(e->kind) && version != NULL &&
		cc_private_decode(&v->private_part, e, &version->schema, walk->private_part.data,
						  walk->private_part.len) != CC_OK)
		v->private_part.form = CC_PRIVATE_ERASED;
	return true;
}

static void
check_entry(CustodyVerify *v, cc_audit *a, const CustodyEntryWalk *walk, CustodyMarks *marks)
{
	CustodyVerifyVersion *version = NULL;
	cc_entry	e;

	if (walk->head.kind != CC_KIND_SCHEMA)
		version = find_version(v, walk->head.relation, walk->head.version);
	set_private(v, walk->opened);
	if (a != NULL ? !audit_entry(v, a, walk, version, marks, &e) :
		!read_entry(v, walk, version, &e))
		return;
	if (a != NULL && walk->opened != NULL && v->place.leaf_index >= 0)
		custody_verify_lookup_entry(v, walk);
	if (!cc_kind_is_row(e.kind))
		custody_verify_event(v, &e);
	if (version != NULL)
	{
		note_withheld(v, &e);
		custody_verify_state_entry(v, &e, version, walk->private_part);
	}
}

void
custody_verify_walk_begin(CustodyVerify *v, CustodyEntryWalk *walk, const CustodyTransactionRow *row)
{
	custody_reader_walk_row(walk, row->txn_no, row, v->snapshot);
	walk->find_schema = find_schema;
	walk->find_arg = v;
}

void
custody_verify_note_chunks(CustodyVerify *v, const CustodyTransactionRow *row)
{
	if (row->first_entry != 0)
		(void) hash_search(v->chunked, &row->txn_no, HASH_ENTER, NULL);
}

void
custody_verify_root(CustodyVerify *v, const CustodyTransactionRow *row,
					uint8 root[CC_DIGEST_SIZE])
{
	CustodyEntryWalk walk;
	cc_frontier entries;

	cc_frontier_init(&entries);
	custody_verify_walk_begin(v, &walk, row);
	custody_verify_note_chunks(v, row);
	while (custody_reader_walk_next(&walk))
	{
		uint8		hash[CC_DIGEST_SIZE];

		CHECK_FOR_INTERRUPTS();
		cc_merkle_leaf(hash, walk.committed.data, walk.committed.len);
		cc_frontier_append(&entries, hash);
	}
	custody_reader_walk_end(&walk);
	cc_frontier_root(&entries, root);
}

void
custody_verify_entries(CustodyVerify *v, cc_audit *a, const CustodyTransactionRow *row,
					   bool marked, const bytea *leaf_marks)
{
	CustodyEntryWalk walk;
	CustodyMarks		marks;
	bool		damaged;

	custody_verify_walk_begin(v, &walk, row);
	custody_verify_note_chunks(v, row);
	walk.heads_only = a == NULL;
	custody_marks_begin(&marks, v, marked, leaf_marks);
	while (custody_reader_walk_next(&walk))
	{
		CHECK_FOR_INTERRUPTS();
		v->place.entry_no = walk.entry_no;
		check_entry(v, a, &walk, &marks);
	}
	if (a != NULL && !custody_marks_end(&marks, walk.next_entry_no))
		v->marks_wrong = true;
	damaged = walk.damaged;
	custody_reader_walk_end(&walk);
	set_private(v, NULL);
	v->place.entry_no = -1;
	if (damaged && a != NULL)
	{
		custody_verify_lookup_uncertain(v);
		custody_verify_tampering(v, "chunk_altered", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the transaction's stored entries do not fit together");
	}
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

/* Chunks of transactions that have none. */
void
custody_verify_lost_chunks(CustodyVerify *v)
{
	CustodyScan chunks;
	int64		last = PG_INT64_MIN;

	custody_catalog_scan_begin(&chunks, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&chunks))
	{
		int64		txn_no = DatumGetInt64(custody_catalog_get(&chunks, Anum_chunk_txn_no));

		CHECK_FOR_INTERRUPTS();
		if (txn_no == last)
			continue;
		last = txn_no;
		if (hash_search(v->chunked, &txn_no, HASH_FIND, NULL) == NULL)
			custody_verify_tampering(v, "chunk_extra", NULL, CUSTODY_NO_LEAF,
									 psprintf("transaction %lld", (long long) txn_no),
									 "log_chunk has entries of transaction %lld, which has none there",
									 (long long) txn_no);
	}
	custody_catalog_scan_end(&chunks);
}
