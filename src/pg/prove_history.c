/*
 * prove_history.c
 *	  SQL: prove_history(relation, key, old_size, new_size).
 *
 * Proves the life of one row between two checkpoints (doc/format.md section
 * 9.4).  What the caller may see of the past is what history() shows him.
 *
 * A proof is checked before it is handed out, as in prove.c, with one exception:
 * where the ledger itself says that a version overwrote something that was never
 * recorded, the proof says so too, and a warning does.
 *
 * Locks: AccessShareLock on the ledger.  Memory: current context.  Transaction
 * state: an active snapshot.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/historyproof.h"
#include "pg/compat.h"
#include "pg/entrytree.h"
#include "pg/error.h"
#include "pg/prove.h"
#include "pg/prove_row.h"
#include "pg/reader.h"
#include "pg/rowkey.h"
#include "pg/rowlife.h"

PG_FUNCTION_INFO_V1(custody_sql_prove_history);

/* A proof being made. */
typedef struct Maker
{
	cc_history	h;
	const CustodySigned *signed_log;
	Snapshot	snapshot;
	cc_record	record;			/* of the last item */
	const CustodyLifeEntry *before; /* last version */
} Maker;

static cc_slice
copy_hashes(uint8 (*hashes)[CC_DIGEST_SIZE], int n)
{
	cc_slice	s;

	s.len = (size_t) n * CC_DIGEST_SIZE;
	s.data = palloc(s.len + 1);
	memcpy((uint8 *) s.data, hashes, s.len);
	return s;
}

static cc_slice
slice_of(const bytea *bytes)
{
	return custody_reader_slice(bytes);
}

/* The transaction of an item that is the first of it. */
static void
set_transaction(Maker *m, cc_history_item *item, const CustodyLifeEntry *e)
{
	bytea	   *record = custody_reader_record(e->txn_no, SnapshotSelf);
	cc_tlog_proof *p = palloc0(sizeof(cc_tlog_proof));
	uint8		hash[CC_DIGEST_SIZE];

	custody_check_ledger(record == NULL ? CC_E_TRUNCATED : CC_OK, "transaction record");
	item->leaf_index = (uint64) e->leaf_index;
	item->record_bytes = slice_of(record);
	custody_check_ledger(cc_record_decode(&m->record, item->record_bytes.data,
										  item->record_bytes.len), "transaction record");
	cc_merkle_leaf(hash, item->record_bytes.data, item->record_bytes.len);
	custody_prove_inclusion(p, item->leaf_index, hash, m->signed_log, m->snapshot);
	item->leaf_path = copy_hashes(p->hashes, p->nhashes);
	pfree(p);
}

/* Number of a definition. */
static uint32
number_schema(Maker *m, CustodyLayout *layout)
{
	cc_slice	definition = slice_of(layout->definition);
	size_t		i;

	for (i = 0; i < m->h.nschemas; i++)
		if (m->h.schemas[i].len == definition.len &&
			memcmp(m->h.schemas[i].data, definition.data, definition.len) == 0)
			return (uint32) i;
	m->h.schemas[m->h.nschemas++] = definition;
	return (uint32) i;
}

/* A long value that the version before has, too, is given by reference. */
static void
refer_back(cc_value *value, const CustodyLifeEntry *before)
{
	int			n = before->layout->decoded->schema.ncolumns;

	for (int i = 0; value->form == CC_VALUE_LONG && i < n; i++)
		if (cc_value_equal(value, &before->values[i]))
			value->form = CC_VALUE_REFERENCE;
}

/* The entry's values as the proof has them. */
static cc_value *
proof_values(const Maker *m, const CustodyLifeEntry *e)
{
	int			n = e->layout->decoded->schema.ncolumns;
	cc_value   *values;

	if (m->before == NULL || !cc_kind_has_row(e->head.kind) ||
		!cc_kind_has_row(m->before->head.kind))
		return e->values;
	values = palloc((n + 1) * sizeof(cc_value));
	memcpy(values, e->values, n * sizeof(cc_value));
	for (int i = 0; i < n; i++)
		refer_back(&values[i], m->before);
	return values;
}

static void
set_values(Maker *m, cc_history_item *item, const CustodyLifeEntry *e)
{
	const cc_schema *s = &e->layout->decoded->schema;
	bool	   *open = palloc(s->ncolumns + 1);
	cc_redacted_past past;

	memset(open, true, s->ncolumns + 1);
	past.overwritten = e->show_overwritten ? e->row_digest : NULL;
	past.old_key = e->old_key;
	item->is_version = true;
	item->schema = number_schema(m, e->layout);
	item->private_part = custody_prove_redacted(&e->head, s, e->secret, proof_values(m, e),
												open, &past);
	m->before = e;
	pfree(open);
}

static void
add_item(Maker *m, const CustodyLifeEntry *e)
{
	cc_history_item *item = &m->h.items[m->h.nitems];
	uint8	   *committed = palloc(CC_ROW_ENTRY_MAX + e->head.body.len);
	uint8		path[CC_FRONTIER_MAX + 1][CC_DIGEST_SIZE];
	uint8		hash[CC_DIGEST_SIZE];
	cc_writer	w;
	int			n;

	CHECK_FOR_INTERRUPTS();
	if (m->h.nitems > 0 && item[-1].leaf_index == (uint64) e->leaf_index)
	{
		*item = item[-1];
		item->is_version = false;
	}
	else
		set_transaction(m, item, e);
	cc_writer_init(&w, committed, CC_ROW_ENTRY_MAX + e->head.body.len);
	cc_write_entry(&w, &e->head);
	custody_check_ledger(w.status, "entry of the row");
	item->committed.data = committed;
	item->committed.len = w.len;
	item->entry_no = (uint64) e->entry_no;
	cc_merkle_leaf(hash, committed, w.len);
	n = custody_entrytree_prove(path, e->txn_no, item->entry_no, hash, &m->record,
								SnapshotSelf);
	item->path = copy_hashes(path, n);
	if (e->open)
		set_values(m, item, e);
	m->h.nitems++;
}

