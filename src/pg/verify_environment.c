/*
 * verify_environment.c
 *	  Environment entries: against log_environment, against the fingerprints in
 *	  block headers, against the environment as it is; gaps in capture and in
 *	  the heartbeat.
 *
 * Of an item's entries the one with the highest number holds.  A change that
 * is in the ledger is history and no finding, unless it left capture
 * incomplete.  A present difference is one only where a command would have
 * left its entry at once; roles, settings and the like the next block records.
 *
 * Texts are kept as in the entries, in UTF-8.  Memory: v->context.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/environment.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/environment.h"
#include "pg/verify.h"

/* Beyond the intervals, in us: a busy machine is no finding. */
#define PATIENCE(heartbeat) (15 * USECS_PER_SEC + (heartbeat) * USECS_PER_SEC / 4)

typedef struct KnownItem
{
	uint8		key[CC_DIGEST_SIZE];	/* hash key: digest of the name */
	uint64		number;
	int64		txn_no;			/* of the entry that holds */
	cc_slice	name;
	cc_slice	text;			/* empty: no such item */
	/* an item that says whether capture is complete */
	bool		gap;
	int64		gap_leaf;
	int64		gap_time;
	cc_slice	gap_text;
} KnownItem;

typedef struct CustodyVerifyEnvironment
{
	HTAB	   *items;
	HTAB	   *seen;			/* numbers of entries */
	bool		doubted;		/* the last fingerprint did not match */
	bool		current;		/* fingerprint is of the items */
	uint8		fingerprint[CC_DIGEST_SIZE];
	/* the block before */
	bool		have_block;
	uint64		block_number;
	uint32		incarnation;
	int64		block_time;
	int64		limit;			/* us to the next block, 0 = none */
	/* entries of this block */
	bool		restarted;		/* the server was started, or is another */
	bool		clock_moved;
} CustodyVerifyEnvironment;

