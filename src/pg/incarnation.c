/*
 * incarnation.c
 *	  Is this still the life of the database that the signer knows?
 *
 * The signer's memory, outside the database, says which head was signed last.
 * While it agrees with the last block the log simply goes on, whatever else
 * has changed (pg_upgrade, a promoted standby that shares the folder).  When
 * it does not agree, or key or memory are gone, the database may have been
 * restored, or somebody rolled it back.  What tells the two apart is whether
 * the cluster itself says it is another one: system identifier, database or
 * timeline differ from where the last head was signed.  Then a new incarnation
 * begins by itself and says why; otherwise the signer refuses until somebody
 * calls custody.new_incarnation() with a reason.
 *
 * Two copies always begin a new incarnation, because their original may live
 * on: a database made from this one as template (its OID differs), and a dump
 * that was restored (copied.c).
 *
 * Idempotence: a ledger or incarnation begins with its row in log_incarnation
 * in one transaction, its key follows in another; after a crash between them
 * the key's file is found or made, and its row in log_key ends the beginning.
 * So it is when a key follows another: file, then row and entry in one
 * transaction, then the block that hands over (seal.c).
 *
 * Who may call: the holder of the sealing lock.  Memory: current context.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#include "core/encode.h"
#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/copied.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/incarnation.h"
#include "pg/past.h"
#include "pg/reader.h"

#define DEFAULT_ORIGIN_PREFIX "pg-custody/"

bool
custody_incarnation_owns(const CustodyLife *life, const CustodyBlock *block)
{
	return block->exists && block->incarnation == life->incarnation.number;
}

/* Does what the signer remembers agree with the last block? */
static bool
memory_agrees(const CustodyLife *life)
{
	const CustodyMemory *memory = &life->ring.memory;
	bool		own = custody_incarnation_owns(life, &life->last);
	bool		own_before = custody_incarnation_owns(life, &life->before);

	if (memory->damaged)
		return false;
	if (!own)
		return !memory->exists;
	if (!memory->exists)
		return !life->last.is_signed && !own_before;
	if (strcmp(memory->origin, life->incarnation.origin) != 0)
		return false;
	if (custody_keys_head_equal(&memory->head, &life->last.head))
		return true;
	return !life->last.is_signed && own_before &&
		custody_keys_head_equal(&memory->head, &life->before.head);
}

/* What shows that this is another cluster than a head was signed in. */
static char *
explain(const CustodyLife *life)
{
	const CustodyCluster *now = &life->cluster;
	const CustodyCluster *then = &life->incarnation.cluster;

	if (then->database != now->database)
		return psprintf("The ledger was copied from the database with OID %u.",
						then->database);
	if (custody_incarnation_owns(life, &life->last) && custody_copied_leaves())
		return pstrdup("The ledger was restored from a dump.");
	if (life->ring.memory.exists && !life->ring.memory.damaged)
		then = &life->ring.memory.cluster;
	if (then->system_identifier != now->system_identifier)
		return psprintf("The ledger was restored to another cluster; the system identifier was " UINT64_FORMAT ".",
						then->system_identifier);
	if (then->timeline != now->timeline)
		return psprintf("The cluster was restored or promoted; the timeline was %u and is %u.",
						then->timeline, now->timeline);
	return NULL;
}

/* Is it a copy whose original may live on under the same key? */
static bool
is_copy(const CustodyLife *life)
{
	return life->incarnation.cluster.database != life->cluster.database ||
		(custody_incarnation_owns(life, &life->last) && custody_copied_leaves());
}

static bool
has_name(const char *verifier_key, const char *name)
{
	cc_vkey		vkey;

	custody_check_ledger(cc_vkey_parse(&vkey, verifier_key, strlen(verifier_key)),
						 "verifier key");
	return strcmp(vkey.name, name) == 0;
}

bool
custody_incarnation_hands_over(const CustodyLife *life)
{
	return custody_incarnation_owns(life, &life->last) && !life->key_pending &&
		life->key_sealed && life->key.epoch == life->last.epoch + 1;
}

