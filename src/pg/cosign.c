/*
 * cosign.c
 *	  This database as a witness of other logs (C2SP tlog-witness).
 *
 * A cosignature says: this head, and no other, is what I saw of the log at
 * this size, and it holds all that I saw before.  So two heads that do not
 * follow one another are never cosigned under one key, whatever crashes, is
 * rolled back or restored:
 *
 *		look	the larger of the two memories (cosigned.c) is what was
 *				cosigned last; the request must follow from it
 *		file	the head that will be cosigned, durable
 *		row		the same with its entry, committed and flushed whatever
 *				synchronous_commit says, and on the synchronous standbys
 *		sign	only now
 *
 * After a crash between any two steps the file is ahead of the row; the head
 * it names is the only one of its size that is cosigned from then on, and
 * becomes a row with the next request.  A database restored from a backup
 * finds the file, a lost file leaves the rows.  Both restored together is what
 * no memory of this server can notice.
 *
 * The witness's key is made once and kept over new incarnations of the ledger
 * while its file is there, for those who trust it.  A copy of the database
 * makes its own: the original may live on.
 *
 * Locks: one request at a time in a database, by a session lock on the
 * extension (CUSTODY_LOCK_WITNESS), held over all steps.  Transaction state:
 * called outside any; steps run their own in READ COMMITTED.  Memory: what
 * outlives a transaction is in the witness's context, deleted at the end.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "core/tlogproof.h"
#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosign.h"
#include "pg/cosigned.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/incarnation.h"
#include "pg/seal.h"
#include "pg/trustlog.h"

/* Sixteen post-quantum signatures, and the rest. */
#define REQUEST_MAX (128 * 1024)
#define WITNESS_SUFFIX "/witness"

/* A row of log_witness_key. */
typedef struct WitnessKey
{
	uint32		incarnation;	/* 0: there is none */
	char	   *verifier_key;
} WitnessKey;

/* The witness while it works. */
typedef struct Witness
{
	MemoryContext context;
	char	   *folder;			/* of key and memories */
	char	   *verifier_key;
} Witness;

/* A request, and what will be cosigned. */
typedef struct Request
{
	cc_tlog_proof proof;		/* number: the old size */
	cc_checkpoint checkpoint;
	CustodyCosigned result;
} Request;

/* The witness's key */

static void
load_key(WitnessKey *key)
{
	CustodyScan scan;

	memset(key, 0, sizeof(*key));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_WITNESS_KEY,
							   CUSTODY_WITNESS_KEY_PKEY, GetActiveSnapshot(),
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
	{
		key->incarnation = DatumGetUInt32(custody_catalog_get(&scan, Anum_witness_key_incarnation));
		key->verifier_key = TextDatumGetCString(custody_catalog_get(&scan, Anum_witness_key_verifier_key));
	}
	custody_catalog_scan_end(&scan);
}

char *
custody_cosign_known_key(void)
{
	CustodyIncarnation now;
	WitnessKey	key;

	custody_ledger_incarnation(&now);
	load_key(&key);
	return key.incarnation == now.number && now.cluster.database == MyDatabaseId ?
		key.verifier_key : NULL;
}

/*
 * The folder of the key in use; NULL if a new one must be made.  A key that
 * the present incarnation has made cannot be made again: its folder is given
 * even if the file is gone, and signing raises.
 */
static char *
key_folder(const WitnessKey *key, const CustodyLife *life)
{
	CustodyIncarnation made;
	char	   *folder;

	if (key->incarnation == life->incarnation.number)
		return life->ring.folder;
	if (!custody_ledger_incarnation_of(key->incarnation, &made) ||
		made.cluster.database != MyDatabaseId)
		return NULL;
	folder = custody_keys_folder(&made.ledger_id);
	return custody_keys_witness_exists(folder) ? folder : NULL;
}

static char *
witness_name(const CustodyLife *life)
{
	char	   *name = custody_witness_name != NULL && custody_witness_name[0] != '\0' ?
		pstrdup(custody_witness_name) :
		psprintf("%s" WITNESS_SUFFIX, life->incarnation.origin);

	if (!cc_origin_valid(name, strlen(name)))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("invalid name of a witness: \"%s\"", name),
				 errdetail("A name consists of letters, digits, dots, slashes and hyphens, has at most %d bytes and neither begins nor ends with a slash.", CC_ORIGIN_MAX),
				 errhint("Set custody.witness_name to a name like \"hospital.example/witness\".")));
	return name;
}

