/*
 * tablestate.c
 *	  Set hashes of tables as stored: log_state, log_event and what a block
 *	  header says of them.
 *
 * Memory: a state lives in the context that was current when it was loaded.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/tablestate.h"

bool
custody_tablestate_is_event(cc_kind kind)
{
	return !cc_kind_is_row(kind) && kind != CC_KIND_TRUNCATE &&
		kind != CC_KIND_ERASURE && kind != CC_KIND_DISCLOSURE;
}

static void
load_set(CustodyTableState *state, CustodyScan *scan)
{
	CustodyTableSet *set;
	bool		isnull;
	uint32		version = DatumGetUInt32(custody_catalog_get(scan, Anum_state_version));
	Datum		datum = custody_catalog_getattr(scan, Anum_state_row_set, &isnull);

	if (version == 0)
	{
		state->lost = state->lost_stored = true;
		state->sound &= isnull &&
			DatumGetUInt32(custody_catalog_get(scan, Anum_state_relation_id)) == 0;
		return;
	}
	set = palloc0(sizeof(CustodyTableSet));
	set->version = set->stored = version;
	set->relation_id = DatumGetUInt32(custody_catalog_get(scan, Anum_state_relation_id));
	set->known = !isnull;
	if (!isnull)
	{
		bytea	   *bytes = DatumGetByteaPP(datum);

		if (cc_set_load(&set->set, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)) != CC_OK)
			state->sound = set->known = false;
	}
	set->layout = custody_schema_load(version, state->snapshot, true);
	state->sets = lappend(state->sets, set);
}

/* The chain at the last event; that each is a link of it is for others to say. */
static void
load_events(CustodyTableState *state)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_EVENT, CUSTODY_EVENT_PKEY, state->snapshot,
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *chain = custody_catalog_get_bytea(&scan, Anum_event_chain);

		if (VARSIZE_ANY_EXHDR(chain) == CC_DIGEST_SIZE)
			memcpy(state->events, VARDATA_ANY(chain), CC_DIGEST_SIZE);
		else
			state->sound = false;
	}
	custody_catalog_scan_end(&scan);
}

CustodyTableState *
custody_tablestate_load(Snapshot snapshot)
{
	CustodyTableState *state = palloc0(sizeof(CustodyTableState));
	CustodyScan scan;

	state->context = CurrentMemoryContext;
	state->snapshot = snapshot;
	state->sound = true;
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_STATE, CUSTODY_STATE_PKEY, snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		load_set(state, &scan);
	custody_catalog_scan_end(&scan);
	load_events(state);
	return state;
}

bool
custody_tablestate_chain(Snapshot snapshot, int64 before, uint8 events[CC_DIGEST_SIZE])
{
	ScanKeyData key;
	CustodyScan scan;
	bool		sound = true;

	memset(events, 0, CC_DIGEST_SIZE);
	custody_catalog_key_int8(&key, Anum_event_leaf_index, BTLessStrategyNumber, before);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_EVENT, CUSTODY_EVENT_PKEY, snapshot,
							   ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
	{
		bytea	   *chain = custody_catalog_get_bytea(&scan, Anum_event_chain);

		CHECK_FOR_INTERRUPTS();
		cc_state_event(events, (uint64) DatumGetInt64(custody_catalog_get(&scan, Anum_event_leaf_index)));
		sound &= VARSIZE_ANY_EXHDR(chain) == CC_DIGEST_SIZE &&
			memcmp(VARDATA_ANY(chain), events, CC_DIGEST_SIZE) == 0;
		pfree(chain);
	}
	custody_catalog_scan_end(&scan);
	return sound;
}

static int
compare_sets(const ListCell *a, const ListCell *b)
{
	uint32		x = ((CustodyTableSet *) lfirst(a))->version;
	uint32		y = ((CustodyTableSet *) lfirst(b))->version;

	return x < y ? -1 : x > y;
}

void
custody_tablestate_digest(CustodyTableState *state, uint8 out[CC_DIGEST_SIZE])
{
	cc_state	digest;
	ListCell   *lc;

	list_sort(state->sets, compare_sets);
	cc_state_init(&digest, state->events, (uint32) list_length(state->sets) + state->lost);
	if (state->lost)
		cc_state_add(&digest, 0, 0, NULL);
	foreach(lc, state->sets)
	{
		CustodyTableSet *set = lfirst(lc);

		cc_state_add(&digest, set->relation_id, set->version, set->known ? &set->set : NULL);
	}
	cc_state_final(&digest, out);
}
