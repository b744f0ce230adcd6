/*
 * report.c
 *	  SQL: audit_report("from", "to", format, anchors).
 *
 * A report is a verification and queries over the views, one a section; the
 * table below is the report.  Nothing is written, and nothing is shown that its
 * reader could not have asked for himself.
 *
 * Memory: current context; freed with the call.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/report.h"
#include "pg/reportdata.h"

/* A time in UTC, as text. */
#define UTC(expression) \
	"to_char(" expression " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS\"Z\"')"
/* Text of what may be NULL. */
#define TEXT(expression) "coalesce((" expression ")::text, '')"

#define IN_PERIOD(column) column " >= $1 AND " column " < $2"

/* What a section asks; its columns are texts, their names the headers. */
typedef struct Section
{
	const char *title;
	const char *note;
	const char *empty;
	CustodyReportForm form;
	const char *query;
} Section;

static const char summary_query[] =
"SELECT f.fact, f.value FROM custody.status s,"
" LATERAL (VALUES"
"  ('Log', s.origin),"
"  ('Incarnation, key epoch', s.incarnation || ', ' || s.epoch),"
"  ('Leaves, blocks', s.tree_size || ', ' || s.blocks),"
"  ('Not sealed yet', s.unsealed_transactions || ' transactions'),"
"  ('Last block', " UTC("s.last_seal") "),"
"  ('Last anchor', coalesce(" UTC("s.last_anchor") ", 'none: no checkpoint has left the server by custody.anchor_command')),"
"  ('Checkpoints not anchored', s.anchor_lag::text),"
"  ('Tables under protection', (SELECT count(*) FROM custody.protected_tables)::text),"
"  ('Alarms', coalesce(nullif(array_to_string(s.alarms, '; '), ''), 'none')),"
"  ('Verifier key', (SELECT k.verifier_key FROM custody.keys k WHERE k.epoch = s.epoch)),"
"  ('Period', CASE WHEN isfinite($1::timestamptz) THEN " UTC("$1::timestamptz") " ELSE 'the beginning' END || ' to ' ||"
"     CASE WHEN isfinite($2::timestamptz) THEN " UTC("$2::timestamptz") " ELSE 'now' END),"
"  ('Report made', " UTC("now()") " || ' by ' || session_user)"
" ) AS f(fact, value) WHERE f.value IS NOT NULL";

static const char incident_head[] =
"SELECT incident::text AS \"No.\", severity AS \"Severity\","
" coalesce(relation, 'the ledger itself') AS \"Table\","
" coalesce('after ' || " UTC("after") ", 'at any time') || coalesce(', before ' || " UTC("before") ", '') ||"
"   CASE WHEN after_if_one_deed > after THEN '; if it was one deed, after ' || " UTC("after_if_one_deed") " ELSE '' END AS \"Window\","
" findings::text AS \"Findings\","
" array_to_string(messages, E'; ') ||"
"   coalesce('. Rows: ' || (SELECT string_agg(k::text, ', ') FROM (SELECT k FROM jsonb_array_elements(row_keys) k LIMIT 10) AS few) ||"
"     CASE WHEN jsonb_array_length(row_keys) > 10 THEN ' and ' || jsonb_array_length(row_keys) - 10 || ' more' ELSE '' END, '') AS \"What\","
" coalesce(coalesce(exposed->>'rows' || ' rows of ', '') || (SELECT string_agg(c, ', ') FROM jsonb_array_elements_text(exposed->'columns') c), '') AS \"Could be seen there\","
" coalesce((SELECT string_agg(concat_ws(' ', c->>'session_user', 'from ' || nullif(c->>'address', ''), nullif(c->>'application', ''),"
"     '(' || nullif(c->>'actor', '') || ')', 'x ' || (c->>'transactions')), '; ') FROM jsonb_array_elements(connected) c), 'nobody recorded') AS \"Connected\""
" FROM (";

