/*
 * witness.c
 *	  Whose cosignatures of this log's checkpoints count.  SQL: trust_witness,
 *	  distrust_witness.
 *
 * Statements about a name are numbered from 1 and never taken back; the last
 * one counts.  Each is a row of log_witness and an entry, so that an insider who
 * adds a witness of his own cannot hide it.  Two transactions that make a
 * statement about one name at the same time: the second fails on the primary
 * key.
 *
 * Names are ASCII, so that they are the same in the ledger, in notes and in a
 * database of any encoding.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/encode.h"
#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/witness.h"

PG_FUNCTION_INFO_V1(custody_sql_trust_witness);
PG_FUNCTION_INFO_V1(custody_sql_distrust_witness);

/* Reading */

static CustodyWitness *
load_statement(CustodyScan *scan)
{
	CustodyWitness *w = palloc0(sizeof(CustodyWitness));

	w->name = TextDatumGetCString(custody_catalog_get(scan, Anum_witness_name));
	w->statement = DatumGetInt32(custody_catalog_get(scan, Anum_witness_statement));
	w->verifier_key = TextDatumGetCString(custody_catalog_get(scan, Anum_witness_verifier_key));
	w->trusted = DatumGetBool(custody_catalog_get(scan, Anum_witness_trusted));
	w->reason = TextDatumGetCString(custody_catalog_get(scan, Anum_witness_reason));
	w->readable = cc_vkey_parse(&w->key, w->verifier_key, strlen(w->verifier_key)) == CC_OK;
	return w;
}

List *
custody_witness_statements(Snapshot snapshot)
{
	CustodyScan scan;
	List	   *result = NIL;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_WITNESS, CUSTODY_WITNESS_PKEY,
							   snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		result = lappend(result, load_statement(&scan));
	custody_catalog_scan_end(&scan);
	return result;
}

List *
custody_witness_trusted(Snapshot snapshot)
{
	List	   *statements = custody_witness_statements(snapshot);
	List	   *result = NIL;
	int			n = list_length(statements);

	for (int i = 0; i < n; i++)
	{
		CustodyWitness *w = list_nth(statements, i);
		CustodyWitness *next = i + 1 < n ? list_nth(statements, i + 1) : NULL;

		if (next != NULL && strcmp(next->name, w->name) == 0)
			continue;
		/* More than trust_witness() admits are not its doing. */
		if (w->trusted && w->readable && list_length(result) < CUSTODY_WITNESSES_MAX)
			result = lappend(result, w);
	}
	return result;
}

/* Writing */

bytea *
custody_witness_event(const CustodyWitness *w)
{
	cc_witness_event event;
	cc_writer	writer;
	bytea	   *body;

	event.name = custody_canonical_slice(w->name);
	event.verifier_key = custody_canonical_slice(w->verifier_key);
	event.statement = (uint32) w->statement;
	event.trusted = w->trusted;
	event.reason = custody_canonical_slice(w->reason);
	cc_writer_init(&writer, NULL, 0);
	cc_write_witness_event(&writer, &event);
	body = custody_catalog_bytea(NULL, writer.len);
	cc_writer_init(&writer, VARDATA(body), writer.len);
	cc_write_witness_event(&writer, &event);
	return body;
}

static void
append_statement(const CustodyWitness *w)
{
	Datum		values[Anum_witness_reason];
	bool		nulls[Anum_witness_reason] = {0};
	bytea	   *body = custody_witness_event(w);

	values[Anum_witness_name - 1] = CStringGetTextDatum(w->name);
	values[Anum_witness_statement - 1] = Int32GetDatum(w->statement);
	values[Anum_witness_verifier_key - 1] = CStringGetTextDatum(w->verifier_key);
	values[Anum_witness_trusted - 1] = BoolGetDatum(w->trusted);
	values[Anum_witness_reason - 1] = CStringGetTextDatum(w->reason);
	custody_catalog_insert(CUSTODY_LOG_WITNESS, values, nulls);
	custody_append_event(CC_KIND_WITNESS, 0, 0, VARDATA(body), VARSIZE(body) - VARHDRSZ);
}

/* Refusing */

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if (IS_HIGHBIT_SET(*s))
			return false;
	return true;
}

