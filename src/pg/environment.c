/*
 * environment.c
 *	  The environment against what the ledger has recorded of it.
 *
 * Each difference becomes an environment entry and a row of log_environment,
 * in one transaction: that of the DDL command if an event trigger saw it, so
 * that the entry says who, else one of the sealer's own before the block.
 * What is recorded is, for each item, the row with the highest number; the
 * number is drawn while the object is locked, or corrected by the next look.
 * A block's fingerprint is over what its snapshot sees of log_environment:
 * the entries of this block and those before, by the same rule that picks up
 * transactions.
 *
 * When the sealer looks: at custody.seal(), at a heartbeat, soon after an
 * invalidation of something it looked at, and from time to time whatever
 * happens, since an edit of a catalog by hand may invalidate nothing.  The time
 * it takes bounds how often: it is never more than a small part of all.
 *
 * Memory: a context of each look; what is watched in TopMemoryContext.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "core/environment.h"
#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/environment.h"
#include "pg/schema.h"

/* Look anew after this long, in ms, even if nothing seems to have changed. */
#define LOOK_INTERVAL 10000
/* A look waits this many times its own duration: unasked, and when stale. */
#define IDLE_FACTOR 100
#define STALE_FACTOR 20
/* A wall clock that moved by more against the steady one was set, in us. */
#define CLOCK_STEP (60 * USECS_PER_SEC)

bool
custody_environment_is_late(const char *name)
{
	static const char *const kinds[] = {
		"configuration", "event trigger", "extension ", "module", "role ",
		"roles", "scoped settings", "server ", "settings", "trigger row"
	};

	for (int i = 0; i < lengthof(kinds); i++)
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* What is recorded */

static int
compare_rows(const void *a, const void *b)
{
	const CustodyItem *x = a;
	const CustodyItem *y = b;
	int			order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static void
load_rows(CustodyItems *items, Snapshot snapshot)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_ENVIRONMENT, CUSTODY_ENVIRONMENT_PKEY,
							   snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		custody_items_put(items,
						  TextDatumGetCString(custody_catalog_get(&scan, Anum_environment_name)),
						  TextDatumGetCString(custody_catalog_get(&scan, Anum_environment_after)));
		items->items[items->n - 1].number =
			DatumGetInt64(custody_catalog_get(&scan, Anum_environment_number));
	}
	custody_catalog_scan_end(&scan);
}

void
custody_environment_recorded(CustodyItems *items, Snapshot snapshot)
{
	int			n = 0;

	load_rows(items, snapshot);
	if (items->n > 1)
		qsort(items->items, items->n, sizeof(CustodyItem), compare_rows);
	for (int i = 0; i < items->n; i++)
	{
		CustodyItem *item = &items->items[i];
		bool		last = i + 1 == items->n || strcmp(item->name, item[1].name) != 0;

		if (last && item->text[0] != '\0')
			items->items[n++] = *item;
	}
	items->n = n;
}

bool
custody_environment_lives_here(const CustodyItems *recorded)
{
	const CustodyItem *item = custody_items_find(recorded, CUSTODY_ITEM_IDENTITY);

	return item != NULL && strcmp(item->text, custody_survey_identity()) == 0;
}

/* Differences */

static bool
is_busy(const CustodySurvey *present, const char *name)
{
	size_t		len = custody_item_group(name);
	ListCell   *lc;

	foreach(lc, present->busy)
	{
		const char *group = lfirst(lc);

		if (strlen(group) == len && strncmp(group, name, len) == 0)
			return true;
	}
	return false;
}

void
custody_environment_compare(const CustodyItems *recorded, const CustodySurvey *present, bool known,
							void (*differs) (void *arg, const CustodyItem *before,
											 const CustodyItem *after),
							void *arg)
{
	const CustodyItems *items = present->items;
	int			i = 0;
	int			j = 0;

	while (i < recorded->n || j < items->n)
	{
		const CustodyItem *before = i < recorded->n ? &recorded->items[i] : NULL;
		const CustodyItem *after = j < items->n ? &items->items[j] : NULL;
		int			order = before == NULL ? 1 : after == NULL ? -1 : strcmp(before->name, after->name);
		const char *name = order <= 0 ? before->name : after->name;

		i += order <= 0;
		j += order >= 0;
		if (order == 0 && strcmp(before->text, after->text) == 0)
			continue;
		if (is_busy(present, name))
			continue;
		if (known && !custody_environment_is_late(name) &&
			!(custody_items_have_group(recorded, name) && custody_items_have_group(items, name)))
			continue;
		differs(arg, order <= 0 ? before : NULL, order >= 0 ? after : NULL);
	}
}

