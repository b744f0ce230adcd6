/*
 * cosignature.c
 *	  Cosignatures of witnesses under this log's checkpoints.  SQL: checkpoint,
 *	  add_cosignature.
 *
 * A line is stored beside the checkpoint, not in its note: the note is what
 * was signed.  Only what verifies is stored, one line for each checkpoint,
 * witness and key; whoever may call add_cosignature() can therefore add
 * nothing that is not a witness's own word.
 *
 * Locks: ShareRowExclusiveLock on log_cosignature while lines are added, until
 * the transaction ends, so that two that bring the same line do not collide.
 * Memory: current context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosignature.h"
#include "pg/error.h"
#include "pg/ledger.h"
#include "pg/witness.h"

PG_FUNCTION_INFO_V1(custody_sql_checkpoint);
PG_FUNCTION_INFO_V1(custody_sql_add_cosignature);

/* Reading */

List *
custody_cosignature_load(int64 tree_size, Snapshot snapshot)
{
	CustodyScan scan;
	ScanKeyData key;
	List	   *result = NIL;

	custody_catalog_key_int8(&key, Anum_cosignature_tree_size, BTEqualStrategyNumber, tree_size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_COSIGNATURE, CUSTODY_COSIGNATURE_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
	{
		CustodyCosignature *c = palloc(sizeof(CustodyCosignature));

		c->tree_size = tree_size;
		c->witness = TextDatumGetCString(custody_catalog_get(&scan, Anum_cosignature_witness));
		c->key_id = DatumGetInt64(custody_catalog_get(&scan, Anum_cosignature_key_id));
		c->line = custody_catalog_get_bytea(&scan, Anum_cosignature_line);
		result = lappend(result, c);
	}
	custody_catalog_scan_end(&scan);
	return result;
}

cc_status
custody_cosignature_check(const CustodyCosignature *stored, const cc_checkpoint *c,
						  const cc_vkey *key)
{
	cc_note_signature signature;
	cc_slice	line;
	cc_reader	r;
	cc_status	status;

	cc_reader_init(&r, VARDATA_ANY(stored->line), VARSIZE_ANY_EXHDR(stored->line));
	line = cc_read_line(&r);
	status = cc_reader_end(&r);
	if (status == CC_OK)
		status = cc_note_line_parse(&signature, line);
	if (status != CC_OK)
		return status;
	return stored->key_id == (int64) key->id ? cc_note_line_check(c, &signature, key) :
		CC_E_UNSIGNED;
}

/* The key of a trusted witness, NULL if it is none. */
static const cc_vkey *
trusted_key(List *trusted, const char *name)
{
	ListCell   *lc;

	foreach(lc, trusted)
	{
		CustodyWitness *w = lfirst(lc);

		if (strcmp(w->name, name) == 0)
			return &w->key;
	}
	return NULL;
}

bytea *
custody_cosignature_note(bytea *note, int64 tree_size, Snapshot snapshot)
{
	List	   *stored = custody_cosignature_load(tree_size, snapshot);
	List	   *trusted;
	cc_checkpoint c;
	StringInfoData out;
	ListCell   *lc;

	if (stored == NIL ||
		cc_checkpoint_parse(&c, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)) != CC_OK)
		return note;
	trusted = custody_witness_trusted(snapshot);
	initStringInfo(&out);
	appendBinaryStringInfo(&out, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note));
	foreach(lc, stored)
	{
		CustodyCosignature *line = lfirst(lc);
		const cc_vkey *key = trusted_key(trusted, line->witness);
		cc_status	status = key == NULL ? CC_E_UNSIGNED :
			custody_cosignature_check(line, &c, key);

		if (status == CC_OK || status == CC_E_UNSUPPORTED)
			appendBinaryStringInfo(&out, VARDATA_ANY(line->line), VARSIZE_ANY_EXHDR(line->line));
	}
	return custody_catalog_bytea(out.data, out.len);
}

/* custody.checkpoint(tree_size bigint) returns text */
Datum
custody_sql_checkpoint(PG_FUNCTION_ARGS)
{
	int64		tree_size = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	bytea	   *note = custody_ledger_checkpoint(PG_ARGISNULL(0), &tree_size);

	PG_RETURN_TEXT_P(custody_cosignature_note(note, tree_size, GetActiveSnapshot()));
}

/* Adding */

/* A call of add_cosignature(). */
typedef struct Adding
{
	int64		tree_size;
	cc_checkpoint c;
	List	   *trusted;		/* of CustodyWitness * */
	Snapshot	snapshot;
	int			lines;			/* of the caller's */
	int			known;			/* of them of trusted witnesses */
	int			stored;
} Adding;

