/*
 * rowjson.h
 *	  Stored values and their schema version to jsonb.
 */
#ifndef CUSTODY_ROWJSON_H
#define CUSTODY_ROWJSON_H

#include "utils/jsonb.h"

#include "core/encode.h"

/*
 * An object of n columns: values[i] belongs to the column at positions[i], or
 * at i if positions is NULL.  NULL when the stored names or values are not
 * text of this database's encoding.  Does not raise because of stored bytes.
 */
extern Jsonb *custody_rowjson(const cc_schema *s, const uint16_t *positions,
							  uint16_t n, const cc_value *values);
/* The key columns of a whole row. */
extern Jsonb *custody_rowjson_key(const cc_schema *s, const cc_value *row);
/* A JSON document; NULL when the text is none. */
extern Jsonb *custody_rowjson_document(const char *text);
/* Stored text as a string of the server's encoding; NULL when it is none. */
extern char *custody_rowjson_text(const void *data, uint64 len);

#endif							/* CUSTODY_ROWJSON_H */
