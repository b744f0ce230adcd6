/*
 * verify_sets.c
 *	  Tables against their set hashes, doc/format.md section 5.4.
 *
 * The header of the last block confirms one set hash for each table.  Verifying
 * from a size on, nobody's word is taken for it but that of the header at that
 * size, which was verified then: the entries made since are taken away from
 * the stored sets, and what is left must be the sets of that header.  A table whose rows add up
 * to its set, and the entries that are not sealed, is settled, and its history
 * need not be read.  Whatever cannot be traced, as after a change of columns, is
 * left to the comparison row by row, which also names the rows.
 *
 * Verifying from the beginning, the comparison row by row is made, and then the
 * sets must agree with it: it is them that later runs rely on.
 *
 * Memory: the run's context; v->scratch per row and transaction.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/proof.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/tablestate.h"
#include "pg/tail.h"
#include "pg/treehash.h"
#include "pg/verify_state.h"

/* What entries did to the rows of one set. */
typedef struct Change
{
	CustodyTableSet *set;
	cc_set		sealed;			/* since the size verified before */
	cc_set		unsealed;
	bool		unclear;		/* unsealed ones cannot be followed */
} Change;

typedef struct CustodyVerifySets
{
	CustodyTableState *state;
	bool		chained;		/* log_event is as it was written */
	bool		have_header;
	bool		has_state;		/* of the last header */
	uint8		header_state[CC_DIGEST_SIZE];
	bool		confirmed;		/* state is what the last header says */
	bool		settled;		/* all tables are */
	Change	   *changes;		/* one for each set */
	int			nchanges;
	int			last;			/* change found last */
	CustodyRowNet *net;
} CustodyVerifySets;

void
custody_verify_sets_init(CustodyVerify *v)
{
	CustodyVerifySets *s = palloc0(sizeof(CustodyVerifySets));
	uint8		events[CC_DIGEST_SIZE];
	ListCell   *lc;

	v->sets = s;
	s->state = custody_tablestate_load(v->snapshot);
	s->chained = custody_tablestate_chain(v->snapshot, PG_INT64_MAX, events) &&
		memcmp(events, s->state->events, CC_DIGEST_SIZE) == 0;
	s->changes = palloc0((list_length(s->state->sets) + 1) * sizeof(Change));
	foreach(lc, s->state->sets)
		s->changes[s->nchanges++].set = lfirst(lc);
	s->net = custody_rownet_begin();
}

void
custody_verify_sets_header(CustodyVerify *v, const cc_block *h)
{
	CustodyVerifySets *s = v->sets;

	s->have_header = h != NULL;
	if (h == NULL)
		return;
	s->has_state = h->has_state;
	memcpy(s->header_state, h->state, CC_DIGEST_SIZE);
}

/* Is the stored state the one of a header? */
static bool
agrees(CustodyVerifySets *s, bool has_state, const uint8 *header_state)
{
	uint8		digest[CC_DIGEST_SIZE];

	custody_tablestate_digest(s->state, digest);
	return s->chained && s->state->sound && has_state &&
		memcmp(digest, header_state, CC_DIGEST_SIZE) == 0;
}

void
custody_verify_sets_check(CustodyVerify *v, int64 size)
{
	CustodyVerifySets *s = v->sets;

	if (size == 0)
		s->confirmed = s->state->sets == NIL && s->chained && !s->state->lost;
	else if (!s->have_header)
		return;
	else
		s->confirmed = agrees(s, s->has_state, s->header_state);
	if (!s->confirmed)
		custody_verify_tampering(v, "state_altered", "custody.log_state", CUSTODY_NO_LEAF, NULL,
								 "log_state or log_event is not what the header of the last block says");
}

bool
custody_verify_sets_settled(CustodyVerify *v)
{
	return v->sets->settled;
}

/* Following entries */

/* The change of a version's set; NULL: there is none under this version. */
static Change *
find_change(CustodyVerifySets *s, const cc_entry *e)
{
	for (int i = 0; i < s->nchanges; i++)
	{
		Change	   *c = &s->changes[(s->last + i) % s->nchanges];

		if (c->set->version != e->version)
			continue;
		s->last = (int) (c - s->changes);
		return c->set->relation_id == e->relation ? c : NULL;
	}
	return NULL;
}