bool
custody_incarnation_epoch(const CustodyKey *key, const CustodyBlock *last,
						  TimestampTz *began, uint64 *blocks)
{
	cc_block	h;
	bytea	   *bytes = key->epoch == 0 ? NULL : custody_ledger_announcement(key, &h);

	if (bytes == NULL)
		return false;
	*began = custody_past_time(h.time);
	*blocks = last->number - h.number + (h.epoch == key->epoch);
	return true;
}

/* The block that hands over counts; it is not the key's only one. */
bool
custody_incarnation_key_due(const CustodyLife *life)
{
	TimestampTz began;
	uint64		blocks;

	if ((custody_key_epoch == 0 && custody_key_epoch_blocks == 0) ||
		!life->key_sealed || life->key_pending ||
		!custody_incarnation_epoch(&life->key, &life->last, &began, &blocks))
		return false;
	return (custody_key_epoch > 0 &&
			TimestampDifferenceExceeds(began, GetCurrentTimestamp(), custody_key_epoch * 1000)) ||
		(custody_key_epoch_blocks > 0 && blocks >= 1 &&
		 blocks + 1 >= (uint64) custody_key_epoch_blocks);
}

/*
 * Which key signs the next block?  A key that follows another of the incarnation
 * signs from the block after the one with its entry, which both sign.
 */
static void
load_key(CustodyLife *life)
{
	const char *origin = life->incarnation.origin;
	CustodyKey	before;

	custody_ledger_last_key(&life->key);
	life->epoch = life->key.epoch;
	life->key_pending = life->epoch == 0 || !has_name(life->key.verifier_key, origin);
	if (life->key_pending)
		return;
	life->key_sealed = custody_reader_leaf_index(life->key.txn_no, GetActiveSnapshot()) >= 0;
	life->rotating = !life->key_sealed && custody_ledger_key(life->epoch - 1, &before) &&
		has_name(before.verifier_key, origin);
	if (life->rotating)
		life->epoch--;
}

/* Has a signer signed the last block?  It gives that note again, without keys. */
static bool
has_note(const CustodyLife *life)
{
	return life->ring.remote && custody_keys_head_equal(&life->ring.memory.head, &life->last.head);
}

/* Epoch of a key that signing needs and that is not there, or 0. */
static uint32
missing_key(const CustodyLife *life)
{
	if (life->key_pending)
		return 0;
	if (!custody_keyring_holds(&life->ring, life->epoch))
		return life->epoch;
	if (!custody_keyring_holds(&life->ring, life->key.epoch))
		return life->key.epoch;
	if (custody_incarnation_hands_over(life) && !life->last.is_signed && !has_note(life) &&
		!custody_keyring_holds(&life->ring, life->last.epoch))
		return life->last.epoch;
	return 0;
}

void
custody_incarnation_load(CustodyLife *life)
{
	memset(life, 0, sizeof(*life));
	life->cluster.system_identifier = GetSystemIdentifier();
	life->cluster.database = MyDatabaseId;
	life->cluster.timeline = GetWALInsertionTimeLine();
	custody_ledger_incarnation(&life->incarnation);
	custody_ledger_blocks(&life->last, &life->before);
	load_key(life);
	if (life->incarnation.number == 0)
		return;
	custody_keyring_load(&life->ring, &life->incarnation.ledger_id);
	life->missing_key = missing_key(life);
	life->copied = is_copy(life);
	life->same = memory_agrees(life) && life->missing_key == 0 && !life->copied;
	if (!life->same)
		life->explanation = explain(life);
}

/* Size of the log as far as this incarnation has sealed it. */
static uint64
sealed_size(const CustodyLife *life)
{
	return custody_incarnation_owns(life, &life->last) ? life->last.head.size : 0;
}