/* Recording */

static void
append_row(int64 number, const char *name, const char *before, const char *after)
{
	Datum		values[Anum_environment_after];
	bool		nulls[Anum_environment_after] = {0};

	values[Anum_environment_number - 1] = Int64GetDatum(number);
	values[Anum_environment_name - 1] = CStringGetTextDatum(name);
	values[Anum_environment_before - 1] = CStringGetTextDatum(before);
	values[Anum_environment_after - 1] = CStringGetTextDatum(after);
	custody_catalog_insert(CUSTODY_LOG_ENVIRONMENT, values, nulls);
}

static void
append_change(const char *name, const char *before, const char *after)
{
	cc_environment_event event;
	cc_writer	w;
	uint8	   *body;
	int64		number = custody_catalog_nextval(CUSTODY_ENVIRONMENT_NUMBER);

	event.number = (uint64) number;
	event.name = custody_canonical_slice(name);
	event.before = custody_canonical_slice(before);
	event.after = custody_canonical_slice(after);
	cc_writer_init(&w, NULL, 0);
	cc_write_environment_event(&w, &event);
	body = palloc(w.len);
	cc_writer_init(&w, body, w.len);
	cc_write_environment_event(&w, &event);
	append_row(number, name, before, after);
	custody_append_event(CC_KIND_ENVIRONMENT, 0, 0, body, w.len);
	pfree(body);
}

/* arg: whether to leave late items to the sealer. */
static void
record_difference(void *arg, const CustodyItem *before, const CustodyItem *after)
{
	const char *name = before ? before->name : after->name;

	if (*(bool *) arg && custody_environment_is_late(name))
		return;
	/* Only a step of the clock is recorded, and stays. */
	if (after == NULL && strcmp(name, CUSTODY_ITEM_CLOCK) == 0)
		return;
	append_change(name, before ? before->text : "", after ? after->text : "");
}

/* The sealer's look */

/* What the last look depended on; in look_context. */
static MemoryContext look_context = NULL;
static Oid *watched = NULL;
static int	nwatched = 0;
static uint32 *hashes = NULL;	/* of types and functions */
static int	nhashes = 0;

static bool stale = true;
static TimestampTz looked = 0;
static int64 duration = 0;		/* of the last look, us */

static int
compare_hashes(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

static void
relation_changed(Datum arg, Oid relid)
{
	if (stale)
		return;
	if (!OidIsValid(relid) ||
		bsearch(&relid, watched, nwatched, sizeof(Oid), compare_hashes) != NULL)
		stale = true;
}

/* arg: any row of the catalog matters, also a new one. */
static void
row_changed(Datum arg, int cacheid, uint32 hash)
{
	if (stale)
		return;
	if (DatumGetBool(arg) || hash == 0 ||
		bsearch(&hash, hashes, nhashes, sizeof(uint32), compare_hashes) != NULL)
		stale = true;
}

static void
register_callbacks(void)
{
	if (look_context != NULL)
		return;
	look_context = AllocSetContextCreate(TopMemoryContext, "custody environment",
										 ALLOCSET_SMALL_SIZES);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, row_changed, BoolGetDatum(false));
	CacheRegisterSyscacheCallback(PROCOID, row_changed, BoolGetDatum(false));
	CacheRegisterSyscacheCallback(AUTHOID, row_changed, BoolGetDatum(true));
	CacheRegisterSyscacheCallback(AUTHMEMMEMROLE, row_changed, BoolGetDatum(true));
	CacheRegisterSyscacheCallback(ENUMOID, row_changed, BoolGetDatum(true));
	CacheRegisterSyscacheCallback(EVENTTRIGGEROID, row_changed, BoolGetDatum(true));
	CacheRegisterSyscacheCallback(NAMESPACEOID, row_changed, BoolGetDatum(true));
}

