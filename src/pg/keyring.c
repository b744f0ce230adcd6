/*
 * keyring.c
 *	  The keys of a ledger and the memory of what they signed, wherever they
 *	  are.
 *
 * Who may call: the holder of the sealing lock.  Memory: current context.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "pg/error.h"
#include "pg/guc.h"
#include "pg/keyring.h"
#include "pg/prove.h"
#include "pg/signer.h"

/* A signer remembers from a ledger's beginning on, before it has signed. */
static void
take_memory(CustodyMemory *memory, const cc_ring *held)
{
	const cc_checkpoint *c = &held->memory.checkpoint;

	memset(memory, 0, sizeof(*memory));
	memory->damaged = held->damaged;
	memory->exists = held->damaged || c->size > 0;
	memory->cluster = held->memory.cluster;
	memory->head.size = c->size;
	memcpy(memory->head.root, c->root, CC_DIGEST_SIZE);
	strlcpy(memory->origin, c->origin, sizeof(memory->origin));
}

void
custody_keyring_load(CustodyKeyring *ring, const pg_uuid_t *ledger_id)
{
	char	   *id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(ledger_id)));

	memset(ring, 0, sizeof(*ring));
	ring->folder = custody_keys_folder(ledger_id);
	strlcpy(ring->ledger_id, id, sizeof(ring->ledger_id));
	ring->remote = custody_signer_used();
	if (ring->remote)
	{
		custody_signer_status(id, &ring->held);
		take_memory(&ring->memory, &ring->held);
	}
	else
		custody_keys_memory(ring->folder, &ring->memory);
}

bool
custody_keyring_holds(const CustodyKeyring *ring, uint32 epoch)
{
	if (!ring->remote)
		return custody_keys_exists(ring->folder, epoch);
	return epoch >= ring->held.first && epoch - ring->held.first < ring->held.count;
}

char *
custody_keyring_place(const CustodyKeyring *ring)
{
	return pstrdup(ring->remote ? custody_signer : ring->folder);
}

static cc_request *
make_request(const CustodyKeyring *ring, cc_request_verb verb, const CustodyCluster *cluster, uint32 epoch)
{
	cc_request *request = palloc0(sizeof(cc_request));

	request->verb = verb;
	strlcpy(request->ledger_id, ring->ledger_id, sizeof(request->ledger_id));
	request->cluster = *cluster;
	request->epoch = epoch;
	return request;
}

static void
create_remote(const CustodyKeyring *ring, const CustodyCluster *cluster, uint32 epoch,
			  const char *origin, CustodyNewKey *key)
{
	cc_request *request = make_request(ring, CC_REQUEST_KEY, cluster, epoch);
	cc_new_key *made = palloc(sizeof(cc_new_key));

	strlcpy(request->origin, origin, sizeof(request->origin));
	custody_signer_key(request, made);
	key->verifier_key = palloc(CC_VERIFIER_KEY_MAX + 1);
	cc_vkey_format(key->verifier_key, &made->key);
	key->possession_len = made->possession_len;
	memcpy(key->possession, made->possession, made->possession_len);
	pfree(made);
	pfree(request);
}

void
custody_keyring_create(const CustodyKeyring *ring, const CustodyCluster *cluster,
					   uint32 epoch, const char *origin, CustodyNewKey *key)
{
	if (ring->remote)
		create_remote(ring, cluster, epoch, origin, key);
	else
		custody_keys_create(ring->folder, epoch, origin, key);
}

static void
prove_growth(cc_tlog_proof *p, const CustodyHead *previous, const CustodyHead *head)
{
	CustodySigned *old_log = palloc0(sizeof(CustodySigned));
	CustodySigned *new_log = palloc0(sizeof(CustodySigned));

	if (previous != NULL)
	{
		old_log->checkpoint.size = previous->size;
		memcpy(old_log->checkpoint.root, previous->root, CC_DIGEST_SIZE);
	}
	new_log->checkpoint.size = head->size;
	memcpy(new_log->checkpoint.root, head->root, CC_DIGEST_SIZE);
	custody_prove_growth(p, previous == NULL ? NULL : old_log, new_log, GetActiveSnapshot());
	pfree(old_log);
	pfree(new_log);
}

/* Is the note this text, signed by these keys and nobody else? */
static cc_status
check_note(const char *note, Size len, const char *text, const char *const *verifier_keys, int nkeys)
{
	cc_checkpoint *c = palloc(sizeof(cc_checkpoint));
	cc_status	status = cc_checkpoint_parse(c, note, len);

	if (status == CC_OK &&
		(c->text.len != strlen(text) || memcmp(c->text.data, text, c->text.len) != 0 || c->nsignatures != nkeys))
		status = CC_E_MISMATCH;
	for (int i = 0; status == CC_OK && i < nkeys; i++)
	{
		cc_vkey		vkey;

		status = cc_vkey_parse(&vkey, verifier_keys[i], strlen(verifier_keys[i]));
		if (status == CC_OK)
			status = cc_note_line_check(c, &c->signatures[i], &vkey);
	}
	pfree(c);
	return status;
}

static char *
sign_remote(const CustodyKeyring *ring, const CustodySigner *signer, const CustodyCluster *cluster,
			const CustodyHead *previous, const CustodyHead *head)
{
	cc_request *request = make_request(ring, CC_REQUEST_SIGN, cluster, signer->epoch);
	const char *verifier_keys[] = {signer->verifier_key, signer->successor};
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	char	   *note;
	Size		len;
	cc_status	status;

	request->handover = signer->successor != NULL;
	prove_growth(&request->proof, previous, head);
	strlcpy(request->checkpoint.origin, signer->origin, sizeof(request->checkpoint.origin));
	request->checkpoint.size = head->size;
	memcpy(request->checkpoint.root, head->root, CC_DIGEST_SIZE);
	note = custody_signer_sign(request, &len);
	pfree(request);
	(void) cc_checkpoint_text(text, signer->origin, head->size, head->root);
	status = check_note(note, len, text, verifier_keys, signer->successor != NULL ? 2 : 1);
	if (status != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_KEY_UNUSABLE),
				 errmsg("signer at \"%s\" signed with another key", custody_signer),
				 errdetail("For the key of epoch %u: %s.", signer->epoch, cc_status_text(status)),
				 errhint("Give the signer back the folder that it had, or, if the key is lost, go on under a new one with custody.new_incarnation().")));
	return note;
}

char *
custody_keyring_sign(const CustodyKeyring *ring, const CustodySigner *signer,
					 const CustodyCluster *cluster, const CustodyHead *previous,
					 const CustodyHead *head)
{
	if (ring->remote)
		return sign_remote(ring, signer, cluster, previous, head);
	return custody_keys_sign(signer, cluster, previous, head);
}

/* Of keys that a signer took over, copies that stayed here are destroyed, too. */
void
custody_keyring_destroy(const CustodyKeyring *ring, uint32 before)
{
	struct stat st;

	if (!ring->remote || stat(ring->folder, &st) == 0)
		custody_keys_destroy(ring->folder, before);
}
