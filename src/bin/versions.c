/*
 * versions.c
 *	  The schema versions a ledger has defined so far.
 */
#include <stdlib.h>
#include <string.h>

#include "verify.h"
#include "versions.h"

static Version *
version_slot(const Versions *v, uint32_t relation, uint32_t version)
{
	size_t		mask = v->nslots - 1;
	size_t		i = (relation * (size_t) 2654435761u + version) & mask;

	for (;; i = (i + 1) & mask)
	{
		Version    *slot = &v->slots[i];

		if (slot->definition == NULL ||
			(slot->relation == relation && slot->version == version))
			return slot;
	}
}

static void
versions_grow(Versions *v)
{
	Version    *old = v->slots;
	size_t		slots = v->nslots;
	size_t		i;

	if (v->n * 2 < slots)
		return;
	v->nslots = slots == 0 ? 64 : slots * 2;
	v->slots = allocate(NULL, v->nslots, sizeof(*v->slots));
	memset(v->slots, 0, v->nslots * sizeof(*v->slots));
	for (i = 0; i < slots; i++)
	{
		if (old[i].definition != NULL)
			*version_slot(v, old[i].relation, old[i].version) = old[i];
	}
	free(old);
}

Version *
versions_find(const Versions *v, const cc_entry *e)
{
	Version    *slot;

	if (v->nslots == 0)
		return NULL;
	slot = version_slot(v, e->relation, e->version);
	return slot->definition == NULL ? NULL : slot;
}

void
versions_store(Versions *v, const cc_entry *e, const cc_schema *s)
{
	Version    *slot;

	versions_grow(v);
	slot = version_slot(v, e->relation, e->version);
	slot->relation = e->relation;
	slot->version = e->version;
	slot->len = e->body.len;
	slot->definition = allocate(NULL, slot->len, 1);
	memcpy(slot->definition, e->body.data, slot->len);
	slot->schema.key_capacity = s->nkeys;
	slot->schema.key_positions = allocate(NULL, s->nkeys, sizeof(uint16_t));
	slot->schema.column_capacity = s->ncolumns;
	slot->schema.columns = allocate(NULL, s->ncolumns, sizeof(cc_column));
	if (cc_schema_decode(&slot->schema, slot->definition, slot->len) != CC_OK)
		cannot("internal error: a schema definition decodes only once");
	v->n++;
}

void
versions_free(Versions *v)
{
	size_t		i;

	for (i = 0; i < v->nslots; i++)
	{
		if (v->slots[i].definition == NULL)
			continue;
		free(v->slots[i].definition);
		free(v->slots[i].schema.key_positions);
		free(v->slots[i].schema.columns);
	}
	free(v->slots);
}