static void
append_key(uint32 incarnation, const char *verifier_key)
{
	Datum		values[Anum_witness_key_verifier_key];
	bool		nulls[Anum_witness_key_verifier_key] = {0};
	bytea	   *body = custody_cosigned_key_event(incarnation, verifier_key);

	values[Anum_witness_key_incarnation - 1] = UInt32GetDatum(incarnation);
	values[Anum_witness_key_verifier_key - 1] = CStringGetTextDatum(verifier_key);
	custody_catalog_insert(CUSTODY_LOG_WITNESS_KEY, values, nulls);
	custody_append_event(CC_KIND_WITNESS_KEY, 0, 0, VARDATA(body),
						 VARSIZE(body) - VARHDRSZ);
}

/* Begin the ledger if need be, or the incarnation that a copy needs. */
static void
begin_step(void)
{
	CustodySealRequest request = {0};
	CustodySealResult result;
	CustodyLife life;
	bool		needed;

	custody_seal_begin();
	custody_incarnation_load(&life);
	needed = life.incarnation.number == 0 ||
		(!life.same && life.explanation != NULL);
	custody_seal_commit();
	request.begin = true;
	if (needed)
		custody_seal_pass(&request, &result);
}

/* Find the witness's key, or make it and its entry. */
static void
key_step(Witness *w)
{
	CustodyLife life;
	WitnessKey	key;
	char	   *folder = NULL;

	custody_seal_begin();
	custody_incarnation_load(&life);
	load_key(&key);
	if (key.incarnation != 0)
		folder = key_folder(&key, &life);
	if (folder == NULL)
	{
		folder = life.ring.folder;
		key.verifier_key = custody_keys_create_witness(folder, witness_name(&life));
		append_key(life.incarnation.number, key.verifier_key);
		ForceSyncCommit();
	}
	w->folder = MemoryContextStrdup(w->context, folder);
	w->verifier_key = MemoryContextStrdup(w->context, key.verifier_key);
	custody_seal_commit();
}

/* The request */

static void
malformed(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_WITNESS_MALFORMED),
			 errmsg("this is not an add-checkpoint request"),
			 errdetail("%s", detail),
			 errhint("Send what custody.prove_consistency() gives in the other database.")));
}

void
custody_cosign_check_length(Size len)
{
	if (len > REQUEST_MAX)
		malformed(psprintf("It has %zu bytes, at most %d are read.", len, REQUEST_MAX));
}

static void
parse_request(Request *r, MemoryContext context, const char *text, Size len)
{
	char	   *copy = MemoryContextAlloc(context, len + 2);
	cc_status	status;

	/* What passed through psql or mail may have lost its last line feed. */
	memcpy(copy, text, len);
	len = cc_note_restore(copy, len);
	status = cc_add_checkpoint_parse(&r->proof, copy, len);
	if (status == CC_OK)
		status = cc_checkpoint_parse(&r->checkpoint, (const char *) r->proof.note.data,
									 r->proof.note.len);
	if (status != CC_OK)
		malformed(psprintf("It cannot be read: %s.", cc_status_text(status)));
}

/* Is the line of one of these keys, by name and id? */
static bool
is_line_of(const cc_note_signature *s, const cc_vkey *keys, size_t nkeys)
{
	for (size_t i = 0; i < nkeys; i++)
	{
		if (s->id == keys[i].id && s->name.len == strlen(keys[i].name) &&
			memcmp(s->name.data, keys[i].name, s->name.len) == 0)
			return true;
	}
	return false;
}

/* The checkpoint with the lines of the keys alone; others' are not checked. */
static bytea *
log_note(const Request *r, const cc_vkey *keys, size_t nkeys)
{
	const cc_checkpoint *c = &r->checkpoint;
	StringInfoData note;
	cc_reader	lines;

	initStringInfo(&note);
	appendBinaryStringInfo(&note, (const char *) c->text.data, (int) c->text.len);
	appendStringInfoChar(&note, '\n');
	cc_reader_init(&lines, r->proof.note.data, r->proof.note.len);
	(void) cc_read_raw(&lines, c->text.len + 1);
	for (int i = 0; i < c->nsignatures; i++)
	{
		cc_slice	line = cc_read_line(&lines);

		if (!is_line_of(&c->signatures[i], keys, nkeys))
			continue;
		appendBinaryStringInfo(&note, (const char *) line.data, (int) line.len);
		appendStringInfoChar(&note, '\n');
	}
	return custody_catalog_bytea(note.data, note.len);
}

