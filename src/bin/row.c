/*
 * row.c
 *	  The key and the values of a row that a proof shows, as text and as the
 *	  members of a JSON object.
 */
#include "verify.h"

/* One named value; 'first' is cleared by the first. */
static void
show_named(bool json, bool *first, cc_slice name, const cc_value *v)
{
	if (!*first)
		fputs(", ", stdout);
	*first = false;
	if (json)
	{
		show_json_name(name);
		fputs(": ", stdout);
		show_json_value(v);
	}
	else
	{
		show_name(name);
		fputs(" = ", stdout);
		show_value(v);
	}
}

void
show_row_key(bool json, const cc_schema *s, const cc_value *key)
{
	const uint16_t *at = cc_schema_key_positions(s);
	uint16_t	n = cc_schema_key_count(s);
	bool		first = true;
	uint16_t	i;

	for (i = 0; i < n; i++)
		show_named(json, &first, s->columns[at == NULL ? i : at[i]].name, &key[i]);
}

void
show_row_values(bool json, const cc_schema *s, const cc_proof_column *columns)
{
	bool		first = true;
	uint16_t	i;

	for (i = 0; i < s->ncolumns; i++)
	{
		if (!columns[i].open)
			continue;
		if (first && !json)
			fputs(": ", stdout);
		show_named(json, &first, s->columns[i].name, &columns[i].value);
	}
}
