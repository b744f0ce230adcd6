/*
 * environment_triggerrow.c
 *	  Items that say who wrote the catalog's row of a trigger of ours.
 *
 * The id of the transaction that wrote the row survives VACUUM FULL, freezing
 * and a physical copy; it changes with a command on the trigger and with an edit
 * of the catalog by hand, also with one that is undone.  A dump or pg_upgrade
 * makes the row anew, in another place.
 *
 * Names and texts: doc/format.md section 5.3.  Of one look these items come
 * behind those that explain a change (verify_environment.c), since entries are
 * in order of names.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"

#include "pg/environment.h"

#define EVENT_TRIGGER_ROW "trigger row "
#define TABLE "table "
/* Names of our triggers need quotes. */
#define TABLE_TRIGGER_ROW "/" CUSTODY_PART_TRIGGER_ROW " \""

char *
custody_triggerrow_text(HeapTuple tuple, Oid relid, uint32 protection)
{
	return psprintf("%u, of table %u, protection %u",
					HeapTupleHeaderGetRawXmin(tuple->t_data), relid, protection);
}

void
custody_triggerrow_add_event(CustodySurvey *s, const char *name, HeapTuple tuple)
{
	custody_items_add(s->items, psprintf(EVENT_TRIGGER_ROW "%s", quote_identifier(name)),
					  psprintf("%u", HeapTupleHeaderGetRawXmin(tuple->t_data)));
}

bool
custody_triggerrow_parse(const char *name, char **table, char **trigger)
{
	const char *row = strstr(name, TABLE_TRIGGER_ROW);

	*table = NULL;
	if (strncmp(name, EVENT_TRIGGER_ROW, strlen(EVENT_TRIGGER_ROW)) == 0)
	{
		*trigger = psprintf("event trigger %s", name + strlen(EVENT_TRIGGER_ROW));
		return true;
	}
	if (strncmp(name, TABLE, strlen(TABLE)) != 0 || row == NULL)
		return false;
	*table = pnstrdup(name + strlen(TABLE), row - name - strlen(TABLE));
	*trigger = psprintf("%.*s/trigger %s", (int) (row - name), name,
						row + strlen(TABLE_TRIGGER_ROW) - 1);
	return true;
}

bool
custody_triggerrow_same(const char *before, const char *after)
{
	const char *digits = "0123456789";

	return strcmp(before + strspn(before, digits), after + strspn(after, digits)) == 0;
}
