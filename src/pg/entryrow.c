/*
 * entryrow.c
 *	  An entry as columns of SQL results.
 *
 * Memory: everything in the caller's context, which the caller resets after
 * each row.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/entryrow.h"
#include "pg/rowjson.h"

void
custody_entryrow_set_text(Datum *value, bool *isnull, cc_slice text)
{
	char	   *string = text.len == 0 ? NULL :
		custody_rowjson_text(text.data, text.len);

	*isnull = string == NULL;
	if (string != NULL)
		*value = CStringGetTextDatum(string);
}

void
custody_entryrow_set_json(Datum *value, bool *isnull, Jsonb *json)
{
	*isnull = json == NULL;
	if (json != NULL)
		*value = JsonbPGetDatum(json);
}

Jsonb *
custody_entryrow_json(CustodyPast *past, CustodyPastEntry *entry, CustodyShow show)
{
	const cc_schema *s;

	if (!entry->open)
		return NULL;
	s = &entry->layout->decoded->schema;
	if (show == CUSTODY_SHOW_OLD_KEY && (entry->head.flags & CC_ENTRY_KEY_CHANGED))
		return custody_rowjson(s, cc_schema_key_positions(s),
							   entry->values.nold_key, entry->values.old_key);
	custody_past_resolve(past, entry->values.values, entry->values.nvalues);
	if (!cc_kind_has_row(entry->head.kind))
		return custody_rowjson(s, cc_schema_key_positions(s),
							   entry->values.nvalues, entry->values.values);
	if (show != CUSTODY_SHOW_ROW)
		return custody_rowjson_key(s, entry->values.values);
	return custody_rowjson(s, NULL, entry->values.nvalues, entry->values.values);
}

void
custody_entryrow_set(Datum *values, bool *nulls, CustodyPast *past,
					 CustodyPastEntry *entry, CustodyShow show)
{
	const cc_record *record = entry->record;

	memset(nulls, true, CUSTODY_ENTRYROW_COLUMNS * sizeof(bool));
	nulls[0] = entry->leaf_index < 0;
	values[0] = Int64GetDatum(entry->leaf_index);
	nulls[1] = false;
	values[1] = Int64GetDatum(entry->entry_no);
	nulls[2] = false;
	values[2] = CStringGetTextDatum(cc_kind_name(entry->head.kind));
	if (record != NULL)
	{
		nulls[3] = false;
		values[3] = TimestampTzGetDatum(custody_past_time(record->commit_time));
		custody_entryrow_set_text(&values[4], &nulls[4], record->session_user);
		custody_entryrow_set_text(&values[5], &nulls[5], record->actor);
		custody_entryrow_set_text(&values[6], &nulls[6], record->reason);
		custody_entryrow_set_text(&values[7], &nulls[7], record->purpose);
	}
	nulls[8] = false;
	values[8] = BoolGetDatum(entry->leaf_index >= 0);
	custody_entryrow_set_json(&values[9], &nulls[9], custody_entryrow_json(past, entry, show));
}

char *
custody_entryrow_relation(CustodyLayouts *layouts, uint32 relation_id,
						  const CustodyLayout *layout)
{
	CustodyProtection *p = custody_layouts_protection(layouts, relation_id);
	char	   *schema = NULL;
	char	   *table = p == NULL ? NULL : get_rel_name(p->relid);

	if (table != NULL)
		schema = get_namespace_name(get_rel_namespace(p->relid));
	else if (layout != NULL)
	{
		const cc_schema *s = &layout->decoded->schema;

		schema = custody_rowjson_text(s->schema.data, s->schema.len);
		table = custody_rowjson_text(s->table.data, s->table.len);
	}
	if (schema == NULL || table == NULL)
		return NULL;
	return quote_qualified_identifier(schema, table);
}
