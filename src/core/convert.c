/*
 * convert.c
 *	  Values recorded under one schema version as a row of another reads them.
 */
#include "core/convert.h"

#include <string.h>

int
cc_schema_find(const cc_schema *s, cc_slice name)
{
	uint16_t	i;

	for (i = 0; i < s->ncolumns; i++)
	{
		cc_slice	other = s->columns[i].name;

		if (other.len == name.len &&
			(name.len == 0 || memcmp(other.data, name.data, name.len) == 0))
			return i;
	}
	return -1;
}

void
cc_values_convert(cc_value *out, const cc_schema *from,
				  const cc_value *values, const cc_schema *to)
{
	uint16_t	i;

	for (i = 0; i < to->ncolumns; i++)
	{
		int			at = cc_schema_find(from, to->columns[i].name);

		out[i] = at >= 0 ? values[at] : to->columns[i].missing;
	}
}
