/*
 * prove_row.c
 *	  SQL: prove_row(relation, key, columns, at).
 *
 * Proves the version of a row that was in force at a time, or its deletion,
 * among what is sealed.  Several rows may share a key (tables without one, and
 * keys that swap places within a statement): then the version of one that
 * stands is proven.
 *
 * What the caller may see of the past is what history() shows him; but to prove
 * some columns, SELECT on these and on the key columns is enough.
 *
 * Locks: AccessShareLock on the ledger.  Memory: current context.  Transaction
 * state: an active snapshot; what applications' transactions wrote is read
 * without predicate locks, see past.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/rowproof.h"
#include "pg/entrytree.h"
#include "pg/error.h"
#include "pg/prove.h"
#include "pg/prove_row.h"
#include "pg/rowhistory.h"
#include "pg/rowjson.h"
#include "pg/salter.h"

PG_FUNCTION_INFO_V1(custody_sql_prove_row);

/* Where an entry is. */
typedef struct Place
{
	cc_kind		kind;
	int64		leaf_index;
	int64		txn_no;
	int64		first_entry;
	int64		entry_no;
	uint32		version;
} Place;

/* What a row's history says about it at a time. */
typedef struct Life
{
	bool		has_at;
	TimestampTz at;
	uint64		size;			/* of the signed log */
	bool		keyed;			/* key columns, not the whole row */
	int64		standing;		/* rows of the key */
	Place		version;		/* last that left one standing */
	Place		end;			/* last that took one away; kind 0: none did */
	Place		baseline;		/* last of them */
	bool		later;			/* there are entries after the time */
	bool		unsealed;
} Life;

/* Find the version */

static Place
place_of(const CustodyPastEntry *entry)
{
	Place		place;

	place.kind = entry->head.kind;
	place.leaf_index = entry->leaf_index;
	place.txn_no = entry->txn_no;
	place.first_entry = entry->first_entry;
	place.entry_no = entry->entry_no;
	place.version = entry->head.version;
	return place;
}

/* A baseline says what is there: what stood before it counts no more. */
static void
follow_baseline(Life *life, Place place)
{
	if (life->keyed || life->baseline.txn_no != place.txn_no ||
		life->baseline.version != place.version)
		life->standing = 0;
	life->baseline = place;
	life->version = place;
	life->standing++;
}

/* Follow an entry; stands: is the row there after it? */
static void
follow(Life *life, const CustodyPastEntry *entry, bool stands)
{
	Place		place = place_of(entry);
	bool		same_key = !(entry->head.flags & CC_ENTRY_KEY_CHANGED);

	if (place.kind == CC_KIND_BASELINE)
		follow_baseline(life, place);
	else if (stands)
	{
		if (place.kind == CC_KIND_UPDATE && same_key)
			life->standing = Max(life->standing, 1);
		else
			life->standing++;
		life->version = place;
	}
	else
	{
		bool		all = !cc_kind_is_row(place.kind);

		life->standing = all ? 0 : Max(life->standing - 1, 0);
		life->end = place;
	}
}

static void
follow_row(Life *life, CustodyRowHistory *h)
{
	CustodyPastEntry *entry;

	while ((entry = custody_rowhistory_next(h)) != NULL)
	{
		if (entry->leaf_index < 0 || (uint64) entry->leaf_index >= life->size)
			life->unsealed = true;
		else if (entry->record == NULL)
			continue;
		else if (life->has_at && custody_past_time(entry->record->commit_time) > life->at)
			life->later = true;
		else
			follow(life, entry, h->present);
	}
}

void
custody_prove_refuse_unsealed(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("row of table \"%s\" is not sealed yet", table),
			 errdetail("A proof leads to a signed checkpoint, and none covers the row."),
			 errhint("Run \"SELECT custody.seal()\" first.")));
}

static void
refuse_gone(const Life *life, const char *table)
{
	bool		renamed = life->end.kind == CC_KIND_UPDATE;

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("row of table \"%s\" does not exist at the time asked for", table),
			 renamed ? errdetail("Its key was changed.") :
			 errdetail("It went with the whole table (%s), which names no row.",
					   cc_kind_name(life->end.kind)),
			 renamed ? errhint("Name the row by its new key, or an earlier time with \"at\".") :
			 errhint("Name an earlier time with \"at\".")));
}