static const char timeline_query[] =
"WITH span AS ("
"  SELECT greatest($1, min(sealed_at)) AS low, least($2, max(sealed_at)) AS high FROM custody.blocks),"
" step AS ("
"  SELECT low, greatest((high - low) / 60, interval '1 second') AS width FROM span WHERE low <= high),"
" bucket AS ("
"  SELECT n, low + n * width AS at, low + (n + 1) * width AS next FROM step, generate_series(0, 60) n),"
" block AS ("
"  SELECT width_bucket(extract(epoch FROM b.sealed_at - s.low), 0, extract(epoch FROM s.width) * 60, 60) - 1 AS n, count(*) AS blocks"
"  FROM custody.blocks b, step s WHERE " IN_PERIOD("b.sealed_at") " GROUP BY 1),"
" change AS ("
"  SELECT width_bucket(extract(epoch FROM t.committed_at - s.low), 0, extract(epoch FROM s.width) * 60, 60) - 1 AS n,"
"    count(*) AS transactions, sum(t.entries) AS entries"
"  FROM custody.transactions t, step s WHERE " IN_PERIOD("t.committed_at") " GROUP BY 1)"
" SELECT " UTC("bucket.at") " AS \"Time\", coalesce(blocks, 0)::text AS \"blocks\","
"   coalesce(transactions, 0)::text AS \"transactions\", coalesce(entries, 0)::text AS \"entries\""
" FROM bucket LEFT JOIN block USING (n) LEFT JOIN change USING (n)"
" WHERE n < 60 OR blocks IS NOT NULL OR transactions IS NOT NULL ORDER BY n";

static const char gap_query[] =
"WITH block AS ("
"  SELECT block_no, sealed_at, incarnation, lag(sealed_at) OVER (ORDER BY block_no) AS previous,"
"    lag(incarnation) OVER (ORDER BY block_no) AS previous_incarnation FROM custody.blocks),"
" beat AS ("
"  SELECT nullif(setting, '0')::bigint * interval '1 second' AS beat FROM pg_catalog.pg_settings WHERE name = 'custody.heartbeat_interval')"
" SELECT block_no::text AS \"Block\", " UTC("previous") " AS \"From\", " UTC("sealed_at") " AS \"To\","
"   justify_interval(sealed_at - previous)::text AS \"Silence\","
"   CASE WHEN incarnation <> previous_incarnation THEN 'a new incarnation began' ELSE '' END AS \"Remark\""
" FROM block, beat WHERE sealed_at - previous > 2 * beat AND " IN_PERIOD("sealed_at")
" ORDER BY block_no";

/* Findings and incidents are of today, whatever the period. */
static const Section sections[] = {
	{"Summary", "Where the ledger stands.", "The ledger has not begun.", CUSTODY_REPORT_FACTS, summary_query},
	{"Incidents",
		"Findings put together by table and by the time in which it can have been done. Connected are those who made recorded "
		"changes in that time; who made none is not known to the ledger.",
	"None.", CUSTODY_REPORT_TABLE, NULL},
	{"Findings", "Each thing that verification complains about.", "None: everything that was recorded agrees with what is there.",
		CUSTODY_REPORT_TABLE,
		"SELECT severity AS \"Severity\", code AS \"Code\", coalesce(relation, '') AS \"Table\", " TEXT("row_key") " AS \"Row\","
		" " TEXT("leaf_index") " AS \"Leaf\", message || coalesce('. ' || nullif(detail, ''), '') AS \"What\""
		" FROM jsonb_to_recordset($3) AS f(severity text, code text, relation text, row_key jsonb, leaf_index bigint, message text, detail text)"},
	{"Coverage", "Tables that are not protected can be changed without a trace.", "There are no tables.", CUSTODY_REPORT_TABLE,
		"SELECT relation::text AS \"Table\", CASE WHEN protected THEN 'yes' ELSE 'no' END AS \"Protected\","
		" CASE WHEN NOT protected THEN '' WHEN capture_enabled THEN 'on' ELSE 'OFF' END AS \"Capture\","
		" rows::text AS \"Rows\", entries::text AS \"Entries\", coalesce(subject, '') AS \"Subject\", coalesce(note, '') AS \"Note\""
		" FROM custody.coverage() ORDER BY protected DESC, relation::text"},
	{"Time line", "Blocks sealed and changes committed; bars are of entries.", "Nothing was sealed.", CUSTODY_REPORT_BARS, timeline_query},
	{"Gaps", "Times without a block of more than twice the heartbeat interval that is set now.", "None.", CUSTODY_REPORT_TABLE, gap_query},
	{"Changes by table", "Entries of the period.", "None.", CUSTODY_REPORT_TABLE,
		"SELECT e.relation AS \"Table\", e.operation AS \"Operation\", count(*)::text AS \"Entries\","
		" " UTC("min(t.committed_at)") " AS \"First\", " UTC("max(t.committed_at)") " AS \"Last\""
		" FROM custody.entries e JOIN custody.transactions t USING (txn_no)"
		" WHERE " IN_PERIOD("t.committed_at") " AND e.relation IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"},
	{"Changes by user", "Who was logged in, and the actor that the application asserted.", "None.", CUSTODY_REPORT_TABLE,
		"SELECT session_user_name AS \"Session user\", coalesce(actor, '') AS \"Actor\", count(*)::text AS \"Transactions\","
		" sum(entries)::text AS \"Entries\", " UTC("min(committed_at)") " AS \"First\", " UTC("max(committed_at)") " AS \"Last\""
		" FROM custody.transactions WHERE " IN_PERIOD("committed_at") " GROUP BY session_user_name, actor ORDER BY count(*) DESC, 1, 2"},
	{"Control events", "Protection, schema, keys and the like.", "None.", CUSTODY_REPORT_TABLE,
		"SELECT " UTC("t.committed_at") " AS \"Time\", " TEXT("e.leaf_index") " AS \"Leaf\", e.operation AS \"Event\","
		" coalesce(e.relation, '') AS \"Table\", t.session_user_name AS \"Session user\""
		" FROM custody.entries e JOIN custody.transactions t USING (txn_no)"
		" WHERE " IN_PERIOD("t.committed_at") " AND e.operation NOT IN ('baseline', 'insert', 'update', 'delete')"
		" ORDER BY t.committed_at, e.txn_no, e.entry_no LIMIT 1000"}
};

