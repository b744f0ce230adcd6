/*
 * guard.c
 *	  Attempts on the ledger through SQL, in the server's log with the session
 *	  user: those that were refused, and those of somebody whom PostgreSQL
 *	  refuses nothing.
 *
 * Nothing is forbidden here; PostgreSQL's own privileges do that.  A refusal
 * is an error with SQLSTATE 42501 that names the ledger in its message or in
 * the statement; its log record gets the user as detail.  Writes and DDL that
 * pass are logged by a record of their own, at level LOG, which no setting of
 * log_min_messages but the highest drops.  What they did is for
 * custody.verify() to find.
 *
 * Hooks are chained.  In the hook of the log no catalog may be read.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/guard.h"

static ExecutorCheckPerms_hook_type previous_check_perms = NULL;
static object_access_hook_type previous_object_access = NULL;
static emit_log_hook_type previous_emit_log = NULL;

/* Refusals */

static bool
concerns_ledger(const ErrorData *error)
{
	return custody_catalog_is_named(error->message) ||
		custody_catalog_is_named(error->context) ||
		custody_catalog_is_named(debug_query_string);
}

static void
emit_log(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && error->elevel >= ERROR &&
		MyProcPort != NULL && error->detail_log == NULL && concerns_ledger(error))
		error->detail_log = psprintf("%s%sRefused attempt on the ledger: session user \"%s\", SQLSTATE 42501.",
									 error->detail ? error->detail : "", error->detail ? "  " : "",
									 MyProcPort->user_name);
	if (previous_emit_log)
		previous_emit_log(error);
}

/* What was not refused */

/* Who logged in, whatever SET SESSION AUTHORIZATION says. */
static const char *
login_name(void)
{
	return MyProcPort != NULL ? MyProcPort->user_name :
		GetUserNameFromId(GetSessionUserId(), true);
}

static void
note_attempt(Oid relid, const char *what)
{
	char	   *name = get_rel_name(relid);

	ereport(LOG_SERVER_ONLY,
			(errmsg("ledger relation \"custody.%s\" is %s through SQL", name ? name : "?", what),
			 errdetail("Session user \"%s\", current user \"%s\".",
					   login_name(), GetUserNameFromId(GetUserId(), true))));
}

static void
check_write(Oid relid, AclMode permissions)
{
	if ((permissions & (ACL_INSERT | ACL_UPDATE | ACL_DELETE)) != 0 &&
		relid >= FirstNormalObjectId && custody_catalog_is_ours(relid))
		note_attempt(relid, "written");
}

#ifdef CUSTODY_PERMISSIONS_APART
static bool
check_perms(List *range_table, List *permissions, bool report)
{
	ListCell   *lc;

	foreach(lc, permissions)
	{
		RTEPermissionInfo *info = lfirst_node(RTEPermissionInfo, lc);

		check_write(info->relid, info->requiredPerms);
	}
	return previous_check_perms == NULL || previous_check_perms(range_table, permissions, report);
}
#else
static bool
check_perms(List *range_table, bool report)
{
	ListCell   *lc;

	foreach(lc, range_table)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind == RTE_RELATION)
			check_write(entry->relid, entry->requiredPerms);
	}
	return previous_check_perms == NULL || previous_check_perms(range_table, report);
}
#endif

/* NULL: nothing to note. */
static const char *
what_is_done(ObjectAccessType access, void *arg)
{
	if (access == OAT_TRUNCATE)
		return "emptied";
	if (access == OAT_DROP && !(((ObjectAccessDrop *) arg)->dropflags & PERFORM_DELETION_INTERNAL))
		return "dropped";
	if (access == OAT_POST_ALTER && !((ObjectAccessPostAlter *) arg)->is_internal)
		return "altered";
	return NULL;
}

static void
object_access(ObjectAccessType access, Oid classid, Oid objid, int subid, void *arg)
{
	const char *what;

	if (previous_object_access)
		previous_object_access(access, classid, objid, subid, arg);
	if (classid != RelationRelationId || objid < FirstNormalObjectId || creating_extension)
		return;
	what = what_is_done(access, arg);
	if (what != NULL && get_rel_relkind(objid) == RELKIND_RELATION && custody_catalog_is_ours(objid))
		note_attempt(objid, what);
}

void
custody_guard_init(void)
{
	previous_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_perms;
	previous_object_access = object_access_hook;
	object_access_hook = object_access;
	previous_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
}