void
custody_incarnation_refuse(const CustodyLife *life)
{
	const char *hint = "If the database was restored from a backup, or the folder is lost, go on with custody.new_incarnation(); otherwise find out who changed one of the two.";

	if (life->missing_key != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_KEY_UNUSABLE),
				 life->ring.remote ?
				 errmsg("signer at \"%s\" does not have the key of epoch %u",
						custody_keyring_place(&life->ring), life->missing_key) :
				 errmsg("key file \"%s\" is missing",
						custody_keys_path(life->ring.folder, life->missing_key)),
				 errdetail("The log cannot be signed without the key of epoch %u.", life->missing_key),
				 errhint("Put its file back, or, if the key is lost, go on under a new one with custody.new_incarnation().")));
	if (life->ring.memory.damaged)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
				 errmsg("signer's memory in \"%s\" cannot be read", custody_keyring_place(&life->ring)),
				 errdetail("The file does not hold the last checkpoint the signer made."),
				 errhint("%s", hint)));
	if (!life->ring.memory.exists)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
				 errmsg("signer's memory in \"%s\" is missing", custody_keyring_place(&life->ring)),
				 errdetail("The log was signed up to size " UINT64_FORMAT ".", sealed_size(life)),
				 errhint("%s", hint)));
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
			 errmsg("signer refuses to go on from a log it did not sign"),
			 errdetail("It last signed size " UINT64_FORMAT "; the log of this database has size " UINT64_FORMAT "%s.",
					   life->ring.memory.head.size, sealed_size(life),
					   life->ring.memory.head.size == sealed_size(life) ? " and another root" : ""),
			 errhint("%s", hint)));
}

/* Beginning */

static void
append_incarnation_row(const CustodyIncarnation *incarnation)
{
	Datum		values[Anum_incarnation_timeline];
	bool		nulls[Anum_incarnation_timeline] = {0};

	values[Anum_incarnation_incarnation - 1] = UInt32GetDatum(incarnation->number);
	values[Anum_incarnation_ledger_id - 1] = UUIDPGetDatum(&incarnation->ledger_id);
	values[Anum_incarnation_origin - 1] = CStringGetTextDatum(incarnation->origin);
	values[Anum_incarnation_system_identifier - 1] =
		Int64GetDatum((int64) incarnation->cluster.system_identifier);
	values[Anum_incarnation_database_oid - 1] =
		ObjectIdGetDatum(incarnation->cluster.database);
	values[Anum_incarnation_timeline - 1] =
		UInt32GetDatum(incarnation->cluster.timeline);
	custody_catalog_insert(CUSTODY_LOG_INCARNATION, values, nulls);
	/* Every backend notes the number in its transaction records. */
	CacheInvalidateRelcacheByRelid(custody_catalog_relid(CUSTODY_LOG_INCARNATION));
}

/* A random (version 4) UUID. */
static void
draw_uuid(pg_uuid_t *uuid)
{
	custody_check_crypto(cc_random(uuid->data, UUID_LEN), "draw a random number");
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40;
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
}

/* The setting may hold what was written before the library could check it. */
static void
check_origin(const char *origin)
{
	if (!cc_origin_valid(origin, strlen(origin)))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("invalid value for parameter \"custody.origin\": \"%s\"", origin),
				 errdetail("An origin consists of letters, digits, dots, slashes and hyphens, has at most %d bytes and neither begins nor ends with a slash.", CC_ORIGIN_MAX),
				 errhint("Use a name like \"hospital.example/ledger\".")));
}

void
custody_incarnation_first(const CustodyLife *life)
{
	CustodyIncarnation incarnation;
	char		hex[2 * UUID_LEN + 1];

	incarnation.number = 1;
	incarnation.cluster = life->cluster;
	draw_uuid(&incarnation.ledger_id);
	/* Refuse before the ledger begins if its keys have no place. */
	(void) custody_keys_folder(&incarnation.ledger_id);
	hex_encode((const char *) incarnation.ledger_id.data, UUID_LEN, hex);
	hex[2 * UUID_LEN] = '\0';
	if (custody_origin != NULL && custody_origin[0] != '\0')
	{
		check_origin(custody_origin);
		strlcpy(incarnation.origin, custody_origin, sizeof(incarnation.origin));
	}
	else
		snprintf(incarnation.origin, sizeof(incarnation.origin), "%s%s",
				 DEFAULT_ORIGIN_PREFIX, hex);
	append_incarnation_row(&incarnation);
}

