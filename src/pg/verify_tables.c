/*
 * verify_tables.c
 *	  The tables whose rows are compared, their numbers and eras.
 *
 * Numbers decide the order of findings, so they go by schema versions and not
 * by what happens to be read first.
 *
 * Memory: the run's context.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/verify_state.h"

/* Tables */

CustodyRelationState *
custody_state_relation(CustodyVerify *v, uint32 relation_id)
{
	return hash_search(v->state->relations, &relation_id, HASH_FIND, NULL);
}

CustodyLeafState *
custody_state_leaf(CustodyVerify *v, uint32 relation_id, Oid leaf)
{
	CustodyLeafState key;
	CustodyLeafState *state;
	bool		found;

	memset(&key.id, 0, sizeof(key.id));
	key.id.relation_id = relation_id;
	key.id.leaf = leaf;
	state = hash_search(v->state->leaves, &key.id, HASH_ENTER, &found);
	if (!found)
	{
		key.id = state->id;
		memset(state, 0, sizeof(*state));
		state->id = key.id;
		state->number = (uint16) Min(hash_get_num_entries(v->state->leaves) - 1, PG_UINT16_MAX);
	}
	return state;
}

uint16
custody_state_era(CustodyVerify *v, CustodyLeafState *leaf, const cc_schema *schema,
	   uint32 version, uint64 position, uint64 entry_no)
{
	CustodyEra *era;

	if (leaf->neras > 0 &&
		(custody_rows_same_key(leaf->eras[leaf->neras - 1].schema, schema) ||
		 leaf->neras > PG_UINT16_MAX))
		return (uint16) (leaf->neras - 1);
	if (leaf->eras == NULL)
		leaf->eras = MemoryContextAlloc(v->context, sizeof(CustodyEra));
	else
		leaf->eras = repalloc(leaf->eras, (leaf->neras + 1) * sizeof(CustodyEra));
	era = &leaf->eras[leaf->neras++];
	era->schema = schema;
	era->version = version;
	era->position = position;
	era->entry_no = entry_no;
	return (uint16) (leaf->neras - 1);
}

/* Tables in order of their versions, whose numbers must not depend on who reads first. */

/* Readable versions of the tables to be compared, in order. */
static List *
versions_in_order(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;
	List	   *result = NIL;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
		if (version->readable && custody_state_relation(v, version->relation_id) != NULL)
			result = lappend(result, version);
	list_sort(result, custody_verify_compare_versions);
	return result;
}

void
custody_tables_number(CustodyVerify *v)
{
	ListCell   *lc;

	foreach(lc, versions_in_order(v))
	{
		CustodyVerifyVersion *version = lfirst(lc);
		CustodyLeafState *leaf = custody_state_leaf(v, version->relation_id, version->leaf);
		CustodyVerifyVersion *first = custody_verify_version(v, leaf->last_version);

		if (first == NULL)
		{
			leaf->last_version = version->version;
			leaf->one_key = true;
		}
		else if (!custody_rows_same_key(&first->schema, &version->schema))
			leaf->one_key = false;
	}
}

void
custody_tables_begin_eras(CustodyVerify *v)
{
	ListCell   *lc;

	foreach(lc, versions_in_order(v))
	{
		CustodyVerifyVersion *version = lfirst(lc);
		CustodyLeafState *leaf = custody_state_leaf(v, version->relation_id, version->leaf);

		if (leaf->neras == 0)
			(void) custody_state_era(v, leaf, &version->schema, version->version, 0, 0);
	}
}
