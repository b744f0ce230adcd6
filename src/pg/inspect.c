/*
 * inspect.c
 *	  Scheduled verification: when it is due, and one inspection.
 *
 * An inspection is custody.verify() and a row of log_inspection, in one
 * transaction, which also sends the notification: listeners hear of findings
 * when status shows them, not before.  DROP EXTENSION waits for its end: it
 * locks the ledger's tables in another order.  What it records is for people in a
 * hurry; nothing trusts it.  A complete inspection goes by the clock of the
 * server's log; an incremental one begins at the size that was last found
 * free of tampering.
 *
 * The server's log gets code and place of a finding, never a row key.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/guc.h"
#include "pg/inspect.h"
#include "pg/ledger.h"
#include "pg/seal.h"

/* Findings that are logged one by one; status and verify() have the rest. */
#define MOST_LOGGED 20

/* How far back the last good inspection is looked for. */
#define MOST_READ 1000

#define CHANNEL "custody_alert"

typedef struct Inspection
{
	TimestampTz started_at;
	bool		complete;
	int64		since;
	int64		tree_size;
	int64		tampering;
	int64		warnings;
} Inspection;

/* When */

static void
note_row(CustodyInspections *last, CustodyScan *scan)
{
	int64		tampering = DatumGetInt64(custody_catalog_get(scan, Anum_inspection_tampering));
	int64		tree_size = DatumGetInt64(custody_catalog_get(scan, Anum_inspection_tree_size));
	TimestampTz finished_at = DatumGetTimestampTz(custody_catalog_get(scan, Anum_inspection_finished_at));

	if (!last->any)
	{
		last->any = true;
		last->finished_at = finished_at;
		last->tree_size = tree_size;
		last->tampering = tampering;
		last->warnings = DatumGetInt64(custody_catalog_get(scan, Anum_inspection_warnings));
	}
	if (!last->any_complete && DatumGetBool(custody_catalog_get(scan, Anum_inspection_complete)))
	{
		last->any_complete = true;
		last->complete_started_at =
			DatumGetTimestampTz(custody_catalog_get(scan, Anum_inspection_started_at));
		last->complete_finished_at = finished_at;
	}
	if (last->verified_size == 0 && tampering == 0)
		last->verified_size = tree_size;
}

void
custody_inspect_load(CustodyInspections *last)
{
	CustodyScan scan;
	int			n = 0;

	memset(last, 0, sizeof(*last));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INSPECTION, CUSTODY_INSPECTION_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection, 0, NULL);
	while (n++ < MOST_READ && (last->verified_size == 0 || !last->any_complete) &&
		   custody_catalog_scan_next(&scan))
		note_row(last, &scan);
	custody_catalog_scan_end(&scan);
}

/* The last time at or before now at which a complete inspection was to begin. */
static TimestampTz
last_appointment(TimestampTz now)
{
	pg_time_t	t = timestamptz_to_time_t(now);
	struct pg_tm *tm = pg_localtime(&t, log_timezone);
	int			today = tm == NULL ? 0 : tm->tm_hour * SECS_PER_HOUR + tm->tm_min * SECS_PER_MINUTE + tm->tm_sec;
	int			passed = today - custody_full_verify_second();

	if (passed < 0)
		passed += SECS_PER_DAY;
	return now - passed * USECS_PER_SEC;
}

static bool
complete_due(const CustodyInspections *last, TimestampTz now)
{
	return custody_full_verify_second() >= 0 && last->any &&
		(!last->any_complete || last->complete_started_at < last_appointment(now));
}

static bool
incremental_due(const CustodyInspections *last, TimestampTz now)
{
	return custody_verify_interval > 0 &&
		(!last->any || TimestampDifferenceExceeds(last->finished_at, now, custody_verify_interval * 1000));
}

bool
custody_inspect_due(void)
{
	CustodyInspections last;
	TimestampTz now = GetCurrentTimestamp();
	bool		due;

	if (!custody_seal_begin_installed())
		return false;
	custody_inspect_load(&last);
	due = complete_due(&last, now) || incremental_due(&last, now);
	custody_seal_commit();
	return due;
}

/* One inspection */

static char *
get_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static void
log_finding(uint64 row)
{
	const char *relation = get_text(row, 3);
	const char *leaf = get_text(row, 4);

	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("custody finding \"%s\" (%s)%s%s%s%s", get_text(row, 2), get_text(row, 1),
					relation ? " in table " : "", relation ? relation : "",
					leaf ? ", leaf " : "", leaf ? leaf : ""),
			 errdetail("Scheduled verification found what the ledger does not explain."),
			 errhint("Run \"SELECT * FROM custody.verify()\" for all findings, custody.audit_report() for incidents.")));
}

static void
count_findings(Inspection *inspection)
{
	int			logged = 0;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *severity = get_text(i, 1);

		if (strcmp(severity, "tampering") == 0)
			inspection->tampering++;
		else if (strcmp(severity, "warning") == 0)
			inspection->warnings++;
		else
			continue;
		if (logged++ < MOST_LOGGED)
			log_finding(i);
	}
}

static void
verify(Inspection *inspection)
{
	Oid			type = INT8OID;
	Datum		since = Int64GetDatum(inspection->since);
	char		is_null = inspection->complete ? 'n' : ' ';

	if (SPI_execute_with_args("SELECT severity, code, relation, leaf_index FROM custody.verify(since => $1)",
							  1, &type, &since, &is_null, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run custody.verify()");
	count_findings(inspection);
}

static void
record(const Inspection *inspection)
{
	Datum		values[Anum_inspection_warnings];
	bool		nulls[Anum_inspection_warnings] = {0};

	values[Anum_inspection_finished_at - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[Anum_inspection_started_at - 1] = TimestampTzGetDatum(inspection->started_at);
	values[Anum_inspection_tree_size - 1] = Int64GetDatum(inspection->tree_size);
	values[Anum_inspection_complete - 1] = BoolGetDatum(inspection->complete);
	values[Anum_inspection_tampering - 1] = Int64GetDatum(inspection->tampering);
	values[Anum_inspection_warnings - 1] = Int64GetDatum(inspection->warnings);
	custody_catalog_insert(CUSTODY_LOG_INSPECTION, values, nulls);
}

static void
notify(const Inspection *inspection)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(inspection->tampering), Int64GetDatum(inspection->warnings),
	Int64GetDatum(inspection->tree_size)};

	if (inspection->tampering + inspection->warnings == 0)
		return;
	if (SPI_execute_with_args("SELECT pg_catalog.pg_notify('" CHANNEL "', pg_catalog.json_build_object("
							  "'tampering', $1, 'warnings', $2, 'tree_size', $3)::text)",
							  lengthof(types), types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not notify listeners");
}

/* What to verify: everything, or from the last size that was good. */
static void
plan(Inspection *inspection)
{
	CustodyInspections last;
	CustodyBlock block;
	CustodyBlock before;

	memset(inspection, 0, sizeof(*inspection));
	inspection->started_at = GetCurrentTimestamp();
	custody_inspect_load(&last);
	custody_ledger_blocks(&block, &before);
	inspection->tree_size = block.exists ? (int64) block.head.size : 0;
	inspection->since = Min(last.verified_size, inspection->tree_size);
	inspection->complete = inspection->since == 0 || complete_due(&last, inspection->started_at);
}

void
custody_inspect_pass(void)
{
	Inspection	inspection;

	if (!custody_seal_begin_installed())
		return;
	plan(&inspection);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	verify(&inspection);
	notify(&inspection);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	record(&inspection);
	custody_seal_commit();
}