void
custody_verify_environment_init(CustodyVerify *v)
{
	HASHCTL		ctl = {0};

	v->environment = palloc0(sizeof(CustodyVerifyEnvironment));
	ctl.keysize = CC_DIGEST_SIZE;
	ctl.entrysize = sizeof(KnownItem);
	ctl.hcxt = v->context;
	v->environment->items = hash_create("custody environment", 1024, &ctl,
										HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = ctl.entrysize = sizeof(uint64);
	v->environment->seen = hash_create("custody environment numbers", 1024, &ctl,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Slices */

static bool
same(cc_slice a, cc_slice b)
{
	return cc_environment_compare(a, b) == 0;
}

static bool
is(cc_slice slice, const char *text)
{
	cc_slice	other = {(const uint8_t *) text, strlen(text)};

	return same(slice, other);
}

static cc_slice
keep(CustodyVerify *v, cc_slice slice)
{
	uint8	   *data = MemoryContextAlloc(v->context, slice.len + 1);
	cc_slice	copy = {data, slice.len};

	if (slice.len > 0)
		memcpy(data, slice.data, slice.len);
	return copy;
}

static char *
show(cc_slice slice)
{
	return custody_verify_text(slice.data, slice.len);
}

static KnownItem *
find_item(CustodyVerify *v, cc_slice name, bool add, bool *found)
{
	uint8		key[CC_DIGEST_SIZE];
	cc_sha256	hash;

	cc_sha256_init(&hash);
	cc_sha256_update(&hash, name.data, name.len);
	cc_sha256_final(&hash, key);
	return hash_search(v->environment->items, key, add ? HASH_ENTER : HASH_FIND, found);
}

/* Text of an item as a string, "" if there is none. */
static char *
item_text(CustodyVerify *v, const char *name)
{
	cc_slice	slice = {(const uint8_t *) name, strlen(name)};
	bool		found;
	KnownItem	   *item = find_item(v, slice, false, &found);

	return found ? show(item->text) : "";
}

/* Gaps in capture */

static char *
show_time(int64 unix_time)
{
	return pstrdup(timestamptz_to_str(unix_time - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY));
}

static char *
show_place(int64 leaf_index, int64 block_time)
{
	if (leaf_index == CUSTODY_NO_LEAF)
		return pstrdup("an entry that is not sealed");
	/* Of what is taken as verified no header was read. */
	return block_time == 0 ? psprintf("leaf %lld", (long long) leaf_index) :
		psprintf("leaf %lld, sealed at %s", (long long) leaf_index, show_time(block_time));
}

/* Name of the table an item of capture is about; NULL: of the machinery. */
static char *
capture_of(const KnownItem *item)
{
	size_t		len = strlen(CUSTODY_ITEM_CAPTURE);

	return item->name.len <= len ? NULL :
		custody_verify_text(item->name.data + len + 1, item->name.len - len - 1);
}

static void
report_gap(CustodyVerify *v, const KnownItem *item, bool closed)
{
	char	   *relation = capture_of(item);
	const char *what = relation ? psprintf("capture of table %s", relation) : "capture";
	char	   *from = show_place(item->gap_leaf, item->gap_time);

	if (closed)
		custody_verify_tampering(v, "capture_gap", relation, item->gap_leaf, show(item->gap_text),
								 "%s was not complete from %s to %s", what, from,
								 show_place(v->place.leaf_index, v->audit->block_time));
	else
		custody_verify_tampering(v, "capture_gap", relation, item->gap_leaf, show(item->gap_text),
								 "%s has not been complete since %s", what, from);
}

static bool
is_capture(cc_slice name)
{
	size_t		len = strlen(CUSTODY_ITEM_CAPTURE);

	return name.len >= len && memcmp(name.data, CUSTODY_ITEM_CAPTURE, len) == 0 &&
		(name.len == len || name.data[len] == ' ');
}

static void
follow_capture(CustodyVerify *v, KnownItem *item)
{
	if (item->text.len == 0 || is(item->text, CUSTODY_ITEM_COMPLETE))
	{
		if (item->gap)
			report_gap(v, item, true);
		item->gap = false;
	}
	else if (!item->gap)
	{
		item->gap = true;
		item->gap_leaf = v->place.leaf_index;
		item->gap_time = v->audit->block_time;
		item->gap_text = item->text;
	}
}

/* Rows of our triggers */

/* Has the entry's own transaction changed that item as well? */
static bool
changed_with(CustodyVerify *v, const char *name)
{
	cc_slice	slice = custody_canonical_slice(name);
	bool		found;
	KnownItem  *item = find_item(v, slice, false, &found);

	return found && item->txn_no == v->place.txn_no;
}

/*
 * The row of one of our triggers was written anew, but reads as before: it was
 * changed and changed back, with nobody looking in between.  Not so where the
 * trigger itself is another one: recorded with it, of a new table or
 * protection, after an update of the extension, or in another place.  Entries
 * of one look are in order of names, so those come before.
 */
static void
follow_trigger_row(CustodyVerify *v, const KnownItem *item, cc_slice after)
{
	char	   *table;
	char	   *trigger;

	if (item->text.len == 0 || after.len == 0 ||
		!custody_triggerrow_parse(show(item->name), &table, &trigger) ||
		!custody_triggerrow_same(show(item->text), show(after)) ||
		changed_with(v, trigger) || changed_with(v, CUSTODY_ITEM_IDENTITY) ||
		changed_with(v, CUSTODY_ITEM_EXTENSION))
		return;
	custody_verify_tampering(v, "capture_gap", table, v->place.leaf_index,
							 psprintf("row of transaction %s, then %s", show(item->text), show(after)),
							 "the row of %s was written anew between two looks, though it reads as before", trigger);
}

/* Entries */

static bool
row_is(CustodyScan *scan, int column, cc_slice expected)
{
	return same(expected, custody_canonical_slice(TextDatumGetCString(custody_catalog_get(scan, column))));
}

/* The row of log_environment must say the same. */
static void
check_row(CustodyVerify *v, const cc_environment_event *e)
{
	CustodyScan scan;
	ScanKeyData key;
	bool		found;
	bool		good = false;

	custody_catalog_key_int8(&key, Anum_environment_number, BTEqualStrategyNumber, (int64) e->number);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_ENVIRONMENT, CUSTODY_ENVIRONMENT_PKEY, v->snapshot,
							   ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
		good = row_is(&scan, Anum_environment_name, e->name) &&
			row_is(&scan, Anum_environment_before, e->before) &&
			row_is(&scan, Anum_environment_after, e->after);
	custody_catalog_scan_end(&scan);
	if (!good)
		custody_verify_tampering(v, found ? "environment_altered" : "environment_missing", NULL,
								 v->place.leaf_index, custody_verify_where(&v->place),
								 found ? "log_environment says otherwise than the entry of change %llu of %s" :
								 "change %llu of %s is missing from log_environment",
								 (unsigned long long) e->number, show(e->name));
}

void
custody_verify_environment_event(CustodyVerify *v, const cc_entry *e)
{
	CustodyVerifyEnvironment *environment = v->environment;
	cc_environment_event event;
	KnownItem	   *item;
	bool		found;

	if (cc_environment_event_decode(&event, e->body) != CC_OK)
		return;
	check_row(v, &event);
	(void) hash_search(environment->seen, &event.number, HASH_ENTER, &found);
	if (is(event.name, CUSTODY_ITEM_START) || is(event.name, CUSTODY_ITEM_IDENTITY))
		environment->restarted = true;
	else if (is(event.name, CUSTODY_ITEM_CLOCK))
		environment->clock_moved = true;
	item = find_item(v, event.name, true, &found);
	if (found && event.number < item->number)
		return;
	if (!found)
	{
		item->name = keep(v, event.name);
		item->text.len = 0;
		item->gap = false;
	}
	follow_trigger_row(v, item, event.after);
	item->number = event.number;
	item->txn_no = v->place.txn_no;
	item->text = keep(v, event.after);
	environment->current = false;
	if (is_capture(event.name))
		follow_capture(v, item);
}

/* Blocks */

static int
compare_items(const void *a, const void *b)
{
	return cc_environment_compare((*(KnownItem *const *) a)->name, (*(KnownItem *const *) b)->name);
}

/* Items there are, in order of their names. */
static KnownItem **
sorted_items(CustodyVerify *v, uint32 *n)
{
	KnownItem	  **sorted = palloc((hash_get_num_entries(v->environment->items) + 1) * sizeof(KnownItem *));
	HASH_SEQ_STATUS seq;
	KnownItem	   *item;

	*n = 0;
	hash_seq_init(&seq, v->environment->items);
	while ((item = hash_seq_search(&seq)) != NULL)
		if (item->text.len > 0)
			sorted[(*n)++] = item;
	qsort(sorted, *n, sizeof(KnownItem *), compare_items);
	return sorted;
}

static void
add_up(CustodyVerify *v)
{
	cc_environment hash;
	uint32		n;
	KnownItem	  **sorted;

	if (v->environment->current)
		return;
	sorted = sorted_items(v, &n);
	cc_environment_begin(&hash, n);
	for (uint32 i = 0; i < n; i++)
		cc_environment_add(&hash, sorted[i]->name, sorted[i]->text);
	cc_environment_end(&hash, v->environment->fingerprint);
	v->environment->current = true;
	pfree(sorted);
}

static void
check_fingerprint(CustodyVerify *v, bool whole)
{
	CustodyVerifyEnvironment *environment = v->environment;
	bool		differs;

	add_up(v);
	differs = !cc_equal(environment->fingerprint, v->audit->block_environment, CC_DIGEST_SIZE);
	/* Entries that are missing have been reported as that. */
	if (differs && whole && !environment->doubted)
		custody_verify_tampering(v, cc_finding_text(CC_F_ENVIRONMENT_MISMATCH), NULL,
								 (int64) v->audit->block_first, NULL,
								 "the environment entries up to block %llu do not add up to the fingerprint in its header",
								 (unsigned long long) v->audit->block_number);
	environment->doubted = differs;
}

/* How long the recorded settings let the sealer be silent; 0 = for ever. */
static int64
silence_allowed(CustodyVerify *v)
{
	int64		heartbeat = strtol(item_text(v, CUSTODY_ITEM_HEARTBEAT), NULL, 10);
	int64		interval = strtol(item_text(v, CUSTODY_ITEM_INTERVAL), NULL, 10);

	if (heartbeat <= 0 || strstr(item_text(v, CUSTODY_ITEM_PRELOAD), "pg_custody") == NULL)
		return 0;
	return heartbeat * USECS_PER_SEC + interval * 1000 + PATIENCE(heartbeat);
}

static void
report_silence(CustodyVerify *v, int64 leaf_index, const char *message)
{
	CustodyFinding f = {CUSTODY_WARNING, "heartbeat_gap"};

	f.leaf_index = leaf_index;
	f.message = message;
	f.detail = "The sealer was stopped or could not work, or blocks were taken out before they were anchored.";
	custody_verify_report(v, &f);
}

static void
check_silence(CustodyVerify *v)
{
	CustodyVerifyEnvironment *environment = v->environment;
	const cc_audit *a = v->audit;

	if (environment->have_block && environment->limit > 0 && !environment->restarted &&
		!environment->clock_moved && a->incarnation == environment->incarnation &&
		a->block_time - environment->block_time > environment->limit)
		report_silence(v, (int64) a->block_first,
					   psprintf("nothing was sealed between block %llu at %s and block %llu at %s",
								(unsigned long long) environment->block_number,
								show_time(environment->block_time),
								(unsigned long long) a->block_number, show_time(a->block_time)));
}

void
custody_verify_environment_block(CustodyVerify *v, bool whole)
{
	CustodyVerifyEnvironment *environment = v->environment;
	const cc_audit *a = v->audit;

	if (!a->in_block || a->lost)
	{
		environment->have_block = false;
		return;
	}
	check_fingerprint(v, whole);
	check_silence(v);
	environment->have_block = true;
	environment->block_number = a->block_number;
	environment->incarnation = a->incarnation;
	environment->block_time = a->block_time;
	environment->limit = silence_allowed(v);
	environment->restarted = false;
	environment->clock_moved = false;
}

/* As it is */

/* Triggers of a table that was protected anew: its entries say so. */
static bool
is_protected_anew(const CustodyItem *before, const CustodyItem *after)
{
	char	   *table;
	char	   *trigger;

	return before != NULL && after != NULL &&
		custody_triggerrow_parse(before->name, &table, &trigger) &&
		!custody_triggerrow_same(before->text, after->text);
}

/*
 * Of late items the next block says what changed.  What is wrong with capture
 * has been reported, part by part.
 */
static void
report_change(void *arg, const CustodyItem *before, const CustodyItem *after)
{
	const char *name = before ? before->name : after->name;
	CustodyFinding f = {CUSTODY_WARNING, "environment_changed"};

	if (custody_environment_is_late(name) ||
		strncmp(name, CUSTODY_ITEM_CAPTURE, strlen(CUSTODY_ITEM_CAPTURE)) == 0 ||
		is_protected_anew(before, after))
		return;
	f.leaf_index = CUSTODY_NO_LEAF;
	f.message = psprintf(before == NULL ? "%s is there without an entry" :
						 after == NULL ? "%s is not there any more, without an entry" :
						 "%s is not as its last entry says", name);
	f.detail = psprintf("recorded: %s; is: %s", before ? before->text : "nothing",
						after ? after->text : "nothing");
	custody_verify_report(arg, &f);
}

static void
take_recorded(CustodyVerify *v, CustodyItems *recorded)
{
	uint32		n;
	KnownItem	  **sorted = sorted_items(v, &n);

	custody_items_init(recorded, CurrentMemoryContext);
	for (uint32 i = 0; i < n; i++)
		custody_items_put(recorded, show(sorted[i]->name), show(sorted[i]->text));
	custody_items_sort(recorded);
}

static void
check_present_silence(CustodyVerify *v)
{
	CustodyVerifyEnvironment *environment = v->environment;
	TimestampTz now = GetCurrentTimestamp();
	int64		unix_now = now + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	if (environment->have_block && environment->limit > 0 && !RecoveryInProgress() &&
		now - PgStartTime > environment->limit && unix_now - environment->block_time > environment->limit)
		report_silence(v, CUSTODY_NO_LEAF,
					   psprintf("nothing has been sealed since block %llu at %s",
								(unsigned long long) environment->block_number,
								show_time(environment->block_time)));
}

static void
check_present(CustodyVerify *v)
{
	CustodyItems present;
	CustodyItems recorded;
	CustodySurvey s = {&present, v->snapshot};
	int			nest_level;

	take_recorded(v, &recorded);
	/* Of a ledger that was restored the next block says how it is here. */
	if (!custody_environment_lives_here(&recorded))
		return;
	custody_items_init(&present, CurrentMemoryContext);
	nest_level = custody_survey_begin();
	custody_survey_all(&s);
	custody_survey_end(nest_level);
	custody_environment_compare(&recorded, &s, true, report_change, v);
	check_present_silence(v);
}

/* Entries that are lost leave many such rows: one finding for all. */
static void
check_extra_rows(CustodyVerify *v)
{
	CustodyScan scan;
	uint64		first = 0;
	int64		n = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_ENVIRONMENT, CUSTODY_ENVIRONMENT_PKEY, v->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		uint64		number = (uint64) DatumGetInt64(custody_catalog_get(&scan, Anum_environment_number));
		bool		found;

		(void) hash_search(v->environment->seen, &number, HASH_FIND, &found);
		if (!found && n++ == 0)
			first = number;
	}
	custody_catalog_scan_end(&scan);
	if (n > 0)
		custody_verify_tampering(v, "environment_extra", NULL, CUSTODY_NO_LEAF,
								 n > 1 ? psprintf("and %lld later ones", (long long) (n - 1)) : NULL,
								 "change %llu in log_environment has no entry",
								 (unsigned long long) first);
}

void
custody_verify_environment_end(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	KnownItem	   *item;

	hash_seq_init(&seq, v->environment->items);
	while ((item = hash_seq_search(&seq)) != NULL)
		if (item->gap)
			report_gap(v, item, false);
	check_extra_rows(v);
	check_present(v);
}
