/*
 * subject.c
 *	  SQL: subject_history(subject).
 *
 * Needs SELECT on every table that is protected with a subject column; tables
 * that were dropped since are shown to the ledger's owner only.
 *
 * A subject's rows are found by the lookup number of the subject and then by
 * the lookup numbers of the keys found, because a delete records only the key.
 * An update that gives a row to another subject is shown with the row's key
 * before it alone: from then on the row is about someone else.  What empties a whole table
 * names no row and is not shown.
 *
 * Memory: each row is made in a context that is reset after it; the keys of
 * the subject's rows are kept for the call.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/entryrow.h"
#include "pg/grant.h"
#include "pg/rowkey.h"

/* A row that is, or was, about the subject. */
typedef struct SubjectRow
{
	struct
	{
		uint32		relation_id;
		uint8		key[CC_DIGEST_SIZE];
	}			id;				/* hash key */
	bool		about;			/* at this point of the walk */
} SubjectRow;

typedef struct SubjectQuery
{
	Snapshot	snapshot;
	CustodyLayouts *layouts;
	cc_value	subject;
	Bitmapset  *relations;		/* protections with a subject column */
	HTAB	   *rows;
	HTAB	   *visible[FLEXIBLE_ARRAY_MEMBER]; /* by relation number */
} SubjectQuery;

static SubjectRow *
subject_row(SubjectQuery *q, const CustodyPastEntry *entry,
			void (*digest) (const CustodyPastEntry *, uint8 *), bool enter)
{
	SubjectRow	row;
	SubjectRow *found_row;
	bool		found;

	memset(&row, 0, sizeof(row));
	row.id.relation_id = entry->head.relation;
	digest(entry, row.id.key);
	found_row = hash_search(q->rows, &row.id, enter ? HASH_ENTER : HASH_FIND, &found);
	if (enter && !found)
		found_row->about = false;
	return found_row;
}

/* Does the entry's row hold the subject? */
static bool
holds_subject(const SubjectQuery *q, const CustodyPastEntry *entry)
{
	uint16_t	position;

	if (!entry->open || !cc_kind_has_row(entry->head.kind))
		return false;
	position = entry->layout->decoded->schema.subject;
	return position < entry->values.nvalues &&
		cc_value_equal(&entry->values.values[position], &q->subject);
}

static bool
hidden_from_caller(const SubjectQuery *q, const CustodyPastEntry *entry)
{
	HTAB	   *visible = q->visible[entry->head.relation];
	uint8		key[CC_DIGEST_SIZE];

	if (visible == NULL)
		return false;
	custody_past_key(entry, key);
	return hash_search(visible, key, HASH_FIND, NULL) == NULL;
}

/* Keys of the rows that ever held the subject, as lookup numbers. */
static int64 *
find_rows(SubjectQuery *q, int *n)
{
	int64		number = cc_lookup_subject(&q->subject);
	CustodyPast *past = custody_past_begin_lookup(q->layouts, q->relations,
												  &number, 1, q->snapshot);
	int			capacity = 64;
	int64	   *numbers = palloc(capacity * sizeof(int64));
	CustodyPastEntry *entry;

	*n = 0;
	while ((entry = custody_past_next(past)) != NULL)
	{
		const cc_schema *s;

		if (!holds_subject(q, entry) ||
			subject_row(q, entry, custody_past_key, false) != NULL)
			continue;
		(void) subject_row(q, entry, custody_past_key, true);
		if (*n == capacity)
		{
			capacity *= 2;
			numbers = repalloc_huge(numbers, capacity * sizeof(int64));
		}
		s = &entry->layout->decoded->schema;
		numbers[(*n)++] = cc_lookup_key(entry->head.relation, entry->values.values,
										cc_schema_key_positions(s),
										cc_schema_key_count(s));
	}
	custody_past_end(past);
	return numbers;
}