/* Oid and uint32 are one type. */
static uint32 *
sorted_copy(List *list, int *n)
{
	uint32	   *result = MemoryContextAlloc(look_context, (list_length(list) + 1) * sizeof(uint32));
	ListCell   *lc;

	*n = 0;
	foreach(lc, list)
		result[(*n)++] = lfirst_oid(lc);
	qsort(result, *n, sizeof(uint32), compare_hashes);
	return result;
}

static void
watch(const CustodySurvey *s)
{
	List	   *relations = list_copy(s->watched);
	List	   *values = NIL;
	ListCell   *lc;

	foreach(lc, s->types)
		values = lappend_oid(values, GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(lfirst_oid(lc))));
	foreach(lc, s->functions)
		values = lappend_oid(values, GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(lfirst_oid(lc))));
	MemoryContextReset(look_context);
	watched = sorted_copy(relations, &nwatched);
	hashes = sorted_copy(values, &nhashes);
}

bool
custody_environment_due(bool force)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		wait = stale ? STALE_FACTOR * duration :
		Max(IDLE_FACTOR * duration, LOOK_INTERVAL * INT64CONST(1000));

	return force || now < looked || now - looked >= wait;
}

/* Was the wall clock set?  A process that stays notices. */
static void
look_at_clock(CustodySurvey *s)
{
	static int64 offset = 0;
	static bool known = false;
	struct timespec steady;
	int64		now;

	if (clock_gettime(CLOCK_MONOTONIC, &steady) != 0)
		return;
	now = GetCurrentTimestamp() - (steady.tv_sec * USECS_PER_SEC + steady.tv_nsec / 1000);
	if (known && (now - offset > CLOCK_STEP || offset - now > CLOCK_STEP))
		custody_items_add(s->items, CUSTODY_ITEM_CLOCK,
						  psprintf("moved by %lld s at %s", (long long) ((now - offset) / USECS_PER_SEC),
								   DatumGetCString(DirectFunctionCall1(timestamptz_out,
																	   TimestampTzGetDatum(GetCurrentTimestamp())))));
	offset = now;
	known = true;
}

static void
survey(CustodySurvey *s)
{
	int			nest_level = custody_survey_begin();

	look_at_clock(s);
	custody_survey_all(s);
	custody_survey_end(nest_level);
}

void
custody_environment_record(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "custody look at the environment",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TimestampTz began = GetCurrentTimestamp();
	CustodyItems present;
	CustodyItems recorded;
	CustodySurvey s = {&present, GetActiveSnapshot()};
	bool		leave_late = false;

	register_callbacks();
	/* What changes from here on is for the next look. */
	stale = false;
	custody_items_init(&present, context);
	custody_items_init(&recorded, context);
	survey(&s);
	custody_environment_recorded(&recorded, s.snapshot);
	custody_environment_compare(&recorded, &s, false, record_difference, &leave_late);
	watch(&s);
	stale |= s.busy != NIL;
	looked = GetCurrentTimestamp();
	duration = Max(looked - began, 0);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* The fingerprint */

static int
compare_slices(const void *a, const void *b)
{
	return cc_environment_compare(*(const cc_slice *) a, *(const cc_slice *) b);
}

static void
hash_items(const CustodyItems *items, uint8 out[CC_DIGEST_SIZE])
{
	cc_environment hash;
	cc_slice   *slices = MemoryContextAllocHuge(items->context, (items->n + 1) * 2 * sizeof(cc_slice));

	for (int i = 0; i < items->n; i++)
	{
		slices[2 * i] = custody_canonical_slice(items->items[i].name);
		slices[2 * i + 1] = custody_canonical_slice(items->items[i].text);
	}
	/* In UTF-8 the order may be another than in the database's encoding. */
	qsort(slices, items->n, 2 * sizeof(cc_slice), compare_slices);
	cc_environment_begin(&hash, items->n);
	for (int i = 0; i < items->n; i++)
		cc_environment_add(&hash, slices[2 * i], slices[2 * i + 1]);
	cc_environment_end(&hash, out);
}

/* Which rows are visible, without their texts. */
typedef struct Rows
{
	int64		n;
	uint64		sum;
	uint64		squares;
} Rows;

static Rows
visible_rows(Snapshot snapshot)
{
	CustodyScan scan;
	Rows		rows = {0};

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_ENVIRONMENT, CUSTODY_ENVIRONMENT_PKEY,
							   snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		uint64		number = (uint64) DatumGetInt64(custody_catalog_get(&scan, Anum_environment_number));

		rows.n++;
		rows.sum += number;
		rows.squares += number * number;
	}
	custody_catalog_scan_end(&scan);
	return rows;
}

