/*
 * trustlog.c
 *	  Which logs of others this database cosigns.  SQL: trust_log,
 *	  distrust_log.
 *
 * Statements about a key are numbered from 1 and never taken back; the last
 * one counts.  Each is a row of log_trusted_log and an entry.  Two transactions
 * that make a statement about one key at the same time: the second fails on
 * the primary key.
 *
 * Names of logs are ASCII here, so that they are the same in the ledger, in
 * notes and in a database of any encoding.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/encode.h"
#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/trustlog.h"

PG_FUNCTION_INFO_V1(custody_sql_trust_log);
PG_FUNCTION_INFO_V1(custody_sql_distrust_log);

size_t
custody_trustlog_keys(const char *origin, cc_vkey **keys)
{
	CustodyScan scan;
	size_t		n = 0;
	size_t		capacity = 4;

	*keys = palloc(capacity * sizeof(cc_vkey));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRUSTED_LOG,
							   CUSTODY_TRUSTED_LOG_PKEY, GetActiveSnapshot(),
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		char	   *line = TextDatumGetCString(custody_catalog_get(&scan, Anum_trusted_log_verifier_key));
		cc_vkey		key;

		custody_check_ledger(cc_vkey_parse(&key, line, strlen(line)),
							 "key of a trusted log");
		if (strcmp(key.name, origin) != 0)
			continue;
		/* Statements about one key follow each other. */
		if (n > 0 && memcmp(&(*keys)[n - 1], &key, sizeof(key)) == 0)
			n--;
		if (!DatumGetBool(custody_catalog_get(&scan, Anum_trusted_log_trusted)))
			continue;
		if (n == capacity)
		{
			capacity *= 2;
			*keys = repalloc(*keys, capacity * sizeof(cc_vkey));
		}
		(*keys)[n++] = key;
	}
	custody_catalog_scan_end(&scan);
	return n;
}

bytea *
custody_trustlog_event(const char *verifier_key, int32 statement, bool trusted,
					   const char *reason)
{
	cc_trusted_log_event event;
	cc_writer	w;
	bytea	   *body;

	event.verifier_key = custody_canonical_slice(verifier_key);
	event.statement = (uint32) statement;
	event.trusted = trusted;
	event.reason = custody_canonical_slice(reason);
	cc_writer_init(&w, NULL, 0);
	cc_write_trusted_log_event(&w, &event);
	body = custody_catalog_bytea(NULL, w.len);
	cc_writer_init(&w, VARDATA(body), w.len);
	cc_write_trusted_log_event(&w, &event);
	return body;
}

/* Number of the last statement about a key, 0 = none; and what it says. */
static int32
last_statement(const char *verifier_key, bool *trusted)
{
	CustodyScan scan;
	ScanKeyData key;
	int32		statement = 0;

	*trusted = false;
	custody_catalog_key_text(&key, Anum_trusted_log_verifier_key, verifier_key);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRUSTED_LOG,
							   CUSTODY_TRUSTED_LOG_PKEY, GetActiveSnapshot(),
							   BackwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		statement = DatumGetInt32(custody_catalog_get(&scan, Anum_trusted_log_statement));
		*trusted = DatumGetBool(custody_catalog_get(&scan, Anum_trusted_log_trusted));
	}
	custody_catalog_scan_end(&scan);
	return statement;
}

static void
append_statement(const char *verifier_key, int32 statement, bool trusted,
				 const char *reason)
{
	Datum		values[Anum_trusted_log_reason];
	bool		nulls[Anum_trusted_log_reason] = {0};
	bytea	   *body = custody_trustlog_event(verifier_key, statement, trusted, reason);

	values[Anum_trusted_log_verifier_key - 1] = CStringGetTextDatum(verifier_key);
	values[Anum_trusted_log_statement - 1] = Int32GetDatum(statement);
	values[Anum_trusted_log_trusted - 1] = BoolGetDatum(trusted);
	values[Anum_trusted_log_reason - 1] = CStringGetTextDatum(reason);
	custody_catalog_insert(CUSTODY_LOG_TRUSTED_LOG, values, nulls);
	custody_append_event(CC_KIND_TRUSTED_LOG, 0, 0, VARDATA(body),
						 VARSIZE(body) - VARHDRSZ);
}

static void
invalid_key(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("this is not the verifier key of a log"),
			 errdetail("%s", detail),
			 errhint("Give what custody.verifier_key() shows in the other database: name+hash+base64, on one line.")));
}

/* Raise unless the text is the key of a log that can be cosigned here. */
static void
check_key(const char *verifier_key)
{
	cc_vkey		key;
	cc_status	status = cc_vkey_parse(&key, verifier_key, strlen(verifier_key));

	if (status != CC_OK)
		invalid_key(psprintf("It cannot be read: %s.", cc_status_text(status)));
	if (cc_vkey_witness(&key, key.name))
		invalid_key("It is the key of a witness.");
	for (const char *p = key.name; *p != '\0'; p++)
	{
		if (IS_HIGHBIT_SET(*p))
			invalid_key("Its name has a character beyond ASCII.");
	}
}

/* The key is trusted from here on, or, for a reason, not any longer. */
static void
make_statement(text *verifier_key, const char *reason)
{
	char	   *key = text_to_cstring(verifier_key);
	bool		trust = reason == NULL;
	int32		statement;
	bool		trusted;

	check_key(key);
	statement = last_statement(key, &trusted);
	if (trusted == trust)
		ereport(ERROR,
				(errcode(trust ? ERRCODE_DUPLICATE_OBJECT : ERRCODE_UNDEFINED_OBJECT),
				 trust ? errmsg("log key \"%s\" is trusted already", key) :
				 errmsg("log key \"%s\" is not trusted", key),
				 errdetail("Nothing was changed."),
				 errhint("See custody.trusted_logs.")));
	append_statement(key, statement + 1, trust, trust ? "" : reason);
}

/* custody.trust_log(verifier_key text) returns void */
Datum
custody_sql_trust_log(PG_FUNCTION_ARGS)
{
	make_statement(PG_GETARG_TEXT_PP(0), NULL);
	PG_RETURN_VOID();
}

/* custody.distrust_log(verifier_key text, reason text) returns void */
Datum
custody_sql_distrust_log(PG_FUNCTION_ARGS)
{
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (reason[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no longer trusting a log needs a reason"),
				 errdetail("The reason becomes an entry of the ledger, for those who verify it."),
				 errhint("Say what happened, for instance that the key was stolen.")));
	make_statement(PG_GETARG_TEXT_PP(0), reason);
	PG_RETURN_VOID();
}