/* Note what an entry makes of its rows; is it part of the subject's history? */
static bool
follow_row(SubjectQuery *q, const CustodyPastEntry *entry, CustodyShow *show)
{
	bool		holds = holds_subject(q, entry);
	SubjectRow *row;
	bool		was_about = false;

	if (!entry->open)
		return false;
	if (entry->head.flags & CC_ENTRY_KEY_CHANGED)
	{
		row = subject_row(q, entry, custody_past_old_key, false);
		if (row != NULL)
		{
			was_about = row->about;
			row->about = false;
		}
	}
	row = subject_row(q, entry, custody_past_key, holds);
	if (row != NULL)
	{
		if (!(entry->head.flags & CC_ENTRY_KEY_CHANGED))
			was_about = row->about;
		row->about = holds;
	}
	*show = holds ? CUSTODY_SHOW_ROW : CUSTODY_SHOW_OLD_KEY;
	return (holds || was_about) && !hidden_from_caller(q, entry);
}

static void
require_rights(SubjectQuery *q, const CustodyProtection *p)
{
	if (get_rel_name(p->relid) == NULL)
	{
		if (custody_grant_owner_rights())
			q->relations = bms_add_member(q->relations, (int) p->relation_id);
		return;
	}
	custody_rowkey_require_select(p->relid);
	q->relations = bms_add_member(q->relations, (int) p->relation_id);
	if (custody_rowkey_limited(p->relid))
	{
		CustodyLayout *newest = custody_layouts_select(q->layouts, p->relid);

		if (newest != NULL)
			q->visible[p->relation_id] =
				custody_rowkey_all_visible(p->relid, newest->decoded);
	}
}

static SubjectQuery *
begin_subject(const char *subject)
{
	Snapshot	snapshot = GetActiveSnapshot();
	CustodyLayouts *layouts = custody_layouts_load(snapshot, false);
	CustodyProtection *last = layouts->protections == NIL ? NULL :
		llast(layouts->protections);
	uint32		highest = last == NULL ? 0 : last->relation_id;
	SubjectQuery *q = palloc0(offsetof(SubjectQuery, visible) +
							  (highest + 1) * sizeof(HTAB *));
	HASHCTL		ctl = {0};
	ListCell   *lc;

	q->snapshot = snapshot;
	q->layouts = layouts;
	cc_value_set(&q->subject, subject, strlen(subject));
	ctl.keysize = sizeof(((SubjectRow *) NULL)->id);
	ctl.entrysize = sizeof(SubjectRow);
	ctl.hcxt = CurrentMemoryContext;
	q->rows = hash_create("custody subject rows", 64, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, layouts->protections)
	{
		const CustodyProtection *p = lfirst(lc);

		if (p->subject != NULL)
			require_rights(q, p);
	}
	return q;
}

static void
put_subject_entry(ReturnSetInfo *rsinfo, SubjectQuery *q, CustodyPast *past,
				  CustodyPastEntry *entry, CustodyShow show)
{
	Datum		values[1 + CUSTODY_ENTRYROW_COLUMNS];
	bool		nulls[1 + CUSTODY_ENTRYROW_COLUMNS];
	char	   *name = custody_entryrow_relation(q->layouts, entry->head.relation,
												entry->layout);

	nulls[0] = name == NULL;
	if (name != NULL)
		values[0] = CStringGetTextDatum(name);
	custody_entryrow_set(values + 1, nulls + 1, past, entry, show);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(custody_sql_subject_history);
Datum
custody_sql_subject_history(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SubjectQuery *q;
	CustodyPast *past;
	CustodyPastEntry *entry;
	MemoryContext row_context;
	int64	   *numbers;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	q = begin_subject(pg_server_to_any(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									   VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(0)),
									   PG_UTF8));
	if (q->relations == NULL)
		return (Datum) 0;
	numbers = find_rows(q, &n);
	past = custody_past_begin_lookup(q->layouts, q->relations, numbers, n, q->snapshot);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "custody history row",
										ALLOCSET_DEFAULT_SIZES);
	while ((entry = custody_past_next(past)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);
		CustodyShow show;

		if (follow_row(q, entry, &show))
			put_subject_entry(rsinfo, q, past, entry, show);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	custody_past_end(past);
	return (Datum) 0;
}
