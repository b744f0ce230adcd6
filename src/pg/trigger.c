/*
 * trigger.c
 *	  The triggers that protection puts on tables.
 *
 * They are made and dropped by DDL of our own, with the rights of the
 * bootstrap superuser: ENABLE ALWAYS is not an owner's to say.  Caller holds
 * ShareRowExclusiveLock on the table.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "pg/trigger.h"

static char *
qualified_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* Does our own DDL run? */
static bool running_ddl = false;

bool
custody_trigger_running_ddl(void)
{
	return running_ddl;
}

/* Run DDL with the rights of the bootstrap superuser. */
static void
run_ddl(const char *command)
{
	Oid			user;
	int			context;
	int			nest_level = NewGUCNestLevel();

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   context | SECURITY_LOCAL_USERID_CHANGE);
	running_ddl = true;
	PG_TRY();
	{
		(void) set_config_option("search_path", "pg_catalog, pg_temp",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
		SPI_connect();
		if (SPI_execute(command, false, 0) < 0)
			elog(ERROR, "SPI_execute failed: %s", command);
		SPI_finish();
	}
	PG_FINALLY();
	{
		running_ddl = false;
		SetUserIdAndSecContext(user, context);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nest_level);
}

bool
custody_trigger_is_ours(const char *name)
{
	return strcmp(name, CUSTODY_ROW_TRIGGER) == 0 ||
		strcmp(name, CUSTODY_TRUNCATE_TRIGGER) == 0;
}

bool
custody_trigger_exists(Oid relid, const char *name)
{
	return OidIsValid(get_trigger_oid(relid, name, true));
}

static void
create_trigger(Oid relid, const char *name, const char *when,
			   const char *each, const char *function)
{
	run_ddl(psprintf("CREATE TRIGGER %s %s ON %s FOR EACH %s EXECUTE FUNCTION custody.%s()",
					 quote_identifier(name), when, qualified_name(relid),
					 each, function));
	run_ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
					 qualified_name(relid), quote_identifier(name)));
}

void
custody_trigger_make_truncate(Oid leaf)
{
	if (!custody_trigger_exists(leaf, CUSTODY_TRUNCATE_TRIGGER))
		create_trigger(leaf, CUSTODY_TRUNCATE_TRIGGER, "BEFORE TRUNCATE",
					   "STATEMENT", "capture_truncate");
}

void
custody_trigger_make_row(Oid relid)
{
	create_trigger(relid, CUSTODY_ROW_TRIGGER,
				   "AFTER INSERT OR UPDATE OR DELETE", "ROW", "capture");
}

void
custody_trigger_drop(Oid relid, const char *name)
{
	run_ddl(psprintf("DROP TRIGGER IF EXISTS %s ON %s",
					 quote_identifier(name), qualified_name(relid)));
}