static void
check_name(const char *name)
{
	if (cc_name_valid(name, strlen(name)) && is_ascii(name) && strcmp(name, "none") != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" cannot be the name of a witness", name),
			 errdetail("A name is ASCII without spaces, control characters and plus signs, at most %d bytes long, and not \"none\".", CC_ORIGIN_MAX),
			 errhint("Name the witness as in your policy file, for instance \"regulator\".")));
}

static void
invalid_key(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("this is not the verifier key of a witness"),
			 errdetail("%s", detail),
			 errhint("Give the witness's verifier key of type 0x04 or 0x06, name+hash+base64, on one line.")));
}

static void
parse_key(CustodyWitness *w)
{
	cc_status	status = cc_vkey_parse(&w->key, w->verifier_key, strlen(w->verifier_key));

	if (status != CC_OK)
		invalid_key(psprintf("It cannot be read: %s.", cc_status_text(status)));
	if (w->key.type != CC_SIG_COSIGNATURE && w->key.type != CC_SIG_MLDSA_COSIGNATURE)
		invalid_key("It is the key of a log.");
	if (!is_ascii(w->key.name))
		invalid_key("Its name has a character beyond ASCII.");
	w->readable = true;
}

/* The witness that is trusted under this name, or NULL. */
static CustodyWitness *
find_trusted(List *trusted, const char *name)
{
	ListCell   *lc;

	foreach(lc, trusted)
	{
		CustodyWitness *w = lfirst(lc);

		if (strcmp(w->name, name) == 0)
			return w;
	}
	return NULL;
}

/* A key vouches once: under two names it would count twice. */
static void
check_other_names(List *trusted, const CustodyWitness *w)
{
	ListCell   *lc;

	foreach(lc, trusted)
	{
		CustodyWitness *other = lfirst(lc);

		if (other->key.key_len == w->key.key_len &&
			memcmp(other->key.key, w->key.key, w->key.key_len) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("witness \"%s\" has the same public key", other->name),
					 errdetail("One witness must not count as two."),
					 errhint("See custody.witnesses.")));
	}
}

static int32
next_statement(const char *name)
{
	int32		last = 0;
	ListCell   *lc;

	foreach(lc, custody_witness_statements(GetActiveSnapshot()))
	{
		CustodyWitness *w = lfirst(lc);

		if (strcmp(w->name, name) == 0)
			last = w->statement;
	}
	return last + 1;
}

/* custody.trust_witness(name text, verifier_key text) returns void */
Datum
custody_sql_trust_witness(PG_FUNCTION_ARGS)
{
	List	   *trusted = custody_witness_trusted(GetActiveSnapshot());
	CustodyWitness w = {0};

	PreventCommandDuringRecovery("custody.trust_witness()");
	w.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	w.verifier_key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	w.trusted = true;
	w.reason = "";
	check_name(w.name);
	parse_key(&w);
	if (find_trusted(trusted, w.name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("witness \"%s\" is trusted already", w.name),
				 errdetail("A name stands for one key at a time."),
				 errhint("For another key call custody.distrust_witness() first, or choose another name.")));
	check_other_names(trusted, &w);
	if (list_length(trusted) == CUSTODY_WITNESSES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many witnesses are trusted"),
				 errdetail("A checkpoint carries the lines of at most %d witnesses.", CUSTODY_WITNESSES_MAX),
				 errhint("Call custody.distrust_witness() for one that is not needed any longer.")));
	w.statement = next_statement(w.name);
	append_statement(&w);
	PG_RETURN_VOID();
}

/* custody.distrust_witness(name text, reason text) returns void */
Datum
custody_sql_distrust_witness(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CustodyWitness *w = find_trusted(custody_witness_trusted(GetActiveSnapshot()), name);

	PreventCommandDuringRecovery("custody.distrust_witness()");
	if (w == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("witness \"%s\" is not trusted", name),
				 errdetail("Nothing was changed."),
				 errhint("See custody.witnesses.")));
	if (reason[strspn(reason, " \t\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason must not be empty"),
				 errdetail("Ending trust is an entry, and the reason stands in it."),
				 errhint("Say why, for instance 'the witness was closed down'.")));
	w->trusted = false;
	w->reason = reason;
	w->statement = next_statement(name);
	append_statement(w);
	PG_RETURN_VOID();
}
