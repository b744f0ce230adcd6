/*
 * baseline.c
 *	  Recording the rows that a table has when its protection begins.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/baseline.h"
#include "pg/capture.h"
#include "pg/relstate.h"

/* How often progress is reported. */
#define PROGRESS_INTERVAL_MS 2000

/* Progress of one baseline. */
typedef struct Progress
{
	const char *table;
	BlockNumber blocks;
	TimestampTz started;
	TimestampTz reported;
} Progress;

static void
report_progress(Progress *p, BlockNumber block, uint64 rows)
{
	TimestampTz now = GetCurrentTimestamp();
	double		seconds;

	if (now - p->reported < PROGRESS_INTERVAL_MS * INT64CONST(1000))
		return;
	p->reported = now;
	seconds = (now - p->started) / 1e6;
	ereport(NOTICE,
			(errmsg("baseline of \"%s\": %.0f %%, " UINT64_FORMAT " rows, %.0f rows/s",
					p->table, 100.0 * block / Max(p->blocks, 1), rows,
					rows / seconds)));
}

uint64
custody_baseline_record(Relation leaf)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(leaf, NULL);
	TableScanDesc scan;
	Progress	progress;
	uint64		rows = 0;

	/* Makes the schema version before the first row. */
	(void) custody_relstate_get(leaf);
	progress.table = RelationGetRelationName(leaf);
	progress.blocks = RelationGetNumberOfBlocks(leaf);
	progress.started = progress.reported = GetCurrentTimestamp();
	scan = table_beginscan_strat(leaf, snapshot, 0, NULL, true, false);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		custody_capture_baseline(leaf, slot);
		rows++;
		if (rows % 1024 == 0)
			report_progress(&progress,
							ItemPointerGetBlockNumber(&slot->tts_tid), rows);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	return rows;
}
