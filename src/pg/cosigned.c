/*
 * cosigned.c
 *	  What a witness remembers of other logs.
 *
 * Twice: a row of log_cosigned with its entry in the ledger, which is sealed
 * and verified like any other; and a file for each log beside the witness's
 * key, which a restored backup of the database does not take back.  The
 * file's name is the SHA-256 of the origin in hexadecimal digits; it holds
 * "time N" and the checkpoint as the log signed it.
 *
 * Who may write: the holder of CUSTODY_LOCK_WITNESS.  Memory: current context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosigned.h"
#include "pg/error.h"

#define MEMORY_FOLDER "cosigned"
#define MEMORY_TIME "time "
/* What one key signed; more only if a log signs with several. */
#define MEMORY_MAX (128 * 1024)

#define EPOCH_OFFSET \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

TimestampTz
custody_cosigned_to_timestamp(uint64 time)
{
	return ((int64) time - EPOCH_OFFSET) * USECS_PER_SEC;
}

uint64
custody_cosigned_from_timestamp(TimestampTz t)
{
	return (uint64) (t / USECS_PER_SEC + EPOCH_OFFSET);
}

/* The row */

void
custody_cosigned_load(const char *origin, CustodyCosigned *c)
{
	CustodyScan scan;
	ScanKeyData key;
	bytea	   *root;

	memset(c, 0, sizeof(*c));
	custody_catalog_key_text(&key, Anum_cosigned_origin, origin);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_COSIGNED, CUSTODY_COSIGNED_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		c->exists = true;
		c->head.size = (uint64) DatumGetInt64(custody_catalog_get(&scan, Anum_cosigned_tree_size));
		root = custody_catalog_get_bytea(&scan, Anum_cosigned_root);
		if (VARSIZE_ANY_EXHDR(root) != CC_DIGEST_SIZE)
			custody_check_ledger(CC_E_FORM, "root of a cosigned checkpoint");
		memcpy(c->head.root, VARDATA_ANY(root), CC_DIGEST_SIZE);
		c->time = custody_cosigned_from_timestamp(DatumGetTimestampTz(custody_catalog_get(&scan, Anum_cosigned_cosigned_at)));
		c->note = custody_catalog_get_bytea(&scan, Anum_cosigned_note);
	}
	custody_catalog_scan_end(&scan);
}

bytea *
custody_cosigned_key_event(uint32 incarnation, const char *verifier_key)
{
	cc_witness_key_event event;
	cc_writer	w;
	bytea	   *body;

	event.incarnation = incarnation;
	event.verifier_key = custody_canonical_slice(verifier_key);
	cc_writer_init(&w, NULL, 0);
	cc_write_witness_key_event(&w, &event);
	body = custody_catalog_bytea(NULL, w.len);
	cc_writer_init(&w, VARDATA(body), w.len);
	cc_write_witness_key_event(&w, &event);
	return body;
}

bytea *
custody_cosigned_event(const char *origin, const CustodyHead *head, uint64 time)
{
	cc_cosigned_event event;
	cc_writer	w;
	bytea	   *body;

	event.origin = custody_canonical_slice(origin);
	event.size = head->size;
	memcpy(event.root, head->root, CC_DIGEST_SIZE);
	event.time = time;
	cc_writer_init(&w, NULL, 0);
	cc_write_cosigned_event(&w, &event);
	body = custody_catalog_bytea(NULL, w.len);
	cc_writer_init(&w, VARDATA(body), w.len);
	cc_write_cosigned_event(&w, &event);
	return body;
}

void
custody_cosigned_append(const char *origin, const CustodyCosigned *c)
{
	Datum		values[Anum_cosigned_note];
	bool		nulls[Anum_cosigned_note] = {0};
	bytea	   *body = custody_cosigned_event(origin, &c->head, c->time);

	values[Anum_cosigned_origin - 1] = CStringGetTextDatum(origin);
	values[Anum_cosigned_tree_size - 1] = Int64GetDatum((int64) c->head.size);
	values[Anum_cosigned_root - 1] =
		PointerGetDatum(custody_catalog_bytea(c->head.root, CC_DIGEST_SIZE));
	values[Anum_cosigned_cosigned_at - 1] =
		TimestampTzGetDatum(custody_cosigned_to_timestamp(c->time));
	values[Anum_cosigned_note - 1] = PointerGetDatum(c->note);
	custody_catalog_insert(CUSTODY_LOG_COSIGNED, values, nulls);
	custody_append_event(CC_KIND_COSIGNED, 0, 0, VARDATA(body),
						 VARSIZE(body) - VARHDRSZ);
}

/* The file */

static char *
memory_folder(const char *folder)
{
	return psprintf("%s/" MEMORY_FOLDER, folder);
}

static char *
memory_path(const char *folder, const char *origin)
{
	uint8		digest[CC_DIGEST_SIZE];
	char		hex[2 * CC_DIGEST_SIZE + 1];
	cc_sha256	h;

	cc_sha256_init(&h);
	cc_sha256_update(&h, origin, strlen(origin));
	cc_sha256_final(&h, digest);
	hex_encode((const char *) digest, CC_DIGEST_SIZE, hex);
	hex[2 * CC_DIGEST_SIZE] = '\0';
	return psprintf("%s/%s", memory_folder(folder), hex);
}

/* "time N", then the note; false if it is anything else. */
static bool
parse_memory(const char *data, size_t len, const char *origin, CustodyCosigned *c)
{
	cc_checkpoint checkpoint;
	cc_reader	r;
	cc_slice	line;
	size_t		word = strlen(MEMORY_TIME);

	cc_reader_init(&r, data, len);
	line = cc_read_line(&r);
	if (r.status != CC_OK || line.len < word ||
		memcmp(line.data, MEMORY_TIME, word) != 0 ||
		cc_decimal_parse(&c->time, (const char *) line.data + word,
						 line.len - word) != CC_OK ||
		cc_checkpoint_parse(&checkpoint, data + r.pos, len - r.pos) != CC_OK ||
		strcmp(checkpoint.origin, origin) != 0)
		return false;
	c->head.size = checkpoint.size;
	memcpy(c->head.root, checkpoint.root, CC_DIGEST_SIZE);
	c->note = custody_catalog_bytea(data + r.pos, len - r.pos);
	return true;
}

void
custody_cosigned_load_file(const char *folder, const char *origin, CustodyCosigned *c)
{
	char	   *path = memory_path(folder, origin);
	char	   *data = palloc(MEMORY_MAX);
	size_t		len;

	memset(c, 0, sizeof(*c));
	c->exists = custody_keys_read_file(path, data, MEMORY_MAX, &len);
	if (c->exists && (len > MEMORY_MAX || !parse_memory(data, len, origin, c)))
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
				 errmsg("witness's memory \"%s\" cannot be read", path),
				 errdetail("The file does not hold the last checkpoint of log \"%s\" that was cosigned.", origin),
				 errhint("Put back the file; without it the witness could sign a second history of the log.")));
	pfree(data);
}

void
custody_cosigned_store_file(const char *folder, const char *origin,
							const CustodyCosigned *c)
{
	StringInfoData text;

	custody_keys_make_folder(memory_folder(folder));
	initStringInfo(&text);
	appendStringInfo(&text, MEMORY_TIME UINT64_FORMAT "\n", c->time);
	appendBinaryStringInfo(&text, VARDATA_ANY(c->note), VARSIZE_ANY_EXHDR(c->note));
	custody_keys_write_file(memory_path(folder, origin), text.data, text.len);
	pfree(text.data);
}
