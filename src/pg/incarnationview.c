/*
 * incarnationview.c
 *	  SQL: what the view custody.incarnations shows.
 *
 * An incarnation begins with the block that holds the entry of its first key;
 * the entry that says why it began is the first of a transaction in that block.
 * One that is not sealed yet has neither.
 *
 * Memory: the caller's context, for one call.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "pg/canonical.h"
#include "pg/ledger.h"
#include "pg/past.h"
#include "pg/reader.h"

#define INCARNATION_COLUMNS 8

static bool
is_named(const CustodyKey *key, const char *origin)
{
	cc_vkey		vkey;

	return cc_vkey_parse(&vkey, key->verifier_key, strlen(key->verifier_key)) == CC_OK &&
		strcmp(vkey.name, origin) == 0;
}

/* Header of the first block of an incarnation; false if it is not sealed. */
static bool
first_block(const CustodyIncarnation *incarnation, cc_block *header)
{
	CustodyKey	key;

	for (uint32 epoch = 1; custody_ledger_key(epoch, &key); epoch++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_named(&key, incarnation->origin))
			return custody_ledger_announcement(&key, header) != NULL;
	}
	return false;
}

/* The event of an incarnation, if it is the transaction's first entry. */
static bool
begins_with_event(int64 txn_no, uint32 number, cc_incarnation_event *event)
{
	CustodyEntryWalk walk;
	bool		found;

	custody_reader_walk_begin(&walk, txn_no, GetActiveSnapshot());
	walk.heads_only = true;
	found = custody_reader_walk_next(&walk) && walk.head.kind == CC_KIND_INCARNATION;
	if (found)
	{
		uint8	   *body = palloc(walk.head.body.len + 1);
		cc_slice	copy = {body, walk.head.body.len};

		memcpy(body, walk.head.body.data, copy.len);
		found = cc_incarnation_event_decode(event, copy) == CC_OK && event->incarnation == number;
	}
	custody_reader_walk_end(&walk);
	return found;
}

static bool
find_event(const cc_block *header, uint32 number, cc_incarnation_event *event)
{
	for (uint32 i = 1; i < header->leaves; i++)
	{
		CustodyLeaf leaf;

		CHECK_FOR_INTERRUPTS();
		if (custody_reader_leaf_at((int64) header->first_leaf + i, GetActiveSnapshot(), &leaf) &&
			begins_with_event(leaf.txn_no, number, event))
			return true;
	}
	return false;
}

static Datum
slice_text(cc_slice slice)
{
	return CStringGetTextDatum(custody_canonical_to_server(slice.data, slice.len));
}

static void
put_incarnation(ReturnSetInfo *rsinfo, const CustodyIncarnation *incarnation)
{
	Datum		values[INCARNATION_COLUMNS] = {0};
	bool		nulls[INCARNATION_COLUMNS];
	cc_block	header;
	cc_incarnation_event event;

	memset(nulls, true, sizeof(nulls));
	nulls[0] = nulls[1] = false;
	values[0] = UInt32GetDatum(incarnation->number);
	values[1] = CStringGetTextDatum(incarnation->origin);
	if (first_block(incarnation, &header))
	{
		nulls[2] = nulls[3] = false;
		values[2] = TimestampTzGetDatum(custody_past_time(header.time));
		values[3] = Int64GetDatum((int64) header.first_leaf);
		if (find_event(&header, incarnation->number, &event))
		{
			memset(nulls, false, sizeof(nulls));
			values[4] = slice_text(event.previous_origin);
			values[5] = Int64GetDatum((int64) event.size);
			values[6] = Int64GetDatum(event.size > header.first_leaf ?
									  (int64) (event.size - header.first_leaf) : 0);
			values[7] = slice_text(event.reason);
		}
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(custody_sql_read_incarnations);
Datum
custody_sql_read_incarnations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CustodyIncarnation incarnation;

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 number = 1; custody_ledger_incarnation_of(number, &incarnation); number++)
	{
		CHECK_FOR_INTERRUPTS();
		put_incarnation(rsinfo, &incarnation);
	}
	return (Datum) 0;
}
