/*
 * canonical.c
 *	  Rows to canonical values: text output under fixed settings.
 *
 * The settings that type output functions read are plain global variables;
 * begin/end swap them directly, which costs nothing a row would notice.  Only
 * types whose text depends on search_path or lc_monetary need the GUC
 * machinery, and a row whose types depend on none needs no begin and end.  The
 * most frequent types are rendered without their output function.
 *
 * Memory: the short texts of a row are in one piece; long ones and those of
 * output functions have their own; text that is plain in the row stays there.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/canonical.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/largeobject.h"
#include "pg/typetext.h"

typedef enum RenderKind
{
	RENDER_WRITE,				/* column->text */
	RENDER_TEXT,				/* text, varchar, bpchar, json */
	RENDER_NAME,
	RENDER_BYTEA,
	RENDER_OUTPUT				/* the type's output function */
} RenderKind;

typedef struct RenderColumn
{
	AttrNumber	attnum;
	RenderKind	kind;
	bool		byval;
	int16		typlen;
	const CustodyTypeText *text;
	FmgrInfo	output;
} RenderColumn;

struct CustodyRenderer
{
	int			ncolumns;
	int			ncontents;
	AttrNumber *contents;		/* columns that name large objects */
	bool		needs_settings;
	bool		needs_full;
	bool		is_utf8;		/* the database's encoding */
	Size		room;			/* for the texts written here, of one row */
	RenderColumn columns[FLEXIBLE_ARRAY_MEMBER];
};

static RenderKind
render_kind(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			return RENDER_TEXT;
		case NAMEOID:
			return RENDER_NAME;
		case BYTEAOID:
			return RENDER_BYTEA;
		default:
			return RENDER_OUTPUT;
	}
}

/*
 * Does the text of a type depend on search_path or lc_monetary?  Any type
 * made of others, or made by a user, might.
 */
static bool
type_needs_full(Oid type)
{
	Oid			element;

	if (type >= FirstNormalObjectId)
		return get_typtype(type) != TYPTYPE_ENUM;
	element = get_element_type(type);
	if (OidIsValid(element))
		return type_needs_full(element);
	switch (type)
	{
		case MONEYOID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case RECORDOID:
			return true;
		default:
			return false;
	}
}

/*
 * Does the text of a type depend on any setting?  Unknown types might; those
 * not left to their output function do not.
 */
static bool
type_needs_settings(Oid type)
{
	switch (type)
	{
		case NUMERICOID:
		case JSONBOID:
		case CHAROID:
		case OIDOID:
		case INETOID:
		case CIDROID:
		case BITOID:
		case VARBITOID:
			return false;
		default:
			return render_kind(type) == RENDER_OUTPUT &&
				custody_typetext_find(type) == NULL &&
				get_typtype(type) != TYPTYPE_ENUM;
	}
}

static void
init_column(CustodyRenderer *r, RenderColumn *column, Form_pg_attribute att)
{
	Oid			type = getBaseType(att->atttypid);
	Oid			output;
	bool		varlena;

	column->attnum = att->attnum;
	column->byval = att->attbyval;
	column->typlen = att->attlen;
	column->text = custody_typetext_find(type);
	column->kind = column->text != NULL ? RENDER_WRITE : render_kind(type);
	getTypeOutputInfo(type, &output, &varlena);
	fmgr_info(output, &column->output);
	if (column->text != NULL)
		r->room += column->text->room;
	r->needs_settings |= type_needs_settings(type);
	r->needs_full |= type_needs_full(type);
}

bool
custody_canonical_names_object(Form_pg_attribute att)
{
	return custody_compat_is_stored(att) && getBaseType(att->atttypid) == OIDOID;
}

static bool
is_named(Form_pg_attribute att, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(NameStr(att->attname), lfirst(lc)) == 0)
			return true;
	return false;
}