/* Raise unless a log that we know stands behind the checkpoint. */
static void
check_signed(Request *r)
{
	const char *origin = r->checkpoint.origin;
	cc_vkey    *keys;
	size_t		nkeys = custody_trustlog_keys(origin, &keys);
	cc_status	status;

	if (nkeys == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_WITNESS_UNKNOWN),
				 errmsg("log \"%s\" is not known here", origin),
				 errdetail("A witness cosigns only logs whose key it was given."),
				 errhint("Commit custody.trust_log() with the log's verifier key first.")));
	status = cc_checkpoint_signed(&r->checkpoint, keys, nkeys);
	if (status != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_WITNESS_UNSIGNED),
				 errmsg("checkpoint of log \"%s\" is not signed by a key that is trusted for it", origin),
				 errdetail("For the trusted keys: %s.", cc_status_text(status)),
				 errhint("If the log has a new key, commit custody.trust_log() with it.")));
	r->result.note = log_note(r, keys, nkeys);
}

/* Sizes and roots must be those that C2SP tlog-witness demands. */
static void
check_sizes(const Request *r, const CustodyCosigned *last)
{
	const cc_checkpoint *c = &r->checkpoint;

	if (r->proof.number > c->size)
		malformed(psprintf("Its old size " UINT64_FORMAT " is greater than the checkpoint's size " UINT64_FORMAT ".",
						   (uint64) r->proof.number, (uint64) c->size));
	if (r->proof.number == last->head.size)
		return;
	if (c->size < last->head.size)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_WITNESS_ROLLBACK),
				 errmsg("log \"%s\" was rolled back: size " UINT64_FORMAT " comes after size " UINT64_FORMAT,
						c->origin, (uint64) c->size, last->head.size),
				 errdetail("The size to use is " UINT64_FORMAT ".", last->head.size),
				 errhint("If this is an old checkpoint of a log that grew, send the newest; a log that lost blocks goes on under a new origin.")));
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_WITNESS_CONFLICT),
			 errmsg("log \"%s\" was cosigned up to size " UINT64_FORMAT ", not " UINT64_FORMAT,
					c->origin, last->head.size, (uint64) r->proof.number),
			 errdetail("The size to use is " UINT64_FORMAT ".", last->head.size),
			 errhint("Send a proof of consistency from there.")));
}

static char *
format_root(const uint8 root[CC_DIGEST_SIZE])
{
	char	   *text = palloc0(CC_BASE64_SIZE(CC_DIGEST_SIZE) + 1);

	cc_base64_encode(text, root, CC_DIGEST_SIZE);
	return text;
}

/* Raise unless the checkpoint holds all that was cosigned before. */
static void
check_growth(const Request *r, const CustodyCosigned *last)
{
	const cc_checkpoint *c = &r->checkpoint;
	uint8		root[CC_DIGEST_SIZE];
	cc_frontier empty;
	bool		same_size = c->size == last->head.size;

	cc_frontier_init(&empty);
	cc_frontier_root(&empty, root);
	if (last->exists)
		memcpy(root, last->head.root, CC_DIGEST_SIZE);
	if (cc_add_checkpoint_check(&r->proof, c, root) == CC_OK)
		return;
	if (same_size && !cc_equal(root, c->root, CC_DIGEST_SIZE))
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_WITNESS_FORK),
				 errmsg("log \"%s\" has forked: two roots at size " UINT64_FORMAT,
						c->origin, (uint64) c->size),
				 last->exists ?
				 errdetail("Root %s was cosigned; the checkpoint has root %s.",
						   format_root(root), format_root(c->root)) :
				 errdetail("The empty log has root %s; the checkpoint has root %s.",
						   format_root(root), format_root(c->root)),
				 errhint("Keep the request: with what custody.cosigned shows, it is evidence that the log signed two histories.")));
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_WITNESS_FORK),
			 errmsg("log \"%s\" of size " UINT64_FORMAT " is not shown to hold what was cosigned at size " UINT64_FORMAT,
					c->origin, (uint64) c->size, last->head.size),
			 errdetail("The proof does not lead from root %s to root %s.",
					   format_root(root), format_root(c->root)),
			 errhint("A wrong proof, or the log has forked: nobody can prove growth from a history that was given up.")));
}

