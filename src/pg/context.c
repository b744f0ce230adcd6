/*
 * context.c
 *	  What the application says about a transaction: who, why, what for.
 *
 * It is kept in settings of the transaction, which pre-commit reads.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "pg/compat.h"

/* Keep the context until the transaction ends. */
static void
set_context(FunctionCallInfo fcinfo, int n, const char *name)
{
	char	   *value = "";

	if (!PG_ARGISNULL(n))
		value = n == 3 ?
			JsonbToCString(NULL, &PG_GETARG_JSONB_P(n)->root,
						   VARSIZE(PG_GETARG_JSONB_P(n))) :
			text_to_cstring(PG_GETARG_TEXT_PP(n));
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

PG_FUNCTION_INFO_V1(custody_sql_set_context);
Datum
custody_sql_set_context(PG_FUNCTION_ARGS)
{
	set_context(fcinfo, 0, "custody.context_actor");
	set_context(fcinfo, 1, "custody.context_reason");
	set_context(fcinfo, 2, "custody.context_purpose");
	set_context(fcinfo, 3, "custody.context_extra");
	PG_RETURN_VOID();
}