static void
refuse_unknown(const Life *life, const char *table, bool erased)
{
	if (life->later)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no version of the row of table \"%s\" is as old", table),
				 errdetail("Every sealed entry of the row is of a later time."),
				 errhint("Name a later time with \"at\"; custody.history() lists the versions.")));
	if (life->unsealed)
		custody_prove_refuse_unsealed(table);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("nothing is recorded about that row of table \"%s\"", table),
			 erased ? errdetail("Its values may have been erased.") :
			 errdetail("No entry that you may see has this key."),
			 errhint("custody.history('%s') lists what is recorded.", table)));
}

/* The entry to prove. */
static Place
choose(Life *life, CustodyRowHistory *h)
{
	const char *table = get_rel_name(h->relid);

	follow_row(life, h);
	if (life->standing > 0)
		return life->version;
	if (life->end.kind == 0)
		refuse_unknown(life, table, h->erased);
	if (life->end.kind != CC_KIND_DELETE)
		refuse_gone(life, table);
	return life->end;
}

/* Columns and privileges */

/* Names in an array, in the server's encoding; NIL if it is empty. */
static List *
column_names(ArrayType *array)
{
	List	   *names = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"columns\" must not contain NULL"),
					 errdetail("Each element names a column to disclose."),
					 errhint("Leave the argument out to disclose all columns.")));
		names = lappend(names, NameStr(*DatumGetName(elements[i])));
	}
	return names;
}

static bool
may_select(Oid relid, const char *column)
{
	AttrNumber	attnum = column == NULL ? 0 : get_attnum(relid, column);

	return attnum > 0 &&
		pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * Raise unless the user may SELECT the table, or the named columns.  A column
 * is judged by the name it has now: one that is gone takes the whole table.
 */
static void
require_columns(Oid relid, bool all, List *names)
{
	ListCell   *lc;
	bool		granted = !all;

	foreach(lc, names)
		granted = granted && may_select(relid, lfirst(lc));
	if (!granted)
		custody_rowkey_require_select(relid);
}

/* Names of a version's key columns; NULL among them: not text of this encoding. */
static List *
key_names(const cc_schema *s)
{
	const uint16_t *positions = cc_schema_key_positions(s);
	List	   *names = NIL;

	for (int i = 0; i < cc_schema_key_count(s); i++)
	{
		const cc_column *column = &s->columns[positions ? positions[i] : i];

		names = lappend(names, custody_rowjson_text(column->name.data, column->name.len));
	}
	return names;
}

static int
find_column(const cc_schema *s, const char *name)
{
	for (int i = 0; i < s->ncolumns; i++)
		if (s->columns[i].name.len == strlen(name) &&
			memcmp(s->columns[i].name.data, name, s->columns[i].name.len) == 0)
			return i;
	return -1;
}

/* Position of a named column in a version; by its name now if it had another. */
static int
find_position(const cc_schema *s, const cc_schema *newest, const char *name)
{
	const char *stored = pg_server_to_any(name, strlen(name), PG_UTF8);
	int			position = find_column(s, stored);
	int			now;

	if (position >= 0)
		return position;
	now = find_column(newest, stored);
	return now < 0 ? -1 : custody_layout_match(newest, now, s);
}

/* Which columns the proof shows. */
static bool *
open_columns(const cc_schema *s, const CustodyRowHistory *h, bool all, List *names)
{
	const uint16_t *keys = cc_schema_key_positions(s);
	bool	   *open = palloc0(s->ncolumns + 1);
	ListCell   *lc;

	for (int i = 0; i < s->ncolumns; i++)
		open[i] = all;
	for (int i = 0; i < cc_schema_key_count(s); i++)
		open[keys ? keys[i] : i] = true;
	foreach(lc, names)
	{
		int			position = find_position(s, &h->newest->decoded->schema, lfirst(lc));

		if (position < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist in that version of the row",
							(char *) lfirst(lc), get_rel_name(h->relid)),
					 errdetail("A proof shows the columns that were recorded."),
					 errhint("custody.history() shows them.")));
		open[position] = true;
	}
	return open;
}

