/*
 * txnsort.c
 *	  Transactions sorted by number.
 *
 * The two numbers are put into one bytea, big-endian, so that bytea's order is
 * theirs.  Memory: maintenance_work_mem, then temporary files.
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "core/bytes.h"
#include "pg/compat.h"
#include "pg/txnsort.h"

#define PAIR_BYTES 16
/* Transaction numbers are signed; flipped, their bytes sort as they do. */
#define SIGN_BIT (UINT64CONST(1) << 63)

struct CustodyTxnSort
{
	Tuplesortstate *state;
};

CustodyTxnSort *
custody_txnsort_begin(void)
{
	CustodyTxnSort *sort = palloc(sizeof(CustodyTxnSort));

	sort->state = tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false,
										maintenance_work_mem, NULL, TUPLESORT_NONE);
	return sort;
}

void
custody_txnsort_put(CustodyTxnSort *sort, int64 txn_no, uint64 xact_id)
{
	char		buffer[VARHDRSZ + PAIR_BYTES] pg_attribute_aligned(8);

	SET_VARSIZE(buffer, sizeof(buffer));
	cc_store_u64((uint8_t *) buffer + VARHDRSZ, (uint64) txn_no ^ SIGN_BIT);
	cc_store_u64((uint8_t *) buffer + VARHDRSZ + 8, xact_id);
	tuplesort_putdatum(sort->state, PointerGetDatum(buffer), false);
}

void
custody_txnsort_perform(CustodyTxnSort *sort)
{
	tuplesort_performsort(sort->state);
}

bool
custody_txnsort_get(CustodyTxnSort *sort, int64 *txn_no, uint64 *xact_id)
{
	Datum		datum;
	bool		isnull;
	const uint8_t *bytes;

	if (!custody_compat_getdatum(sort->state, &datum, &isnull))
		return false;
	bytes = (const uint8_t *) VARDATA_ANY(DatumGetPointer(datum));
	*txn_no = (int64) (cc_load_u64(bytes) ^ SIGN_BIT);
	*xact_id = cc_load_u64(bytes + 8);
	pfree(DatumGetPointer(datum));
	return true;
}

void
custody_txnsort_end(CustodyTxnSort *sort)
{
	tuplesort_end(sort->state);
	pfree(sort);
}