/* The caller's text as the note it was before mail, shells and editors. */
static cc_slice
restore_lines(text *given)
{
	char	   *raw = text_to_cstring(given);
	cc_slice	lines;
	char	   *copy;

	/* A client that converts made the dash what it is in our encoding. */
	if (strstr(raw, "\xE2\x80\x94 ") == NULL)
		raw = pg_server_to_any(raw, strlen(raw), PG_UTF8);
	copy = palloc(strlen(raw) + 2);
	strcpy(copy, raw);
	lines.data = (uint8_t *) copy;
	lines.len = cc_note_restore(copy, strlen(copy));
	return lines;
}

static bool
is_stored(const Adding *a, const CustodyWitness *w)
{
	ListCell   *lc;

	foreach(lc, custody_cosignature_load(a->tree_size, a->snapshot))
	{
		CustodyCosignature *c = lfirst(lc);

		if (c->key_id == (int64) w->key.id && strcmp(c->witness, w->name) == 0)
			return true;
	}
	return false;
}

static void
store_line(Adding *a, const CustodyWitness *w, cc_slice line)
{
	Datum		values[Anum_cosignature_line];
	bool		nulls[Anum_cosignature_line] = {0};

	if (is_stored(a, w))
		return;
	values[Anum_cosignature_tree_size - 1] = Int64GetDatum(a->tree_size);
	values[Anum_cosignature_witness - 1] = CStringGetTextDatum(w->name);
	values[Anum_cosignature_key_id - 1] = Int64GetDatum((int64) w->key.id);
	values[Anum_cosignature_line - 1] = PointerGetDatum(custody_catalog_bytea(line.data, line.len + 1));
	custody_catalog_insert(CUSTODY_LOG_COSIGNATURE, values, nulls);
	CommandCounterIncrement();
	a->stored++;
}

static void
refuse_line(const Adding *a, const CustodyWitness *w, cc_status status)
{
	if (status == CC_E_UNSUPPORTED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the cosignature of witness \"%s\" cannot be checked on this server", w->name),
				 errdetail("It is an ML-DSA-44 signature, and only what verifies is stored."),
				 errhint("Use OpenSSL 3.5 or later, or a key of type 0x04.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the cosignature of witness \"%s\" is not of the checkpoint of size " INT64_FORMAT,
					w->name, a->tree_size),
			 errdetail("Line %d: %s.", a->lines, cc_status_text(status)),
			 errhint("Give the line that the witness made for custody.checkpoint(" INT64_FORMAT ").", a->tree_size)));
}

/* A line of nobody who is trusted is passed over. */
static void
add_line(Adding *a, cc_slice line)
{
	cc_note_signature signature;
	ListCell   *lc;

	if (++a->lines > CC_NOTE_SIGNATURES_MAX || cc_note_line_parse(&signature, line) != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("line %d is not a signature line", a->lines),
				 errdetail("A signature line is a dash (U+2014), a key name and base64, with single spaces between; there are at most %d.", CC_NOTE_SIGNATURES_MAX),
				 errhint("Give what the witness answered, and nothing else.")));
	foreach(lc, a->trusted)
	{
		CustodyWitness *w = lfirst(lc);
		cc_status	status = cc_note_line_check(&a->c, &signature, &w->key);

		if (status == CC_E_UNSIGNED)
			continue;
		if (status != CC_OK)
			refuse_line(a, w, status);
		a->known++;
		store_line(a, w, line);
	}
}

static void
add_lines(Adding *a, cc_slice lines)
{
	cc_reader	r;

	cc_reader_init(&r, lines.data, lines.len);
	while (r.pos < r.len)
	{
		CHECK_FOR_INTERRUPTS();
		add_line(a, cc_read_line(&r));
	}
	if (a->known == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no line is of a trusted witness"),
				 errdetail("Names and key ids of the lines were compared with those of the keys that are trusted."),
				 errhint("Call custody.trust_witness() first; see custody.witnesses.")));
}

/* custody.add_cosignature(tree_size bigint, line text) returns integer */
Datum
custody_sql_add_cosignature(PG_FUNCTION_ARGS)
{
	Adding	   *a = palloc0(sizeof(Adding));
	bytea	   *note;

	PreventCommandDuringRecovery("custody.add_cosignature()");
	PreventCommandIfReadOnly("custody.add_cosignature()");
	a->tree_size = PG_GETARG_INT64(0);
	note = custody_ledger_checkpoint(false, &a->tree_size);
	custody_check_ledger(cc_checkpoint_parse(&a->c, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)),
						 psprintf("checkpoint of size " INT64_FORMAT, a->tree_size));
	if (a->c.size != (uint64) a->tree_size)
		custody_check_ledger(CC_E_VALUE, psprintf("checkpoint of size " INT64_FORMAT, a->tree_size));
	LockRelationOid(custody_catalog_relid(CUSTODY_LOG_COSIGNATURE), ShareRowExclusiveLock);
	a->trusted = custody_witness_trusted(GetActiveSnapshot());
	/* Also what others stored while this one waited, and this call itself. */
	a->snapshot = SnapshotSelf;
	add_lines(a, restore_lines(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_INT32(a->stored);
}
