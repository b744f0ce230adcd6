/*
 * environment.c
 *	  The items of the environment as the entries read so far leave them.
 *
 * Items that are gone stay in the array with an empty text: a later entry may
 * have a lower number.
 */
#include <stdlib.h>
#include <string.h>

#include "core/environment.h"
#include "environment.h"
#include "verify.h"

struct EnvironmentItem
{
	uint64_t	number;
	cc_slice	name;			/* both in one allocation */
	cc_slice	text;
};

/* Where an item is, or would be. */
static size_t
item_place(const Environment *v, cc_slice name, bool *found)
{
	size_t		low = 0;
	size_t		high = v->n;

	*found = false;
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		int			order = cc_environment_compare(v->items[middle].name, name);

		if (order == 0)
		{
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
item_set(EnvironmentItem *item, const cc_environment_event *e)
{
	uint8_t    *bytes = allocate(NULL, 1, e->name.len + e->after.len + 1);

	if (e->name.len > 0)
		memcpy(bytes, e->name.data, e->name.len);
	if (e->after.len > 0)
		memcpy(bytes + e->name.len, e->after.data, e->after.len);
	item->number = e->number;
	item->name.data = bytes;
	item->name.len = e->name.len;
	item->text.data = bytes + e->name.len;
	item->text.len = e->after.len;
}

void
environment_take(Environment *v, const cc_environment_event *e)
{
	bool		found;
	size_t		place = item_place(v, e->name, &found);

	if (found)
	{
		if (e->number < v->items[place].number)
			return;
		free((void *) v->items[place].name.data);
	}
	else
	{
		if (v->n == v->capacity)
		{
			v->capacity = v->capacity == 0 ? 256 : v->capacity * 2;
			v->items = allocate(v->items, v->capacity, sizeof(*v->items));
		}
		memmove(&v->items[place + 1], &v->items[place],
				(v->n - place) * sizeof(*v->items));
		v->n++;
	}
	item_set(&v->items[place], e);
	v->current = false;
}

const uint8_t *
environment_fingerprint(Environment *v)
{
	cc_environment hash;
	uint32_t	count = 0;
	size_t		i;

	if (v->current)
		return v->fingerprint;
	for (i = 0; i < v->n; i++)
		count += v->items[i].text.len > 0;
	cc_environment_begin(&hash, count);
	for (i = 0; i < v->n; i++)
		if (v->items[i].text.len > 0)
			cc_environment_add(&hash, v->items[i].name, v->items[i].text);
	cc_environment_end(&hash, v->fingerprint);
	v->current = true;
	return v->fingerprint;
}

void
environment_free(Environment *v)
{
	size_t		i;

	for (i = 0; i < v->n; i++)
		free((void *) v->items[i].name.data);
	free(v->items);
}
