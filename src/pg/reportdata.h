/*
 * reportdata.h
 *	  What reports are made of: the findings, once, and queries over them.
 */
#ifndef CUSTODY_REPORTDATA_H
#define CUSTODY_REPORTDATA_H

#include "datatype/timestamp.h"

typedef struct CustodyReportData
{
	TimestampTz since;			/* of the report's period */
	TimestampTz until;			/* not part of it */
	Datum		findings;		/* jsonb array of the rows of custody.verify() */
	int			guc_nest_level;
} CustodyReportData;

/*
 * Connect to SPI with a search_path that nobody else can write to, and verify.
 * anchors: text[], or 0.  Period: all time.  The caller's rights apply.
 */
extern void custody_reportdata_begin(CustodyReportData *data, Datum anchors);
/*
 * Run a query with parameters $1, $2 (timestamptz, the period) and $3 (the
 * findings); its result is SPI_tuptable.
 */
extern void custody_reportdata_query(const CustodyReportData *data, const char *query);
extern void custody_reportdata_end(CustodyReportData *data);

#endif							/* CUSTODY_REPORTDATA_H */