CustodyRenderer *
custody_canonical_renderer(TupleDesc desc, List *large_objects)
{
	CustodyRenderer *r;

	r = palloc0(offsetof(CustodyRenderer, columns) +
				desc->natts * sizeof(RenderColumn));
	r->is_utf8 = GetDatabaseEncoding() == PG_UTF8;
	r->contents = palloc0((desc->natts + 1) * sizeof(AttrNumber));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (custody_compat_is_stored(att))
			init_column(r, &r->columns[r->ncolumns++], att);
		if (custody_canonical_names_object(att) && is_named(att, large_objects))
			r->contents[r->ncontents++] = att->attnum;
	}
	return r;
}

int
custody_canonical_columns(const CustodyRenderer *r)
{
	return r->ncolumns;
}

int
custody_canonical_contents(const CustodyRenderer *r)
{
	return r->ncontents;
}

const AttrNumber *
custody_canonical_content_columns(const CustodyRenderer *r)
{
	return r->contents;
}

bool
custody_canonical_needs_settings(const CustodyRenderer *r)
{
	return r->needs_settings;
}

bool
custody_canonical_needs_full(const CustodyRenderer *r)
{
	return r->needs_full;
}

/* Bytes in the database's encoding become the value, in UTF-8. */
static void
set_text(const CustodyRenderer *r, cc_value *value, char *text, int len)
{
	if (!r->is_utf8)
	{
		char	   *utf8 = pg_server_to_any(text, len, PG_UTF8);

		if (utf8 != text)
			len = strlen(utf8);
		text = utf8;
	}
	cc_value_set(value, text, len);
}

/* The output function gives up beyond half a gigabyte. */
static void
render_bytea(Datum datum, cc_value *value)
{
	bytea	   *b = DatumGetByteaPP(datum);
	Size		len = 2 + 2 * (Size) VARSIZE_ANY_EXHDR(b);
	char	   *hex = MemoryContextAllocHuge(CurrentMemoryContext, len + 1);

	hex[0] = '\\';
	hex[1] = 'x';
	hex_encode(VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b), hex + 2);
	cc_value_set(value, hex, len);
}

static void
render_output(const CustodyRenderer *r, RenderColumn *column, Datum datum,
			  cc_value *value)
{
	char	   *text = OutputFunctionCall(&column->output, datum);

	set_text(r, value, text, strlen(text));
}

/* free: where short texts go; moved behind what is written. */
static void
render_datum(const CustodyRenderer *r, RenderColumn *column, Datum datum,
			 cc_value *value, char **free)
{
	char	   *end;

	switch (column->kind)
	{
		case RENDER_WRITE:
			end = column->text->write(*free, datum);
			if (end == NULL)
			{
				render_output(r, column, datum, value);
				break;
			}
			cc_value_set(value, *free, end - *free);
			*free = end;
			break;
		case RENDER_TEXT:
			{
				text	   *t = DatumGetTextPP(datum);

				set_text(r, value, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
				break;
			}
		case RENDER_NAME:
			set_text(r, value, NameStr(*DatumGetName(datum)),
					 strlen(NameStr(*DatumGetName(datum))));
			break;
		case RENDER_BYTEA:
			render_bytea(datum, value);
			break;
		case RENDER_OUTPUT:
			render_output(r, column, datum, value);
			break;
	}
}

void
custody_canonical_render(CustodyRenderer *r, TupleTableSlot *slot,
						 cc_value *values)
{
	char	   *free = palloc(r->room + 1);

	slot_getallattrs(slot);
	for (int i = 0; i < r->ncolumns; i++)
	{
		RenderColumn *column = &r->columns[i];
		int			att = column->attnum - 1;

		if (slot->tts_isnull[att])
			cc_value_set(&values[i], NULL, 0);
		else
			render_datum(r, column, slot->tts_values[att], &values[i], &free);
	}
}

/* Same bytes, not looking behind out-of-line pointers. */
static bool
same_datum(const RenderColumn *column, Datum a, Datum b)
{
	return column->byval ? a == b : datumIsEqual(a, b, false, column->typlen);
}

static bool
is_out_of_line(const RenderColumn *column, Datum datum)
{
	return !column->byval && column->typlen == -1 &&
		VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(datum));
}

/*
 * Does a long value stay as it was?  Asked only of values out of line: others
 * are small.  A trigger may have made a new copy of the same bytes.
 */
