/*
 * convert.h
 *	  Values recorded under one schema version as a row of another reads them.
 */
#ifndef CC_CONVERT_H
#define CC_CONVERT_H

#include "core/encode.h"

/* Position of the column of that name, or -1. */
extern int	cc_schema_find(const cc_schema *s, cc_slice name);
/*
 * By column name: a column that 'from' has not reads as its missing value, or
 * NULL; one that 'to' has not is left out.  out has room for to->ncolumns.
 */
extern void cc_values_convert(cc_value *out, const cc_schema *from,
							  const cc_value *values, const cc_schema *to);

#endif							/* CC_CONVERT_H */