/* origin without "/i<number>" at its end. */
static char *
base_origin(const char *origin)
{
	char	   *base = pstrdup(origin);
	char	   *slash = strrchr(base, '/');

	if (slash != NULL && slash != base && slash[1] == 'i' &&
		slash[2] != '\0' && strspn(slash + 2, "0123456789") == strlen(slash + 2))
		*slash = '\0';
	return base;
}

/* The head the previous life signed last, as far as it is known. */
static CustodyHead
last_signed(const CustodyLife *life)
{
	static const CustodyHead none;

	if (life->ring.memory.exists && !life->ring.memory.damaged && !life->copied)
		return life->ring.memory.head;
	if (life->last.exists && life->last.is_signed)
		return life->last.head;
	return life->before.exists ? life->before.head : none;
}

static void
append_incarnation_event(const CustodyLife *life,
						 const CustodyIncarnation *incarnation, const char *reason)
{
	CustodyHead head = last_signed(life);
	cc_incarnation_event event;
	cc_writer	w;
	uint8	   *body;

	event.incarnation = incarnation->number;
	event.origin = custody_canonical_slice(incarnation->origin);
	event.previous_origin = custody_canonical_slice(life->incarnation.origin);
	event.size = head.size;
	memcpy(event.root, head.root, CC_DIGEST_SIZE);
	event.reason = custody_canonical_slice(reason);
	cc_writer_init(&w, NULL, 0);
	cc_write_incarnation_event(&w, &event);
	body = palloc(w.len);
	cc_writer_init(&w, body, w.len);
	cc_write_incarnation_event(&w, &event);
	custody_append_event(CC_KIND_INCARNATION, 0, 0, body, w.len);
	pfree(body);
}

uint32
custody_incarnation_next(const CustodyLife *life, const char *reason)
{
	CustodyIncarnation incarnation;
	char	   *base = base_origin(life->incarnation.origin);
	int			len;

	incarnation.number = life->incarnation.number + 1;
	incarnation.cluster = life->cluster;
	draw_uuid(&incarnation.ledger_id);
	len = snprintf(incarnation.origin, sizeof(incarnation.origin), "%s/i%u",
				   base, incarnation.number);
	if (len >= sizeof(incarnation.origin))
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("origin of incarnation %u would be too long",
						incarnation.number),
				 errdetail("An origin has at most %d bytes.", CC_ORIGIN_MAX)));
	append_incarnation_row(&incarnation);
	append_incarnation_event(life, &incarnation, reason);
	ereport(LOG,
			(errmsg("incarnation %u of the ledger begins", incarnation.number),
			 errdetail("%s", reason)));
	return incarnation.number;
}

static void
append_key_event(uint32 epoch, const CustodyNewKey *key)
{
	cc_key_event event;
	cc_writer	w;
	uint8	   *body;

	event.epoch = epoch;
	event.verifier_key = custody_canonical_slice(key->verifier_key);
	event.possession.data = key->possession;
	event.possession.len = key->possession_len;
	cc_writer_init(&w, NULL, 0);
	cc_write_key_event(&w, &event);
	body = palloc(w.len);
	cc_writer_init(&w, body, w.len);
	cc_write_key_event(&w, &event);
	custody_append_event(CC_KIND_KEY, 0, 0, body, w.len);
	pfree(body);
}

void
custody_incarnation_make_key(const CustodyLife *life)
{
	uint32		epoch = life->key.epoch + 1;
	CustodyNewKey key;
	Datum		values[Anum_key_txn_no];
	bool		nulls[Anum_key_txn_no] = {0};

	if (life->last.exists && life->last.epoch >= epoch)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("key of epoch %u is missing in the ledger", life->last.epoch),
				 errdetail("A block names the epoch, but its verifier key is not stored."),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	custody_keyring_create(&life->ring, &life->cluster, epoch, life->incarnation.origin, &key);
	values[Anum_key_epoch - 1] = UInt32GetDatum(epoch);
	values[Anum_key_verifier_key - 1] = CStringGetTextDatum(key.verifier_key);
	values[Anum_key_txn_no - 1] = Int64GetDatum(custody_append_transaction_number());
	custody_catalog_insert(CUSTODY_LOG_KEY, values, nulls);
	append_key_event(epoch, &key);
}
