/*
 * verify_witness.c
 *	  What this database did as a witness: its tables against the entries.
 *
 * Trusted logs, cosigned checkpoints and the witness's keys are kept in tables
 * for quick use; the ledger says the same in control events.
 *
 * The checkpoint in a row of log_cosigned is not in the event: it must be the
 * one the event names, signed by a key that was trusted at some time.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosigned.h"
#include "pg/incarnation.h"
#include "pg/trustlog.h"
#include "pg/verify_events.h"

/* Keys of other logs, trusted at some time. */
typedef struct LogKeys
{
	cc_vkey    *keys;
	size_t		n;
	size_t		capacity;
} LogKeys;

static void
add_key(LogKeys *known, const char *verifier_key)
{
	cc_vkey		key;

	if (cc_vkey_parse(&key, verifier_key, strlen(verifier_key)) != CC_OK)
		return;
	/* Statements about one key follow each other. */
	if (known->n > 0 && memcmp(&known->keys[known->n - 1], &key, sizeof(key)) == 0)
		return;
	if (known->n == known->capacity)
	{
		known->capacity *= 2;
		known->keys = repalloc_huge(known->keys, known->capacity * sizeof(cc_vkey));
	}
	known->keys[known->n++] = key;
}

static void
load_trusted_logs(CustodyVerify *v, LogKeys *known)
{
	CustodyScan scan;

	known->n = 0;
	known->capacity = 8;
	known->keys = palloc(known->capacity * sizeof(cc_vkey));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRUSTED_LOG, CUSTODY_TRUSTED_LOG_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		char	   *key = TextDatumGetCString(custody_catalog_get(&scan, Anum_trusted_log_verifier_key));
		int32		statement = DatumGetInt32(custody_catalog_get(&scan, Anum_trusted_log_statement));
		bool		trusted = DatumGetBool(custody_catalog_get(&scan, Anum_trusted_log_trusted));

		char	   *reason = TextDatumGetCString(custody_catalog_get(&scan, Anum_trusted_log_reason));

		add_key(known, key);
		custody_verify_body_row(v, CC_KIND_TRUSTED_LOG, custody_trustlog_event(key, statement, trusted, reason));
	}
	custody_catalog_scan_end(&scan);
}

static void
load_witness_keys(CustodyVerify *v)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_WITNESS_KEY, CUSTODY_WITNESS_KEY_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		custody_verify_body_row(v, CC_KIND_WITNESS_KEY,
								custody_cosigned_key_event(DatumGetUInt32(custody_catalog_get(&scan, Anum_witness_key_incarnation)),
															  TextDatumGetCString(custody_catalog_get(&scan, Anum_witness_key_verifier_key))));
	custody_catalog_scan_end(&scan);
}

/* Is the note the checkpoint that the row names, and signed? */
static bool
note_holds(bytea *note, const char *origin, const CustodyHead *head, const LogKeys *known)
{
	cc_checkpoint c;

	return cc_checkpoint_parse(&c, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)) == CC_OK &&
		strcmp(c.origin, origin) == 0 && c.size == head->size &&
		cc_equal(c.root, head->root, CC_DIGEST_SIZE) &&
		cc_checkpoint_signed(&c, known->keys, known->n) == CC_OK;
}

static void
load_cosigned(CustodyVerify *v, CustodyScan *scan, const LogKeys *known)
{
	char	   *origin = TextDatumGetCString(custody_catalog_get(scan, Anum_cosigned_origin));
	bytea	   *root = custody_catalog_get_bytea(scan, Anum_cosigned_root);
	TimestampTz at = DatumGetTimestampTz(custody_catalog_get(scan, Anum_cosigned_cosigned_at));
	CustodyHead head;

	head.size = (uint64) DatumGetInt64(custody_catalog_get(scan, Anum_cosigned_tree_size));
	memset(head.root, 0, CC_DIGEST_SIZE);
	memcpy(head.root, VARDATA_ANY(root), Min(VARSIZE_ANY_EXHDR(root), CC_DIGEST_SIZE));
	if (VARSIZE_ANY_EXHDR(root) != CC_DIGEST_SIZE || at % USECS_PER_SEC != 0 ||
		!note_holds(custody_catalog_get_bytea(scan, Anum_cosigned_note), origin, &head, known))
		custody_verify_tampering(v, "cosigned_altered", NULL, CUSTODY_NO_LEAF, NULL,
								 "log_cosigned has no checkpoint of size %llu that log \"%s\" signed",
								 (unsigned long long) head.size, origin);
	custody_verify_body_row(v, CC_KIND_COSIGNED,
							custody_cosigned_event(origin, &head, custody_cosigned_from_timestamp(at)));
}

void
custody_verify_witness_rows(CustodyVerify *v)
{
	LogKeys		known;
	CustodyScan scan;

	load_trusted_logs(v, &known);
	load_witness_keys(v);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_COSIGNED, CUSTODY_COSIGNED_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		MemoryContext old = MemoryContextSwitchTo(v->scratch);

		CHECK_FOR_INTERRUPTS();
		load_cosigned(v, &scan, &known);
		MemoryContextSwitchTo(old);
		MemoryContextReset(v->scratch);
	}
	custody_catalog_scan_end(&scan);
	pfree(known.keys);
}