static void
add_growth(Maker *m, const CustodySigned *old_log)
{
	cc_tlog_proof *p = palloc0(sizeof(cc_tlog_proof));

	custody_prove_growth(p, old_log, m->signed_log, m->snapshot);
	m->h.has_old = true;
	m->h.old_note = slice_of(old_log->note);
	m->h.growth = copy_hashes(p->hashes, p->nhashes);
	pfree(p);
}

static text *
write_text(const Maker *m)
{
	cc_slice	note = slice_of(m->signed_log->note);
	cc_writer	w;
	text	   *result;

	cc_writer_init(&w, NULL, 0);
	cc_history_format(&w, &m->h);
	if (w.len + note.len > MaxAllocSize / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("proof is too large"),
				 errdetail("It would take %zu bytes; the limit is %zu.",
						   w.len + note.len, (size_t) MaxAllocSize / 2),
				 errhint("Prove the history in parts, with old_size and new_size.")));
	result = palloc(VARHDRSZ + w.len + note.len);
	SET_VARSIZE(result, VARHDRSZ + w.len + note.len);
	cc_writer_init(&w, VARDATA(result), w.len);
	cc_history_format(&w, &m->h);
	memcpy(VARDATA(result) + w.len, note.data, note.len);
	return result;
}

/*
 * Everything but the signature must hold.  A version that does not follow from
 * the one before it is what the ledger says.
 */
static void
check_text(const char *table, text *proof)
{
	cc_history *h = palloc0(sizeof(cc_history));
	cc_history_room *room = palloc(sizeof(cc_history_room));
	size_t		len = VARSIZE_ANY_EXHDR(proof);
	char	   *copy = palloc(len + 1);
	cc_proof_step step = CC_STEP_FORM;
	cc_status	status;
	size_t		at = 0;

	cc_history_measure(VARDATA_ANY(proof), len, &h->schema_capacity, &h->item_capacity);
	h->schemas = palloc((h->schema_capacity + 1) * sizeof(cc_slice));
	h->items = palloc((h->item_capacity + 1) * sizeof(cc_history_item));
	memcpy(copy, VARDATA_ANY(proof), len);
	status = cc_history_parse(h, copy, len);
	if (status == CC_OK)
		status = cc_history_check(h, room, NULL, 0, &step, &at);
	if (step == CC_STEP_LINK)
		ereport(WARNING,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("a version of the row of table \"%s\" does not follow from the one before it", table),
				 errdetail("The proof will not verify: entry " UINT64_FORMAT " of leaf " UINT64_FORMAT " changed something that was never recorded.",
						   h->items[at].entry_no, h->items[at].leaf_index),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	else if (step != CC_STEP_SIGNATURE)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("stored values of the row are not those that its entries committed to"),
				 errdetail("A proof made of them would not verify: %s.", cc_proof_step_text(step)),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	pfree(room);
	pfree(copy);
}

/* SQL */

static void
refuse_none(const char *table, bool unsealed, bool latest)
{
	if (unsealed && latest)
		custody_prove_refuse_unsealed(table);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("nothing is recorded about that row of table \"%s\" between these checkpoints", table),
			 unsealed ? errdetail("It was recorded later.") :
			 errdetail("No entry that you may see has this key."),
			 errhint("custody.history('%s') lists what is recorded.", table)));
}

static CustodySigned *
signed_argument(FunctionCallInfo fcinfo, int n, Snapshot snapshot)
{
	int64		size = PG_ARGISNULL(n) ? 0 : PG_GETARG_INT64(n);

	return custody_prove_signed(PG_ARGISNULL(n) ? NULL : &size, snapshot);
}

/* custody.prove_history(relation regclass, key jsonb, old_size bigint, new_size bigint) returns text */
Datum
custody_sql_prove_history(PG_FUNCTION_ARGS)
{
	Oid			relid = custody_prove_relation(fcinfo, "prove_history");
	const char *table = get_rel_name(relid);
	Maker		m = {0};
	CustodySigned *old_log = NULL;
	bool		unsealed;
	List	   *entries;
	ListCell   *lc;
	text	   *result;

	custody_rowkey_require_select(relid);
	m.snapshot = GetActiveSnapshot();
	m.signed_log = signed_argument(fcinfo, 3, m.snapshot);
	if (!PG_ARGISNULL(2))
	{
		old_log = signed_argument(fcinfo, 2, m.snapshot);
		add_growth(&m, old_log);
	}
	entries = custody_rowlife(relid, PG_GETARG_JSONB_P(1), m.signed_log->checkpoint.size,
							  old_log == NULL ? 0 : old_log->checkpoint.size,
							  m.snapshot, &unsealed);
	if (entries == NIL)
		refuse_none(table, unsealed, PG_ARGISNULL(3));
	m.h.items = palloc0(list_length(entries) * sizeof(cc_history_item));
	m.h.schemas = palloc0(list_length(entries) * sizeof(cc_slice));
	foreach(lc, entries)
		add_item(&m, lfirst(lc));
	result = write_text(&m);
	check_text(table, result);
	PG_RETURN_TEXT_P(result);
}
