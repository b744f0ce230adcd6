/*
 * status.c
 *	  SQL: what the view custody.status shows, one row.
 *
 * Cheap enough for monitoring: it reads the ends of the log, not the log.
 * Alarms are plain sentences for whoever is called at night; an empty array
 * means that nothing needs attention.
 *
 * Memory: the caller's context, for one call.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/coverage.h"
#include "pg/guc.h"
#include "pg/inspect.h"
#include "pg/incarnation.h"
#include "pg/past.h"
#include "pg/pickup.h"
#include "pg/reader.h"
#include "pg/shmem.h"

#define STATUS_COLUMNS 16

/* Unsealed for longer than this many intervals, and this long, is an alarm. */
#define LATE_INTERVALS 10
#define LATE_AT_LEAST (10 * USECS_PER_SEC)
/* A key this part of its life over time is an alarm. */
#define LATE_KEY_PART 10
/* So many checkpoints not anchored are an alarm. */
#define LATE_CHECKPOINTS 10

typedef struct Status
{
	CustodyBlock last;
	CustodyIncarnation incarnation;
	CustodyKey	key;
	bool		key_used;		/* epoch_age is set */
	int64		epoch_age;		/* microseconds */
	int64		unsealed;
	int64		lag;			/* microseconds */
	bool		anchored;		/* last_anchor is set */
	TimestampTz last_anchor;
	int64		anchor_lag;
	int			sealer_pid;
	char		sealer_error[CUSTODY_ERROR_SIZE];
	char		anchorer_error[CUSTODY_ERROR_SIZE];
	char		inspector_error[CUSTODY_ERROR_SIZE];
	CustodyInspections inspections;
} Status;

/* Commit time of a transaction; now if its record cannot be read. */
static TimestampTz
commit_time(const CustodyPicked *picked, TimestampTz now)
{
	CustodyTransactionRow row;
	cc_record	record;

	if (!custody_reader_transaction(picked->xact_id, picked->txn_no, GetActiveSnapshot(), &row) ||
		custody_reader_decode(&record, row.record) != CC_OK)
		return now;
	return custody_past_time(record.commit_time);
}

static void
load_unsealed(Status *status)
{
	bool		continues = status->last.exists &&
		status->last.incarnation == status->incarnation.number;
	TimestampTz now = GetCurrentTimestamp();
	CustodyBatch batch;

	custody_pickup(&batch, continues ? status->last.snapshot : NULL, GetActiveSnapshot(), 0);
	status->unsealed = (int64) batch.n;
	if (batch.n > 0)
		status->lag = Max(0, now - commit_time(&batch.items[0], now));
}

static void
load_anchors(Status *status)
{
	CustodyScan scan;
	ScanKeyData key;
	int64		anchored_size = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_ANCHOR, CUSTODY_ANCHOR_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection, 0, NULL);
	status->anchored = custody_catalog_scan_next(&scan);
	if (status->anchored)
	{
		anchored_size = DatumGetInt64(custody_catalog_get(&scan, Anum_anchor_tree_size));
		status->last_anchor =
			DatumGetTimestampTz(custody_catalog_get(&scan, Anum_anchor_anchored_at));
	}
	custody_catalog_scan_end(&scan);

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size,
							 BTGreaterStrategyNumber, anchored_size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   GetActiveSnapshot(), ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
		status->anchor_lag++;
	custody_catalog_scan_end(&scan);
}

static void
load_epoch(Status *status)
{
	TimestampTz began = 0;
	uint64		blocks;

	custody_ledger_last_key(&status->key);
	status->key_used = custody_incarnation_epoch(&status->key, &status->last, &began, &blocks);
	status->epoch_age = Max(0, GetCurrentTimestamp() - began);
}

static void
load_status(Status *status)
{
	CustodyBlock before;

	memset(status, 0, sizeof(*status));
	custody_ledger_blocks(&status->last, &before);
	custody_ledger_incarnation(&status->incarnation);
	load_epoch(status);
	load_unsealed(status);
	load_anchors(status);
	custody_inspect_load(&status->inspections);
	if (custody_shmem_available())
	{
		status->sealer_pid =
			custody_shmem_status(CUSTODY_SEALER, status->sealer_error,
								 sizeof(status->sealer_error));
		(void) custody_shmem_status(CUSTODY_ANCHORER, status->anchorer_error,
									sizeof(status->anchorer_error));
		(void) custody_shmem_status(CUSTODY_INSPECTOR, status->inspector_error,
									sizeof(status->inspector_error));
	}
}

static List *
sealer_alarms(const Status *status)
{
	List	   *alarms = NIL;
	int64		late = Max(LATE_AT_LEAST,
						   (int64) custody_seal_interval * 1000 * LATE_INTERVALS);

	if (!custody_shmem_available())
		return list_make1("no sealer: pg_custody is not in shared_preload_libraries");
	if (status->sealer_pid == 0)
		alarms = lappend(alarms, "no sealer is running for this database");
	if (status->sealer_error[0] != '\0')
		alarms = lappend(alarms, psprintf("sealer: %s", status->sealer_error));
	if (status->lag > late)
		alarms = lappend(alarms, psprintf("sealing is late: a transaction has waited for " INT64_FORMAT " s",
										  status->lag / USECS_PER_SEC));
	return alarms;
}