/* Write the proof */

/* The values that are shown must be at hand. */
static void
resolve_values(CustodyRowHistory *h, CustodyPastEntry *entry, const bool *open)
{
	for (int i = 0; i < entry->values.nvalues; i++)
	{
		cc_value   *value = &entry->values.values[i];

		if (value->form != CC_VALUE_REFERENCE || (open != NULL && !open[i]))
			continue;
		custody_past_resolve(h->past, value, 1);
		if (value->form == CC_VALUE_REFERENCE)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("a long value of the row of table \"%s\" is not stored any more",
							get_rel_name(h->relid)),
					 errdetail("The entry that held it was erased."),
					 errhint("Name the columns to disclose, without that one.")));
	}
}

cc_slice
custody_prove_redacted(const cc_entry *e, const cc_schema *s, const uint8 *secret,
					   const cc_value *values, const bool *open,
					   const cc_redacted_past *past)
{
	cc_salter  *salter = custody_salter();
	cc_writer	w;
	cc_slice	result;
	uint8	   *data;

	cc_salter_begin(salter, secret);
	cc_writer_init(&w, NULL, 0);
	cc_write_redacted(&w, e, s, salter, values, open, past);
	custody_check_crypto(cc_salter_end(salter), "make salts");
	data = MemoryContextAllocHuge(CurrentMemoryContext, w.len);
	cc_salter_begin(salter, secret);
	cc_writer_init(&w, data, w.len);
	cc_write_redacted(&w, e, s, salter, values, open, past);
	custody_check_crypto(cc_salter_end(salter), "make salts");
	custody_check_ledger(w.status, "private part");
	result.data = data;
	result.len = w.len;
	return result;
}

/* The values must be those that the entry committed to. */
static void
check_values(const CustodyPastEntry *entry, cc_slice private_part)
{
	const cc_schema *s = &entry->layout->decoded->schema;
	cc_redacted shown = {0};
	cc_status	status;

	shown.capacity = s->ncolumns + 1;
	shown.key = palloc(shown.capacity * sizeof(cc_value));
	shown.columns = palloc(shown.capacity * sizeof(cc_proof_column));
	status = cc_redacted_open(&shown, &entry->head, s, private_part.data, private_part.len);
	if (status == CC_OK && shown.faults != 0)
		status = CC_E_MISMATCH;
	if (status != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("stored values of the row are not those that its entry committed to"),
				 errdetail("A proof of entry " INT64_FORMAT " of transaction number " INT64_FORMAT " would not verify.",
						   entry->entry_no, entry->txn_no),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	pfree(shown.key);
	pfree(shown.columns);
}

static void
append_proof(StringInfo out, const cc_row_proof *p)
{
	cc_writer	w;

	cc_writer_init(&w, NULL, 0);
	cc_row_proof_format(&w, p);
	if (w.len > MaxAllocSize / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("proof is too large"),
				 errdetail("It would take %zu bytes; the limit is %zu.",
						   w.len, (size_t) MaxAllocSize / 2),
				 errhint("Name the columns to disclose, without the largest.")));
	enlargeStringInfo(out, (int) w.len);
	cc_writer_init(&w, out->data + out->len, w.len);
	cc_row_proof_format(&w, p);
	out->len += (int) w.len;
	out->data[out->len] = '\0';
}

/*
 * Append the proof of an entry, read again, of a place in the sealed log.  What is
 * stored is checked on the way, as in prove.c.
 */
