/*
 * rownet.c
 *	  Rows that come and go, netted before they are added to a set hash.
 *
 * Making a row's element is what costs.  A row that is updated ten times in a
 * block is one that went and one that came, and one that is made and deleted
 * is nothing.  Rows are netted in groups, so that memory is bounded.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg/error.h"
#include "pg/rownet.h"

/* Rows in memory, about a megabyte. */
#define GROUP_ROWS 8192

typedef struct NetKey
{
	cc_set	   *set;
	uint8		row_digest[CC_DIGEST_SIZE];
} NetKey;

typedef struct NetRow
{
	NetKey		key;			/* hash key */
	uint32		relation;
	int32		times;
} NetRow;

struct CustodyRowNet
{
	MemoryContext context;
	MemoryContext group;		/* holds rows */
	HTAB	   *rows;			/* NULL: none yet */
	cc_stream  *stream;
	MemoryContextCallback release;
};

static void
release_stream(void *arg)
{
	cc_stream_free(arg);
}

CustodyRowNet *
custody_rownet_begin(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_custody row net",
												  ALLOCSET_SMALL_SIZES);
	CustodyRowNet *net = MemoryContextAllocZero(context, sizeof(CustodyRowNet));

	net->context = context;
	net->group = AllocSetContextCreate(context, "pg_custody netted rows",
									   ALLOCSET_DEFAULT_SIZES);
	net->stream = cc_stream_new();
	if (net->stream == NULL)
		custody_check_crypto(CC_E_CRYPTO, "prepare a set hash");
	net->release.func = release_stream;
	net->release.arg = net->stream;
	MemoryContextRegisterResetCallback(context, &net->release);
	return net;
}

void
custody_rownet_end(CustodyRowNet *net)
{
	MemoryContextDelete(net->context);
}

static void
begin_group(CustodyRowNet *net)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(NetKey);
	ctl.entrysize = sizeof(NetRow);
	ctl.hcxt = net->group;
	net->rows = hash_create("custody netted rows", 256, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
custody_rownet_add(CustodyRowNet *net, cc_set *set, uint32 relation,
				   const uint8 row_digest[CC_DIGEST_SIZE], int32 times)
{
	NetKey		key;
	NetRow	   *row;
	bool		found;

	if (net->rows == NULL)
		begin_group(net);
	key.set = set;
	memcpy(key.row_digest, row_digest, CC_DIGEST_SIZE);
	row = hash_search(net->rows, &key, HASH_ENTER, &found);
	if (!found)
	{
		row->relation = relation;
		row->times = 0;
	}
	row->times += times;
	if (hash_get_num_entries(net->rows) >= GROUP_ROWS)
		custody_rownet_flush(net);
}

void
custody_rownet_flush(CustodyRowNet *net)
{
	HASH_SEQ_STATUS seq;
	NetRow	   *row;

	if (net->rows == NULL)
		return;
	hash_seq_init(&seq, net->rows);
	while ((row = hash_seq_search(&seq)) != NULL)
		if (row->times != 0)
			custody_check_crypto(cc_set_add(row->key.set, net->stream, row->relation,
											row->key.row_digest, row->times),
								 "compute a set hash");
	net->rows = NULL;
	MemoryContextReset(net->group);
}
