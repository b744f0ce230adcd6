/*
 * rownet.c
 *	  Rows that come and go, netted before they are added to a set hash.
 *
 * Making a row's element is what costs.  A row that is updated ten times in a
 * block is one that went and one that came, and one that is made and deleted
 * is nothing.  Rows are netted in groups, so that memory is bounded.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/error.h"
#include "pg/rownet.h"

/* Rows in memory, about a megabyte. */
#define GROUP_ROWS 8192
#define FIRST_ROWS 64

typedef struct NetKey
{
	cc_set	   *set;
	uint8		row_digest[CC_DIGEST_SIZE];
} NetKey;

typedef struct NetRow
{
	NetKey		key;
	uint32		relation;
	int32		times;
	char		status;			/* simplehash's */
} NetRow;

/* Whose digests begin alike may slow down a group, which is small. */
#define SH_PREFIX rows
#define SH_ELEMENT_TYPE NetRow
#define SH_KEY_TYPE NetKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) cc_load_u32((key).row_digest)
#define SH_EQUAL(tb, a, b) \
	((a).set == (b).set && memcmp((a).row_digest, (b).row_digest, CC_DIGEST_SIZE) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CustodyRowNet
{
	MemoryContext context;
	rows_hash  *rows;			/* of the group */
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
	net->rows = rows_create(context, FIRST_ROWS, NULL);
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

void
custody_rownet_add(CustodyRowNet *net, cc_set *set, uint32 relation,
				   const uint8 row_digest[CC_DIGEST_SIZE], int32 times)
{
	NetKey		key;
	NetRow	   *row;
	bool		found;

	key.set = set;
	memcpy(key.row_digest, row_digest, CC_DIGEST_SIZE);
	row = rows_insert(net->rows, key, &found);
	if (!found)
	{
		row->relation = relation;
		row->times = 0;
	}
	row->times += times;
	if (net->rows->members >= GROUP_ROWS)
		custody_rownet_flush(net);
}

void
custody_rownet_flush(CustodyRowNet *net)
{
	rows_iterator i;
	NetRow	   *row;

	if (net->rows->members == 0)
		return;
	rows_start_iterate(net->rows, &i);
	while ((row = rows_iterate(net->rows, &i)) != NULL)
		if (row->times != 0)
			custody_check_crypto(cc_set_add(row->key.set, net->stream, row->relation,
											row->key.row_digest, row->times),
								 "compute a set hash");
	rows_reset(net->rows);
}