/* Run the section's query and copy its result. */
static CustodyReportSection *
collect(const CustodyReportData *data, const Section *section, const char *query)
{
	CustodyReportSection *s = palloc0(sizeof(CustodyReportSection));
	TupleDesc	desc;

	s->title = section->title;
	s->note = section->note;
	s->empty = section->empty;
	s->form = section->form;
	custody_reportdata_query(data, query);
	desc = SPI_tuptable->tupdesc;
	s->ncolumns = desc->natts;
	s->headers = palloc(s->ncolumns * sizeof(char *));
	for (int i = 0; i < s->ncolumns; i++)
		s->headers[i] = pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char	  **texts = palloc(s->ncolumns * sizeof(char *));

		for (int i = 0; i < s->ncolumns; i++)
		{
			char	   *text = SPI_getvalue(SPI_tuptable->vals[row], desc, i + 1);

			texts[i] = text == NULL ? pstrdup("") : text;
		}
		s->rows = lappend(s->rows, texts);
	}
	SPI_freetuptable(SPI_tuptable);
	return s;
}

static void
set_verdict(const CustodyReportData *data, CustodyReport *report)
{
	int64		counts[2];
	bool		isnull;

	custody_reportdata_query(data,
							 "SELECT count(*) FILTER (WHERE f->>'severity' = 'tampering'),"
							 " count(*) FILTER (WHERE f->>'severity' = 'warning') FROM jsonb_array_elements($3) f");
	for (int i = 0; i < 2; i++)
		counts[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull));
	report->alarming = counts[0] + counts[1] > 0;
	if (counts[0] > 0)
		report->verdict = psprintf("TAMPERING: " INT64_FORMAT " findings, and " INT64_FORMAT " warnings.", counts[0], counts[1]);
	else if (counts[1] > 0)
		report->verdict = psprintf("No tampering was found; " INT64_FORMAT " warnings.", counts[1]);
	else
		report->verdict = "Verified: no findings.";
}

static void
collect_report(const CustodyReportData *data, CustodyReport *report)
{
	report->title = "Custody of records: audit report";
	set_verdict(data, report);
	for (int i = 0; i < lengthof(sections); i++)
	{
		const char *query = sections[i].query;

		if (query == NULL)
			query = psprintf("%s%s) AS incident ORDER BY incident.incident", incident_head, custody_incident_query);
		report->sections = lappend(report->sections, collect(data, &sections[i], query));
	}
}

static bool
wants_html(text *format)
{
	char	   *name = text_to_cstring(format);

	if (strcmp(name, "html") == 0)
		return true;
	if (strcmp(name, "text") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no report format \"%s\"", name),
				 errdetail("A report is written as \"text\" or as \"html\"."),
				 errhint("Leave the argument out for text.")));
	return false;
}

PG_FUNCTION_INFO_V1(custody_sql_audit_report);
Datum
custody_sql_audit_report(PG_FUNCTION_ARGS)
{
	bool		html = !PG_ARGISNULL(2) && wants_html(PG_GETARG_TEXT_PP(2));
	CustodyReportData data;
	CustodyReport report = {0};
	StringInfoData out;

	initStringInfo(&out);
	custody_reportdata_begin(&data, PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3));
	if (!PG_ARGISNULL(0))
		data.since = PG_GETARG_TIMESTAMPTZ(0);
	if (!PG_ARGISNULL(1))
		data.until = PG_GETARG_TIMESTAMPTZ(1);
	collect_report(&data, &report);
	if (html)
		custody_report_html(&out, &report);
	else
		custody_report_text(&out, &report);
	custody_reportdata_end(&data);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