void
custody_environment_fingerprint(uint8 out[CC_DIGEST_SIZE])
{
	static Rows hashed;
	static uint8 fingerprint[CC_DIGEST_SIZE];	/* of those rows */
	Rows		rows = visible_rows(GetActiveSnapshot());

	if (rows.n != hashed.n || rows.sum != hashed.sum || rows.squares != hashed.squares)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "custody fingerprint",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		CustodyItems items;

		custody_items_init(&items, context);
		custody_environment_recorded(&items, GetActiveSnapshot());
		hash_items(&items, fingerprint);
		hashed = rows;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	memcpy(out, fingerprint, CC_DIGEST_SIZE);
}

/* After a DDL command */

static bool
is_recorded(const CustodyItems *recorded, const char *group)
{
	return group != NULL && custody_items_find(recorded, group) != NULL;
}

/* Was one of the tables that are gone the child of a recorded one? */
static bool
lost_child(const CustodyItems *recorded, List *dropped)
{
	ListCell   *lc;

	foreach(lc, dropped)
	{
		char	   *part = psprintf("/child %s", (char *) lfirst(lc));

		for (int i = 0; i < recorded->n; i++)
		{
			const char *name = recorded->items[i].name;

			if (strcmp(name + custody_item_group(name), part) == 0)
				return true;
		}
	}
	return false;
}

static void
survey_some(CustodySurvey *s, const CustodyItems *recorded, const CustodyNote *note)
{
	List	   *roots = NIL;
	ListCell   *lc;

	foreach(lc, note->tables)
	{
		Oid			root = custody_schema_root(lfirst_oid(lc));
		CustodyProtection *p = custody_schema_protection(root, s->snapshot);

		if (is_recorded(recorded, custody_survey_table_group(lfirst_oid(lc))))
			custody_survey_table(s, lfirst_oid(lc), p != NULL ? p->relation_id : 0);
		roots = list_append_unique_oid(roots, root);
	}
	foreach(lc, roots)
		custody_survey_capture(s, lfirst_oid(lc));
	foreach(lc, note->functions)
		if (is_recorded(recorded, custody_survey_function_group(lfirst_oid(lc))))
			custody_survey_function(s, lfirst_oid(lc));
	foreach(lc, note->types)
		if (is_recorded(recorded, custody_survey_type_group(lfirst_oid(lc))))
			custody_survey_type(s, lfirst_oid(lc));
	custody_survey_machinery(s);
	custody_items_sort(s->items);
}

void
custody_environment_note(const CustodyNote *note)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "custody look after DDL",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CustodyItems present;
	CustodyItems recorded;
	CustodySurvey s = {&present};
	bool		leave_late = true;

	custody_items_init(&present, context);
	custody_items_init(&recorded, context);
	custody_environment_recorded(&recorded, SnapshotSelf);
	/* While a dump is being restored things come one by one. */
	if (custody_environment_lives_here(&recorded))
	{
		int			nest_level = custody_survey_begin();

		/* Rules are deparsed under the active snapshot. */
		PushActiveSnapshot(GetLatestSnapshot());
		s.snapshot = GetActiveSnapshot();
		if (note->everything || lost_child(&recorded, note->dropped))
			custody_survey_all(&s);
		else
			survey_some(&s, &recorded, note);
		PopActiveSnapshot();
		custody_survey_end(nest_level);
		custody_environment_compare(&recorded, &s, true, record_difference, &leave_late);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
