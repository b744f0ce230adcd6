/*
 * keyview.c
 *	  SQL: what the view custody.keys shows.
 *
 * A key comes into use with the block that holds its entry: with it, if it is
 * the first of its incarnation, else with the next one, and then that block's
 * checkpoint carries both signatures.  A key that a restore overtook before it
 * was used has neither beginning nor end.
 *
 * Memory: the caller's context, for one call.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/ledger.h"
#include "pg/past.h"

#define KEY_COLUMNS 6

/* A key and the block that announced it. */
typedef struct Epoch
{
	CustodyKey	key;
	bool		used;			/* what follows is set */
	uint32		incarnation;
	TimestampTz began;
	bool		handed;			/* by the key before */
	int64		size;			/* of the log after the block */
} Epoch;

static bool
load_epoch(uint32 number, Epoch *epoch)
{
	cc_block	h;
	cc_vkey		vkey;

	memset(epoch, 0, sizeof(*epoch));
	if (!custody_ledger_key(number, &epoch->key))
		return false;
	if (custody_ledger_announcement(&epoch->key, &h) == NULL ||
		cc_vkey_parse(&vkey, epoch->key.verifier_key, strlen(epoch->key.verifier_key)) != CC_OK ||
		strlen(vkey.name) != h.origin.len || memcmp(vkey.name, h.origin.data, h.origin.len) != 0)
		return true;
	epoch->used = true;
	epoch->incarnation = h.incarnation;
	epoch->began = custody_past_time(h.time);
	epoch->handed = h.epoch != number;
	epoch->size = (int64) (h.first_leaf + h.leaves);
	return true;
}

/* The next key that was used; false if there is none. */
static bool
find_next(uint32 number, Epoch *epoch)
{
	while (load_epoch(++number, epoch))
	{
		CHECK_FOR_INTERRUPTS();
		if (epoch->used)
			return true;
	}
	return false;
}

static void
put_epoch(ReturnSetInfo *rsinfo, const Epoch *epoch)
{
	Datum		values[KEY_COLUMNS];
	bool		nulls[KEY_COLUMNS];
	Epoch		next;
	bool		ended = epoch->used && find_next(epoch->key.epoch, &next);

	memset(nulls, !epoch->used, sizeof(nulls));
	nulls[0] = nulls[1] = false;
	values[0] = UInt32GetDatum(epoch->key.epoch);
	values[1] = CStringGetTextDatum(epoch->key.verifier_key);
	values[2] = UInt32GetDatum(epoch->incarnation);
	values[3] = TimestampTzGetDatum(epoch->began);
	nulls[4] = !ended;
	values[4] = TimestampTzGetDatum(ended ? next.began : 0);
	nulls[5] |= !epoch->handed;
	values[5] = Int64GetDatum(epoch->size);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(custody_sql_read_keys);
Datum
custody_sql_read_keys(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Epoch		epoch;

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 number = 1; load_epoch(number, &epoch); number++)
	{
		CHECK_FOR_INTERRUPTS();
		put_epoch(rsinfo, &epoch);
	}
	return (Datum) 0;
}