/* A row-level entry into a set; false if its values are not at hand. */
static bool
follow_row(CustodyVerify *v, Change *c, cc_set *set, const CustodyEntryWalk *walk)
{
	const cc_entry *e = &walk->head;
	const CustodyVersion *layout = c->set->layout;
	cc_private *p = &v->private_part;

	if (layout == NULL ||
		cc_private_decode(p, e, &layout->schema, walk->private_part.data,
						  walk->private_part.len) != CC_OK ||
		p->form != CC_PRIVATE_WHOLE)
		return false;
	if (cc_kind_has_overwritten(e->kind))
		custody_rownet_add(v->sets->net, set, e->relation, p->row_digest, -1);
	if (cc_kind_has_row(e->kind))
	{
		uint8		digest[CC_DIGEST_SIZE];

		cc_row_digest(digest, p->values, layout->schema.ncolumns);
		custody_rownet_add(v->sets->net, set, e->relation, digest, 1);
	}
	return true;
}

/* An entry; false if it cannot be followed, and no set is known any more. */
static bool
follow_entry(CustodyVerify *v, const CustodyEntryWalk *walk, bool sealed)
{
	cc_kind		kind = walk->head.kind;
	bool		about_rows = cc_kind_is_row(kind) || kind == CC_KIND_TRUNCATE ||
		kind == CC_KIND_DETACH || kind == CC_KIND_SCHEMA;
	Change	   *c;

	if (!about_rows)
		return kind != CC_KIND_PROTECT && kind != CC_KIND_UNPROTECT;
	c = find_change(v->sets, &walk->head);
	if (c == NULL)
		return false;
	if (cc_kind_is_row(kind) &&
		(!c->set->known || follow_row(v, c, sealed ? &c->sealed : &c->unsealed, walk)))
		return true;
	c->unclear = true;
	return !sealed;
}

static bool
follow_transaction(CustodyVerify *v, uint64 xact_id, int64 txn_no, bool sealed)
{
	CustodyTransactionRow row;
	CustodyEntryWalk walk;
	bool		good = true;

	MemoryContextReset(v->scratch);
	MemoryContextSwitchTo(v->scratch);
	if (!custody_reader_transaction(xact_id, txn_no, v->snapshot, &row))
		good = false;
	else
	{
		custody_reader_walk_row(&walk, txn_no, &row, v->snapshot);
		walk.heads_only = true;
		while (good && custody_reader_walk_next(&walk))
		{
			CHECK_FOR_INTERRUPTS();
			good = follow_entry(v, &walk, sealed);
		}
		good &= !walk.damaged;
		custody_reader_walk_end(&walk);
	}
	MemoryContextSwitchTo(v->context);
	return good;
}

/* All entries of leaves from a size on. */
static bool
follow_sealed(CustodyVerify *v)
{
	ScanKeyData key;
	CustodyScan scan;
	CustodyLeaf leaf;
	bool		good = true;

	custody_catalog_key_int8(&key, Anum_leaf_leaf_index, BTGreaterEqualStrategyNumber, v->since);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, v->snapshot,
							   ForwardScanDirection, 1, &key);
	while (good && custody_catalog_scan_next(&scan))
	{
		custody_reader_leaf_row(&scan, &leaf);
		if (leaf.txn_no != 0)
			good = follow_transaction(v, leaf.xact_id, leaf.txn_no, true);
	}
	custody_catalog_scan_end(&scan);
	return good;
}

static bool
follow_unsealed(CustodyVerify *v)
{
	ListCell   *lc;

	foreach(lc, custody_tail(v->snapshot))
	{
		const CustodyUnsealed *u = lfirst(lc);

		if (!follow_transaction(v, u->xact_id, u->txn_no, false))
			return false;
	}
	return true;
}

/* Back to the header that was verified */

/* Is the header a leaf of the tree that was verified? */
static bool
is_leaf(CustodyVerify *v, const bytea *header, const cc_block *h, const cc_frontier *log)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	uint8		path[CC_PROOF_MAX][CC_DIGEST_SIZE];
	uint8		root[CC_DIGEST_SIZE];
	uint8		hash[CC_DIGEST_SIZE];
	CustodyTreeHash *t;
	int			n;

	if (cc_proof_inclusion_nodes(nodes, &n, h->first_leaf, log->size) != CC_OK)
		return false;
	t = custody_treehash_begin(v->snapshot);
	for (int i = 0; i < n; i++)
		custody_treehash_get(t, &nodes[i], path[i]);
	cc_frontier_root(log, root);
	cc_merkle_leaf(hash, VARDATA_ANY(header), VARSIZE_ANY_EXHDR(header));
	return cc_proof_check_inclusion((const uint8_t (*)[CC_DIGEST_SIZE]) path, n, hash,
									h->first_leaf, log->size, root) == CC_OK;
}

