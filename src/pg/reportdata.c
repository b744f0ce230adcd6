/*
 * reportdata.c
 *	  What reports are made of: the findings, once, and queries over them.
 *
 * Queries run through SPI with the caller's rights: a report shows what its
 * reader could have asked himself.  The findings are taken before anything
 * else and handed to each query, so that all sections speak of one
 * verification.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "pg/reportdata.h"

#define VERIFY_QUERY \
	"SELECT coalesce(jsonb_agg(v), '[]')" \
	" FROM custody.verify(anchors => coalesce($1, '{}'::text[])) v"

static void
verify(CustodyReportData *data, Datum anchors)
{
	Oid			type = TEXTARRAYOID;
	char		is_null = anchors == (Datum) 0 ? 'n' : ' ';
	bool		isnull;

	if (SPI_execute_with_args(VERIFY_QUERY, 1, &type, &anchors, &is_null, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not verify for the report");
	data->findings = SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull),
									   false, -1);
	SPI_freetuptable(SPI_tuptable);
}

void
custody_reportdata_begin(CustodyReportData *data, Datum anchors)
{
	data->since = DT_NOBEGIN;
	data->until = DT_NOEND;
	data->guc_nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	verify(data, anchors);
}

void
custody_reportdata_query(const CustodyReportData *data, const char *query)
{
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID};
	Datum		values[] = {TimestampTzGetDatum(data->since), TimestampTzGetDatum(data->until), data->findings};

	if (SPI_execute_with_args(query, lengthof(types), types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run a query of the report");
}

void
custody_reportdata_end(CustodyReportData *data)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, data->guc_nest_level);
}
