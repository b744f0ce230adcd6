/*
 * report_incident.c
 *	  SQL: incidents(anchors), findings put together by what may be one deed.
 *
 * Each finding bounds the time of what it is about: after the record it
 * contradicts (or, for an entry that shows what it overwrote, after the record
 * before it), and before the next record that shows it, else before now.
 * Findings about one table whose times overlap are one incident; findings about
 * no table are those about the ledger itself.
 *
 * Who was connected is who made recorded changes in that time: the ledger knows
 * nobody else.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg/report.h"
#include "pg/reportdata.h"

/* $1 and $2 bound the report's period and are not used here. */
const char custody_incident_query[] =
"WITH finding AS MATERIALIZED ("
"  SELECT f.*, t.committed_at AS recorded_at"
"  FROM pg_catalog.jsonb_to_recordset($3) AS f(severity text, code text, relation text,"
"         row_key jsonb, leaf_index bigint, message text, detail text)"
"  LEFT JOIN custody.transactions t ON t.leaf_index = f.leaf_index"
"  WHERE f.severity <> 'notice'),"
" before AS ("
"  SELECT f.relation, f.row_key, f.leaf_index, max(t.committed_at) AS recorded_at"
"  FROM finding f"
"  JOIN custody.entries e ON e.relation = f.relation AND e.row_key = f.row_key"
"       AND e.leaf_index < f.leaf_index"
"  JOIN custody.transactions t ON t.leaf_index = e.leaf_index"
"  WHERE f.code = 'overwritten_mismatch'"
"  GROUP BY f.relation, f.row_key, f.leaf_index),"
" bounded AS ("
"  SELECT f.*,"
"    CASE WHEN f.code = 'overwritten_mismatch' THEN b.recorded_at ELSE f.recorded_at END AS since,"
"    CASE WHEN f.code = 'overwritten_mismatch' THEN f.recorded_at END AS until"
"  FROM finding f"
"  LEFT JOIN before b USING (relation, row_key, leaf_index)),"
" marked AS ("
"  SELECT b.*, since > max(coalesce(until, 'infinity')) OVER earlier AS fresh"
"  FROM bounded b"
"  WINDOW earlier AS (PARTITION BY relation ORDER BY coalesce(since, '-infinity'), code, leaf_index"
"                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),"
" numbered AS ("
"  SELECT m.*, count(*) FILTER (WHERE fresh) OVER (PARTITION BY relation"
"           ORDER BY coalesce(since, '-infinity'), code, leaf_index ROWS UNBOUNDED PRECEDING) AS island"
"  FROM marked m),"
" incident AS ("
"  SELECT relation,"
"    CASE WHEN bool_or(severity = 'tampering') THEN 'tampering' ELSE 'warning' END AS severity,"
"    count(*) AS findings, array_agg(DISTINCT code) AS codes,"
"    jsonb_agg(DISTINCT row_key) FILTER (WHERE row_key IS NOT NULL) AS row_keys,"
"    min(since) AS since, CASE WHEN bool_or(until IS NULL) THEN NULL ELSE max(until) END AS until,"
"    max(since) AS since_if_one, min(until) AS until_if_one,"
"    array_agg(DISTINCT message ORDER BY message) AS messages"
"  FROM numbered GROUP BY relation, island)"
" SELECT row_number() OVER (ORDER BY i.severity, i.since NULLS FIRST, i.relation)::int AS incident,"
"   i.severity, i.relation, i.codes, i.findings, i.row_keys,"
"   i.since AS after, i.until AS before,"
"   CASE WHEN i.since_if_one <= coalesce(i.until_if_one, 'infinity') THEN i.since_if_one END AS after_if_one_deed,"
"   i.messages[1:10] AS messages,"
"   (SELECT jsonb_build_object('columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum)"
"             FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.relation AND a.attnum > 0 AND NOT a.attisdropped),"
"           'rows', c.rows, 'subject', c.subject)"
"    FROM custody.coverage() c WHERE c.relation = pg_catalog.to_regclass(i.relation)) AS exposed,"
"   (SELECT jsonb_agg(s ORDER BY s.transactions DESC, s.session_user, s.address, s.application) FROM ("
"      SELECT t.session_user_name AS session_user, t.client_address AS address,"
"        t.application_name AS application, t.actor, count(*) AS transactions,"
"        min(t.started_at) AS first, max(t.committed_at) AS last"
"      FROM custody.transactions t"
"      WHERE t.committed_at >= coalesce(i.since, '-infinity') AND t.started_at <= coalesce(i.until, 'infinity')"
"      GROUP BY 1, 2, 3, 4 ORDER BY transactions DESC LIMIT 20) s) AS connected"
" FROM incident i ORDER BY 1";

PG_FUNCTION_INFO_V1(custody_sql_incidents);
Datum
custody_sql_incidents(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CustodyReportData data;

	InitMaterializedSRF(fcinfo, 0);
	custody_reportdata_begin(&data, PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0));
	custody_reportdata_query(&data, custody_incident_query);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	custody_reportdata_end(&data);
	return (Datum) 0;
}