static void
prove_entry(StringInfo out, CustodyRowHistory *h, const Place *place,
			const CustodyPastEntry *entry, cc_slice committed, const bool *open,
			const CustodySigned *signed_log)
{
	bytea	   *record = custody_reader_record(place->txn_no, SnapshotSelf);
	cc_row_proof *p = palloc0(sizeof(cc_row_proof));
	uint8		hash[CC_DIGEST_SIZE];

	custody_check_ledger(record == NULL ? CC_E_TRUNCATED : CC_OK, "transaction record");
	p->committed = committed;
	p->private_part = custody_prove_redacted(&entry->head, &entry->layout->decoded->schema,
											 entry->values.secret, entry->values.values,
											 open, NULL);
	check_values(entry, p->private_part);
	p->record_bytes = custody_reader_slice(record);
	p->schema_bytes = custody_reader_slice(entry->layout->definition);
	custody_check_ledger(cc_record_decode(&p->record, p->record_bytes.data,
										  p->record_bytes.len), "transaction record");
	p->entry_no = (uint64) place->entry_no;
	p->entry_count = p->record.entry_count;
	cc_merkle_leaf(hash, committed.data, committed.len);
	p->npath = custody_entrytree_prove(p->path, place->txn_no, p->entry_no, hash,
									   &p->record, SnapshotSelf);
	append_proof(out, p);
	cc_merkle_leaf(hash, p->record_bytes.data, p->record_bytes.len);
	custody_prove_leaf(out, (uint64) place->leaf_index, hash, signed_log, h->snapshot);
}

/* Read the entry at a place again and append its proof; false if it is gone. */
static bool
prove_place(StringInfo out, CustodyRowHistory *h, const Place *place,
			bool all, List *names, const CustodySigned *signed_log)
{
	CustodyEntryWalk walk;
	CustodyPastEntry entry = {0};
	bool		done = false;

	entry.txn_no = place->txn_no;
	custody_reader_walk_chunk(&walk, place->txn_no, place->first_entry, SnapshotSelf);
	while (!done && custody_reader_walk_next(&walk))
	{
		const cc_schema *s;
		bool	   *open;

		if (walk.entry_no != place->entry_no)
			continue;
		if (!custody_pastentry_open(&entry, h->layouts, NULL, &walk) || !entry.open)
			break;
		s = &entry.layout->decoded->schema;
		open = open_columns(s, h, all, names);
		if (!cc_kind_has_row(entry.head.kind))
			open = NULL;
		resolve_values(h, &entry, open);
		prove_entry(out, h, place, &entry, walk.committed, open, signed_log);
		done = true;
	}
	custody_reader_walk_end(&walk);
	return done;
}

/* SQL */

Oid
custody_prove_relation(FunctionCallInfo fcinfo, const char *function)
{
	Oid			relid;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", PG_ARGISNULL(0) ? "relation" : "key"),
				 errdetail("A proof is about one row of one table."),
				 errhint("Name both, as in custody.%s('patient', '{\"id\": 42}').", function)));
	relid = PG_GETARG_OID(0);
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errdetail("It may have been dropped."),
				 errhint("What was recorded about it is in the view custody.entries.")));
	return relid;
}

/* custody.prove_row(relation regclass, key jsonb, columns name[], at timestamptz) returns text */
Datum
custody_sql_prove_row(PG_FUNCTION_ARGS)
{
	Oid			relid = custody_prove_relation(fcinfo, "prove_row");
	bool		all = PG_ARGISNULL(2);
	List	   *names = all ? NIL : column_names(PG_GETARG_ARRAYTYPE_P(2));
	CustodySigned *signed_log;
	CustodyRowHistory *h;
	StringInfoData out;
	Life		life = {0};
	Place		place;

	require_columns(relid, all, names);
	h = custody_rowhistory_begin_granted(relid, PG_GETARG_JSONB_P(1));
	require_columns(relid, all, key_names(&h->newest->decoded->schema));
	signed_log = custody_prove_signed(NULL, h->snapshot);
	life.has_at = !PG_ARGISNULL(3);
	life.at = life.has_at ? PG_GETARG_TIMESTAMPTZ(3) : 0;
	life.size = signed_log->checkpoint.size;
	life.keyed = h->newest->decoded->schema.key_kind == CC_KEY_COLUMNS;
	place = choose(&life, h);
	initStringInfo(&out);
	if (!prove_place(&out, h, &place, all, names, signed_log))
		custody_check_ledger(CC_E_TRUNCATED, "entry of the row");
	custody_rowhistory_end(h);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