static List *
key_alarms(List *alarms, const Status *status)
{
	int64		longest = (int64) custody_key_epoch * USECS_PER_SEC;

	if (longest > 0 && status->key_used &&
		status->epoch_age > longest + Max(longest / LATE_KEY_PART, LATE_AT_LEAST))
		alarms = lappend(alarms, psprintf("key rotation is late: the key of epoch %u is " INT64_FORMAT " s old",
										  status->key.epoch, status->epoch_age / USECS_PER_SEC));
	return alarms;
}

static List *
anchor_alarms(List *alarms, const Status *status)
{
	if (custody_anchor_command[0] == '\0')
		return alarms;
	if (status->anchorer_error[0] != '\0')
		alarms = lappend(alarms, psprintf("anchor: %s", status->anchorer_error));
	if (status->anchor_lag > LATE_CHECKPOINTS)
		alarms = lappend(alarms, psprintf("anchoring is late: " INT64_FORMAT " checkpoints are not anchored",
										  status->anchor_lag));
	return alarms;
}

static List *
inspection_alarms(List *alarms, const Status *status)
{
	const CustodyInspections *last = &status->inspections;

	if (status->inspector_error[0] != '\0')
		alarms = lappend(alarms, psprintf("verification: %s", status->inspector_error));
	if (last->tampering > 0)
		alarms = lappend(alarms, psprintf("verification found tampering: " INT64_FORMAT " findings", last->tampering));
	return alarms;
}

static List *
capture_alarms(List *alarms)
{
	ListCell   *lc;

	foreach(lc, custody_schema_protections(GetActiveSnapshot()))
	{
		CustodyProtection *p = lfirst(lc);
		char	   *name = get_rel_name(p->relid);

		if (p->released)
			continue;
		if (name == NULL)
			alarms = lappend(alarms, psprintf("protected table %u is gone", p->relid));
		else if (!custody_coverage_capturing(p->relid))
			alarms = lappend(alarms,
							 psprintf("capture is switched off on table %s",
									  quote_qualified_identifier(get_namespace_name(get_rel_namespace(p->relid)),
																 name)));
	}
	return alarms;
}

static Datum
text_array(List *strings)
{
	Datum	   *elements = palloc((list_length(strings) + 1) * sizeof(Datum));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		elements[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static Datum
make_lag(int64 microseconds)
{
	Interval   *lag = palloc0(sizeof(Interval));

	lag->time = microseconds;
	return IntervalPGetDatum(lag);
}

static void
set_columns(const Status *status, Datum *values, bool *nulls)
{
	bool		begun = status->incarnation.number != 0;

	values[0] = Int64GetDatum((int64) status->last.head.size);
	values[1] = Int64GetDatum(status->last.exists ? (int64) status->last.number + 1 : 0);
	values[2] = Int64GetDatum(status->unsealed);
	values[3] = make_lag(status->lag);
	nulls[4] = !status->last.exists;
	values[4] = TimestampTzGetDatum(status->last.time);
	nulls[5] = !status->anchored;
	values[5] = TimestampTzGetDatum(status->last_anchor);
	nulls[6] = custody_anchor_command[0] == '\0';
	values[6] = Int64GetDatum(status->anchor_lag);
	nulls[7] = status->key.epoch == 0;
	values[7] = UInt32GetDatum(status->key.epoch);
	nulls[8] = nulls[9] = !begun;
	values[8] = UInt32GetDatum(status->incarnation.number);
	if (begun)
		values[9] = CStringGetTextDatum(status->incarnation.origin);
	nulls[10] = status->sealer_pid == 0;
	values[10] = Int32GetDatum(status->sealer_pid);
	values[11] = text_array(capture_alarms(inspection_alarms(anchor_alarms(key_alarms(sealer_alarms(status), status), status),
															 status)));
	nulls[12] = nulls[14] = !status->inspections.any;
	values[12] = TimestampTzGetDatum(status->inspections.finished_at);
	nulls[13] = !status->inspections.any_complete;
	values[13] = TimestampTzGetDatum(status->inspections.complete_finished_at);
	values[14] = Int64GetDatum(status->inspections.tampering + status->inspections.warnings);
	nulls[15] = !status->key_used;
	values[15] = make_lag(status->epoch_age);
}

PG_FUNCTION_INFO_V1(custody_sql_read_status);
Datum
custody_sql_read_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Status		status;
	Datum		values[STATUS_COLUMNS];
	bool		nulls[STATUS_COLUMNS] = {0};

	InitMaterializedSRF(fcinfo, 0);
	load_status(&status);
	set_columns(&status, values, nulls);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}