/* Together */

/* The larger memory; raises if they contradict each other. */
static CustodyCosigned
last_cosigned(const Witness *w, const char *origin, const CustodyCosigned *row)
{
	CustodyCosigned file;

	custody_cosigned_load_file(w->folder, origin, &file);
	if (!file.exists || (row->exists && row->head.size > file.head.size))
		return *row;
	if (row->exists && row->head.size == file.head.size &&
		!custody_keys_head_equal(&row->head, &file.head))
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
				 errmsg("witness's memories of log \"%s\" contradict each other", origin),
				 errdetail("The file beside the key and log_cosigned have different roots at size " UINT64_FORMAT ".",
						   file.head.size),
				 errhint("Somebody changed one of the two.  Run \"SELECT * FROM custody.verify()\".")));
	return file;
}

/*
 * Check the request against what is remembered, and remember it.  On return
 * r->result is durable, in memory of the witness.
 */
static void
head_step(const Witness *w, Request *r)
{
	const char *origin = r->checkpoint.origin;
	uint64		now = custody_cosigned_from_timestamp(GetCurrentTimestamp());
	CustodyCosigned row;
	CustodyCosigned last;

	custody_seal_begin();
	check_signed(r);
	custody_cosigned_load(origin, &row);
	last = last_cosigned(w, origin, &row);
	check_sizes(r, &last);
	check_growth(r, &last);
	r->result.exists = true;
	r->result.head.size = r->checkpoint.size;
	memcpy(r->result.head.root, r->checkpoint.root, CC_DIGEST_SIZE);
	r->result.time = Max(now, Max(last.time, row.time));
	custody_cosigned_store_file(w->folder, origin, &r->result);
	if (!row.exists || row.head.size < r->result.head.size)
	{
		/* The file was ahead: what it remembered is not to be passed over. */
		if (last.exists && last.head.size < r->result.head.size &&
			(!row.exists || row.head.size < last.head.size))
			custody_cosigned_append(origin, &last);
		custody_cosigned_append(origin, &r->result);
		ForceSyncCommit();
	}
	custody_seal_commit();
}

/*
 * Do the steps under the lock and sign, or only find the key if r is NULL.
 * False if the extension is not installed.
 */
static bool
with_lock(Witness *w, Request *r, char *line)
{
	bool		installed;

	if (!custody_seal_lock(CUSTODY_LOCK_WITNESS, false, &installed))
		return false;
	PG_TRY();
	{
		begin_step();
		key_step(w);
		if (r != NULL)
		{
			head_step(w, r);
			custody_keys_cosign(w->folder, w->verifier_key,
								r->checkpoint.text.data, r->checkpoint.text.len,
								r->result.time, line);
		}
	}
	PG_FINALLY();
	{
		custody_seal_unlock(CUSTODY_LOCK_WITNESS);
	}
	PG_END_TRY();
	return true;
}

bool
custody_cosign_key(char verifier_key[CC_VERIFIER_KEY_MAX + 1])
{
	Witness		w;
	bool		installed;

	w.context = AllocSetContextCreate(TopMemoryContext, "custody witness",
									  ALLOCSET_SMALL_SIZES);
	installed = with_lock(&w, NULL, NULL);
	if (installed)
		strlcpy(verifier_key, w.verifier_key, CC_VERIFIER_KEY_MAX + 1);
	MemoryContextDelete(w.context);
	return installed;
}

bool
custody_cosign(const char *request, Size len, char line[CC_NOTE_LINE_MAX + 1])
{
	Witness		w;
	Request    *r;
	bool		installed;

	w.context = AllocSetContextCreate(TopMemoryContext, "custody witness",
									  ALLOCSET_SMALL_SIZES);
	r = MemoryContextAllocZero(w.context, sizeof(Request));
	parse_request(r, w.context, request, len);
	installed = with_lock(&w, r, line);
	MemoryContextDelete(w.context);
	return installed;
}
