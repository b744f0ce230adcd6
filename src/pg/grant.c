/*
 * grant.c
 *	  SQL: grant_auditor(role), grant_application(role),
 *	  grant_witness_client(role), grant_anchor(role).
 *
 * Plain GRANTs, run with the caller's own rights and visible in the catalogs,
 * so that REVOKE takes them back.  What a role gets is in the lists below
 * and nowhere else.
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "pg/catalog.h"
#include "pg/grant.h"

/* Reads the whole ledger; of the tables only what he may SELECT. */
static const char *const auditor_rights[] = {
	"USAGE ON SCHEMA custody",
	"SELECT ON custody.entries, custody.transactions, custody.blocks, "
	"custody.keys, custody.incarnations, custody.protected_tables, custody.status, "
	"custody.trusted_logs, custody.cosigned, custody.witnesses, "
	"custody.environment, custody.environment_changes",
	"EXECUTE ON FUNCTION custody.verify(pg_catalog.regclass, pg_catalog.int8, pg_catalog.text[])",
	"EXECUTE ON FUNCTION custody.incidents(pg_catalog.text[])",
	"EXECUTE ON FUNCTION custody.audit_report(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text[])",
	"EXECUTE ON FUNCTION custody.verify_blocks(pg_catalog.text[])",
	"EXECUTE ON FUNCTION custody.export()",
	"EXECUTE ON FUNCTION custody.export_tiles(pg_catalog.text, pg_catalog.bool, pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.tiles(pg_catalog.int8, pg_catalog.bool, pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.checkpoint(pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.verifier_key(pg_catalog.int4)",
	"EXECUTE ON FUNCTION custody.leaf(pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.tlog_proof(pg_catalog.int8, pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.prove_consistency(pg_catalog.int8, pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.verify_proof(pg_catalog.text, pg_catalog.text[], pg_catalog.text)",
	"EXECUTE ON FUNCTION custody.coverage()",
	"EXECUTE ON FUNCTION custody.history(pg_catalog.regclass, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.history(pg_catalog.text, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.history(pg_catalog.anyelement, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.subject_history(pg_catalog.text)",
	"EXECUTE ON FUNCTION custody.read_entries()",
	"EXECUTE ON FUNCTION custody.read_transactions()",
	"EXECUTE ON FUNCTION custody.read_blocks()",
	"EXECUTE ON FUNCTION custody.read_incarnations()",
	"EXECUTE ON FUNCTION custody.read_keys()",
	"EXECUTE ON FUNCTION custody.read_status()",
	NULL
};

/* Says who acts, and asks for the past of tables it may SELECT. */
static const char *const application_rights[] = {
	"USAGE ON SCHEMA custody",
	"EXECUTE ON FUNCTION custody.set_context(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.history(pg_catalog.regclass, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.history(pg_catalog.text, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.history(pg_catalog.anyelement, pg_catalog.jsonb)",
	"EXECUTE ON FUNCTION custody.as_of(pg_catalog.anyelement, pg_catalog.timestamptz)",
	"EXECUTE ON FUNCTION custody.subject_history(pg_catalog.text)",
	"EXECUTE ON FUNCTION custody.prove_row(pg_catalog.regclass, pg_catalog.jsonb, pg_catalog.name[], pg_catalog.timestamptz)",
	"EXECUTE ON FUNCTION custody.prove_history(pg_catalog.regclass, pg_catalog.jsonb, pg_catalog.int8, pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.verify_proof(pg_catalog.text, pg_catalog.text[], pg_catalog.text)",
	NULL
};

/* Another hospital's log, which wants its checkpoints cosigned. */
static const char *const witness_client_rights[] = {
	"USAGE ON SCHEMA custody",
	"EXECUTE ON FUNCTION custody.cosign_checkpoint(pg_catalog.text)",
	"EXECUTE ON FUNCTION custody.witness_key()",
	NULL
};

/* Takes checkpoints to witnesses and brings back what they answer. */
static const char *const anchor_rights[] = {
	"USAGE ON SCHEMA custody",
	"SELECT ON custody.witnesses",
	"EXECUTE ON FUNCTION custody.checkpoint(pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.verifier_key(pg_catalog.int4)",
	"EXECUTE ON FUNCTION custody.prove_consistency(pg_catalog.int8, pg_catalog.int8)",
	"EXECUTE ON FUNCTION custody.add_cosignature(pg_catalog.int8, pg_catalog.text)",
	NULL
};

bool
custody_grant_owner_rights(void)
{
	Relation	chunks = table_open(custody_catalog_relid(CUSTODY_LOG_CHUNK),
									AccessShareLock);
	Oid			owner = chunks->rd_rel->relowner;

	table_close(chunks, AccessShareLock);
	return has_privs_of_role(GetUserId(), owner);
}

static void
require_owner(void)
{
	if (!custody_grant_owner_rights())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to grant rights on the ledger"),
				 errdetail("Only the owner of the extension can grant them."),
				 errhint("Ask a superuser to call this function.")));
}

static void
grant(const char *const *rights, Oid role)
{
	const char *name;

	require_owner();
	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no role was named"),
				 errdetail("Rights on the ledger are granted to one role at a time."),
				 errhint("Give the name of a role.")));
	name = quote_identifier(GetUserNameFromId(role, false));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (; *rights != NULL; rights++)
	{
		char	   *command = psprintf("GRANT %s TO %s", *rights, name);

		if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "SPI_execute failed");
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

PG_FUNCTION_INFO_V1(custody_sql_grant_auditor);
Datum
custody_sql_grant_auditor(PG_FUNCTION_ARGS)
{
	grant(auditor_rights, PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(custody_sql_grant_application);
Datum
custody_sql_grant_application(PG_FUNCTION_ARGS)
{
	grant(application_rights, PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(custody_sql_grant_witness_client);
Datum
custody_sql_grant_witness_client(PG_FUNCTION_ARGS)
{
	grant(witness_client_rights, PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(custody_sql_grant_anchor);
Datum
custody_sql_grant_anchor(PG_FUNCTION_ARGS)
{
	grant(anchor_rights, PG_GETARG_OID(0));
	PG_RETURN_VOID();
}
