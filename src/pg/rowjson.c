/*
 * rowjson.c
 *	  Stored values and their schema version to jsonb.
 *
 * A value becomes a JSON number, boolean or nested document by the name of its
 * type in the schema version; all others become a string of the canonical
 * text.  What is no longer at hand (withheld, or a reference that nothing
 * resolves) is shown as null.
 *
 * Old bytes must stay readable whatever they are: an error that parsing or
 * size raises is caught here and the value falls back to its text, the row to
 * its short values, and at last to nothing.  No subtransaction is needed,
 * since what runs inside only computes in memory.
 *
 * Memory: results live in the caller's context.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "pg/canonical.h"
#include "pg/compat.h"
#include "pg/rowjson.h"

/* Values longer than this are left out of a row too large for jsonb. */
#define LONG_TEXT (1024 * 1024)

typedef struct RowImage
{
	const cc_schema *schema;
	const uint16_t *positions;	/* NULL = in order */
	uint16_t	n;
	const cc_value *values;
	uint64		longest;		/* longer values are shown as null */
} RowImage;

/* Work in memory that may fail on stored bytes; gives NULL when it did. */
typedef void *(*Attempt) (const void *arg);

/*
 * Run an attempt; an error of class "data exception" or "program limit
 * exceeded" gives NULL, and sets *too_large for the latter.
 */
static void *
attempt(Attempt work, const void *arg, bool *too_large)
{
	MemoryContext caller = CurrentMemoryContext;
	void	   *volatile result = NULL;

	PG_TRY();
	{
		result = work(arg);
	}
	PG_CATCH();
	{
		ErrorData  *error;
		int			category;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
		if (category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
		if (too_large != NULL)
			*too_large = category == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		FreeErrorData(error);
		result = NULL;
	}
	PG_END_TRY();
	return result;
}

static void *
convert_text(const void *arg)
{
	const cc_slice *slice = arg;

	return custody_canonical_to_server(slice->data, slice->len);
}

char *
custody_rowjson_text(const void *data, uint64 len)
{
	int			encoding = GetDatabaseEncoding() == PG_SQL_ASCII ?
		PG_SQL_ASCII : PG_UTF8;
	cc_slice	slice;

	if (len >= MaxAllocSize ||
		!pg_verify_mbstr(encoding, data, (int) len, true))
		return NULL;
	slice.data = data;
	slice.len = len;
	return attempt(convert_text, &slice, NULL);
}

static void *
parse_number(const void *arg)
{
	return DatumGetPointer(DirectFunctionCall3(numeric_in,
											   CStringGetDatum(arg),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static void *
parse_document(const void *arg)
{
	return DatumGetPointer(DirectFunctionCall1(jsonb_in, CStringGetDatum(arg)));
}

Jsonb *
custody_rowjson_document(const char *text)
{
	return attempt(parse_document, text, NULL);
}

static bool
type_is(const cc_slice *type, const char *name)
{
	return type->len == strlen(name) &&
		memcmp(type->data, name, type->len) == 0;
}

static bool
type_is_number(const cc_slice *type)
{
	static const char numeric[] = "numeric(";

	return type_is(type, "integer") || type_is(type, "bigint") ||
		type_is(type, "smallint") || type_is(type, "numeric") ||
		type_is(type, "double precision") || type_is(type, "real") ||
		(type->len > sizeof(numeric) - 1 &&
		 memcmp(type->data, numeric, sizeof(numeric) - 1) == 0 &&
		 type->data[type->len - 1] == ')');
}

/* Does the text begin as a finite number does? */
static bool
is_finite(const char *text)
{
	return isdigit((unsigned char) (text[0] == '-' ? text[1] : text[0]));
}

static void
set_string(JsonbValue *out, char *text)
{
	out->type = jbvString;
	out->val.string.val = text;
	out->val.string.len = strlen(text);
}

/* A text value of a column by the name of the column's type. */
static void
set_typed(JsonbValue *out, const cc_slice *type, char *text)
{
	void	   *parsed;

	set_string(out, text);
	if (type_is_number(type))
	{
		parsed = is_finite(text) ? attempt(parse_number, text, NULL) : NULL;
		if (parsed != NULL)
		{
			out->type = jbvNumeric;
			out->val.numeric = parsed;
		}
	}
	else if (type_is(type, "boolean") &&
			 (strcmp(text, "t") == 0 || strcmp(text, "f") == 0))
	{
		out->type = jbvBool;
		out->val.boolean = text[0] == 't';
	}
	else if (type_is(type, "json") || type_is(type, "jsonb"))
	{
		parsed = custody_rowjson_document(text);
		if (parsed != NULL)
		{
			out->type = jbvBinary;
			out->val.binary.data = &((Jsonb *) parsed)->root;
			out->val.binary.len = VARSIZE(parsed) - VARHDRSZ;
		}
	}
}

static void
set_value(JsonbValue *out, const cc_slice *type, const cc_value *value,
		  uint64 longest)
{
	char	   *text = NULL;

	if ((value->form == CC_VALUE_SHORT || value->form == CC_VALUE_LONG) &&
		value->len <= longest)
		text = custody_rowjson_text(value->data, value->len);
	if (text == NULL)
		out->type = jbvNull;
	else
		set_typed(out, type, text);
}

static void *
build(const void *arg)
{
	const RowImage *image = arg;
	JsonbParseState *state = NULL;
	JsonbValue *object;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < image->n; i++)
	{
		int			position = image->positions ? image->positions[i] : i;
		const cc_column *column = &image->schema->columns[position];
		char	   *name = custody_rowjson_text(column->name.data, column->name.len);
		JsonbValue	v;

		if (name == NULL)
			return NULL;
		set_string(&v, name);
		pushJsonbValue(&state, WJB_KEY, &v);
		set_value(&v, &column->type, &image->values[i], image->longest);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(object);
}

Jsonb *
custody_rowjson(const cc_schema *s, const uint16_t *positions, uint16_t n,
				const cc_value *values)
{
	RowImage	image = {s, positions, n, values, PG_UINT64_MAX};
	bool		too_large = false;
	Jsonb	   *result = attempt(build, &image, &too_large);

	if (result == NULL && too_large)
	{
		image.longest = LONG_TEXT;
		result = attempt(build, &image, NULL);
	}
	return result;
}

Jsonb *
custody_rowjson_key(const cc_schema *s, const cc_value *row)
{
	uint16_t	k = cc_schema_key_count(s);
	const uint16_t *positions = cc_schema_key_positions(s);
	cc_value   *key;

	if (positions == NULL)
		return custody_rowjson(s, NULL, k, row);
	key = palloc(k * sizeof(cc_value));
	for (int i = 0; i < k; i++)
		key[i] = row[positions[i]];
	return custody_rowjson(s, positions, k, key);
}