/* The same; where hashes are missing, no.  Nothing is open when that is raised. */
static bool
is_leaf_tolerantly(CustodyVerify *v, const bytea *header, const cc_block *h,
				   const cc_frontier *log)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool result = false;

	PG_TRY();
	{
		result = is_leaf(v, header, h, log);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (geterrcode() != ERRCODE_CUSTODY_LEDGER_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
}

/* Without what was sealed since, are the sets those of the older header? */
static bool
leads_back(CustodyVerify *v, const cc_block *h)
{
	CustodyVerifySets *s = v->sets;
	CustodyTableState before = *s->state;
	uint8		digest[CC_DIGEST_SIZE];

	before.sets = NIL;
	for (int i = 0; i < s->nchanges; i++)
	{
		CustodyTableSet *set = palloc(sizeof(CustodyTableSet));

		*set = *s->changes[i].set;
		cc_set_subtract(&set->set, &s->changes[i].sealed);
		before.sets = lappend(before.sets, set);
	}
	if (!custody_tablestate_chain(v->snapshot, v->since, before.events))
		return false;
	custody_tablestate_digest(&before, digest);
	return memcmp(digest, h->state, CC_DIGEST_SIZE) == 0;
}

/* Live rows */

void
custody_verify_sets_live(CustodyVerify *v, CustodyLeafState *leaf,
						 const uint8 row_digest[CC_DIGEST_SIZE])
{
	if (leaf->live_set != NULL)
		custody_rownet_add(v->sets->net, leaf->live_set, leaf->id.relation_id, row_digest, 1);
}

void
custody_verify_sets_row(CustodyVerify *v, CustodyLeafState *leaf, cc_value *values)
{
	uint8		digest[CC_DIGEST_SIZE];

	cc_row_digest(digest, values, leaf->layout.ncolumns);
	custody_verify_sets_live(v, leaf, digest);
}

void
custody_verify_sets_flush(CustodyVerify *v)
{
	custody_rownet_flush(v->sets->net);
}

void
custody_verify_sets_want(CustodyVerify *v, CustodyLeafState *leaf)
{
	if (leaf->live_set == NULL)
		leaf->live_set = MemoryContextAlloc(v->context, sizeof(cc_set));
	cc_set_init(leaf->live_set);
}

/* The one change of a table whose rows can be compared with its set, or NULL. */
static Change *
change_of(CustodyVerify *v, const CustodyLeafState *leaf)
{
	CustodyVerifySets *s = v->sets;
	Change	   *found = NULL;

	for (int i = 0; i < s->nchanges; i++)
	{
		CustodyVerifyVersion *version = custody_verify_version(v, s->changes[i].set->version);

		if (s->changes[i].set->relation_id != leaf->id.relation_id)
			continue;
		if (version == NULL || !version->readable)
			return NULL;
		if (version->leaf != leaf->id.leaf)
			continue;
		if (found != NULL)
			return NULL;
		found = &s->changes[i];
	}
	if (found == NULL || !found->set->known || found->unclear || found->set->layout == NULL ||
		!custody_rows_same_layout(&found->set->layout->schema, &leaf->layout) ||
		!custody_rows_same_key(&found->set->layout->schema, &leaf->layout))
		return NULL;
	return found;
}

/* Do the live rows add up to the set? */
static bool
adds_up(const CustodyLeafState *leaf, const Change *c)
{
	cc_set		expected = c->set->set;

	cc_set_merge(&expected, &c->unsealed);
	return cc_set_equal(&expected, leaf->live_set);
}

static bool
settle_leaf(CustodyVerify *v, const CustodyRelationState *relation, Oid relid)
{
	CustodyLeafState *leaf = custody_state_leaf(v, relation->relation_id, relid);
	bool		read_ahead = leaf->read_ahead;
	Change	   *c;

	leaf->read_ahead = false;
	custody_state_open(v, relation, leaf);
	c = change_of(v, leaf);
	if (c == NULL)
		return false;
	if (!read_ahead)
	{
		custody_verify_sets_want(v, leaf);
		custody_state_scan(v, leaf, custody_verify_sets_row);
	}
	custody_verify_sets_flush(v);
	leaf->settled = adds_up(leaf, c);
	return leaf->settled;
}

/* A set of a table that is not there must be empty. */
static bool
rest_is_empty(CustodyVerify *v)
{
	CustodyVerifySets *s = v->sets;

	for (int i = 0; i < s->nchanges; i++)
	{
		const CustodyTableSet *set = s->changes[i].set;
		CustodyVerifyVersion *version = custody_verify_version(v, set->version);

		if (custody_state_relation(v, set->relation_id) == NULL)
			continue;
		if (version == NULL ||
			!(custody_state_leaf(v, set->relation_id, version->leaf)->settled ||
			  (set->known && !s->changes[i].unclear && cc_set_is_empty(&set->set) &&
			   cc_set_is_empty(&s->changes[i].unsealed))))
			return false;
	}
	return true;
}

static void
settle_leaves(CustodyVerify *v)
{
	bool		all = true;
	ListCell   *lc;
	ListCell   *leaf;

	custody_verify_ahead_tables(v);
	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyRelationState *relation = custody_state_relation(v, p->relation_id);

		if (relation == NULL)
			continue;
		if (!relation->present)
			all = false;
		else
			foreach(leaf, custody_schema_leaves(p->relid, NoLock))
				all &= settle_leaf(v, relation, lfirst_oid(leaf));
	}
	v->sets->settled = all && rest_is_empty(v);
}