static bool
is_unchanged_long(const RenderColumn *column, Datum old, const cc_value *value,
				  const cc_value *changed)
{
	return value->form == CC_VALUE_LONG && changed->form == CC_VALUE_LONG &&
		is_out_of_line(column, old) && cc_value_equal(value, changed);
}

void
custody_canonical_render_replaced(CustodyRenderer *r, TupleTableSlot *slot,
								  cc_value *values, TupleTableSlot *changed,
								  cc_value *changed_values)
{
	char	   *free = palloc(r->room + 1);

	slot_getallattrs(slot);
	for (int i = 0; i < r->ncolumns; i++)
	{
		RenderColumn *column = &r->columns[i];
		int			att = column->attnum - 1;
		Datum		datum = slot->tts_values[att];

		if (slot->tts_isnull[att])
			cc_value_set(&values[i], NULL, 0);
		else if (!changed->tts_isnull[att] &&
				 same_datum(column, datum, changed->tts_values[att]))
			values[i] = changed_values[i];
		else
			render_datum(r, column, datum, &values[i], &free);
		if (is_unchanged_long(column, datum, &values[i], &changed_values[i]))
			changed_values[i].form = CC_VALUE_REFERENCE;
	}
}

void
custody_canonical_render_contents(CustodyRenderer *r, TupleTableSlot *slot,
								  cc_value *contents, Snapshot snapshot)
{
	slot_getallattrs(slot);
	for (int i = 0; i < r->ncontents; i++)
	{
		int			att = r->contents[i] - 1;
		char	   *text = slot->tts_isnull[att] ? NULL :
			custody_largeobject_text(DatumGetObjectId(slot->tts_values[att]), snapshot);

		cc_value_set(&contents[i], text, text == NULL ? 0 : strlen(text));
	}
}

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
custody_canonical_begin(CustodySettings *saved, bool full)
{
	static pg_tz *utc = NULL;

	if (utc == NULL)
		utc = pg_tzset("UTC");
	saved->guc_nest_level = 0;
	if (full)
	{
		saved->guc_nest_level = NewGUCNestLevel();
		set_local("search_path", "pg_catalog, pg_temp");
		set_local("lc_monetary", "C");
	}
	saved->date_style = DateStyle;
	saved->date_order = DateOrder;
	saved->interval_style = IntervalStyle;
	saved->extra_float_digits = extra_float_digits;
	saved->bytea_output = bytea_output;
	saved->timezone = session_timezone;
	DateStyle = USE_ISO_DATES;
	DateOrder = DATEORDER_YMD;
	IntervalStyle = INTSTYLE_POSTGRES;
	extra_float_digits = 1;
	bytea_output = BYTEA_OUTPUT_HEX;
	session_timezone = utc;
}

void
custody_canonical_end(const CustodySettings *saved)
{
	DateStyle = saved->date_style;
	DateOrder = saved->date_order;
	IntervalStyle = saved->interval_style;
	extra_float_digits = saved->extra_float_digits;
	bytea_output = saved->bytea_output;
	session_timezone = saved->timezone;
	if (saved->guc_nest_level > 0)
		AtEOXact_GUC(true, saved->guc_nest_level);
}

Datum
custody_canonical_input(Oid type, int32 typmod, const char *text)
{
	Oid			input;
	Oid			ioparam;

	getTypeInputInfo(type, &input, &ioparam);
	return OidInputFunctionCall(input, (char *) text, ioparam, typmod);
}

char *
custody_canonical_output(Oid type, Datum value)
{
	Oid			output;
	bool		varlena;
	char	   *text;

	getTypeOutputInfo(type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

char *
custody_canonical_to_server(const uint8_t *data, uint64 len)
{
	char	   *text = pnstrdup((const char *) data, len);

	return pg_any_to_server(text, len, PG_UTF8);
}

cc_slice
custody_canonical_slice(const char *text)
{
	cc_slice	s = {(const uint8_t *) "", 0};

	if (text != NULL)
	{
		s.data = (const uint8_t *) pg_server_to_any(text, strlen(text), PG_UTF8);
		s.len = strlen((const char *) s.data);
	}
	return s;
}