/* The state of the last block, as its row has it; the walk verifies that. */
static bool
last_block_agrees(CustodyVerify *v)
{
	CustodyScan scan;
	cc_block	h;
	bool		good = false;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY, v->snapshot,
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *header = custody_catalog_get_bytea(&scan, Anum_block_header);

		good = cc_block_decode(&h, VARDATA_ANY(header), VARSIZE_ANY_EXHDR(header)) == CC_OK &&
			agrees(v->sets, h.has_state, h.state);
	}
	custody_catalog_scan_end(&scan);
	return good;
}

void
custody_verify_sets_settle(CustodyVerify *v, const bytea *header, const cc_frontier *log)
{
	cc_block	h;
	bool		followed;

	if (cc_block_decode(&h, VARDATA_ANY(header), VARSIZE_ANY_EXHDR(header)) != CC_OK ||
		!is_leaf_tolerantly(v, header, &h, log))
		return;
	custody_verify_sets_header(v, &h);
	if (!h.has_state || !last_block_agrees(v))
		return;
	followed = follow_sealed(v) && follow_unsealed(v);
	custody_rownet_flush(v->sets->net);
	if (followed && leads_back(v, &h))
		settle_leaves(v);
}

/* From the beginning */

bool
custody_verify_sets_compared(CustodyVerify *v)
{
	return v->since == 0 && v->sets->confirmed;
}

static void
confirm_leaf(CustodyVerify *v, CustodyLeafState *leaf)
{
	CustodyFinding f = {CUSTODY_TAMPERING, "state_differs"};
	Change	   *c = leaf->judged && !leaf->reported ? change_of(v, leaf) : NULL;

	if (c == NULL)
		return;
	if (leaf->live_set == NULL)
		custody_verify_sets_want(v, leaf);
	if (adds_up(leaf, c))
		return;
	f.relation = custody_verify_relname(leaf->id.leaf);
	f.leaf_index = CUSTODY_NO_LEAF;
	f.message = "the rows do not add up to the set hash in the header of the last block";
	f.detail = "row by row they are as recorded";
	custody_verify_report(v, &f);
}

void
custody_verify_sets_confirm(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyLeafState *leaf;
	bool		followed;

	if (!custody_verify_sets_compared(v))
		return;
	followed = follow_unsealed(v);
	custody_rownet_flush(v->sets->net);
	if (!followed)
		return;
	hash_seq_init(&seq, v->state->leaves);
	while ((leaf = hash_seq_search(&seq)) != NULL)
		confirm_leaf(v, leaf);
}
