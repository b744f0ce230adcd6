/*
 * tile.c
 *	  Tiles of the log as C2SP tlog-tiles: which ones a tree has, and their
 *	  paths.
 */
#include "core/tile.h"

#include <string.h>

/* Hashes of a level; levels beyond the last have none. */
static uint64_t
hashes(int level, uint64_t size)
{
	if (level == CC_TILE_ENTRIES)
		level = 0;
	return level < CC_TILE_LEVELS ? size >> (level * CC_TILE_HEIGHT) : 0;
}

uint64_t
cc_tile_full(int level, uint64_t size)
{
	return hashes(level, size) / CC_TILE_WIDTH;
}

cc_tile
cc_tile_at(int level, uint64_t index, uint64_t size)
{
	uint64_t	full = cc_tile_full(level, size);
	cc_tile		tile;

	tile.level = level;
	tile.index = index;
	tile.width = 0;
	if (index < full)
		tile.width = CC_TILE_WIDTH;
	else if (index == full)
		tile.width = (int) (hashes(level, size) % CC_TILE_WIDTH);
	return tile;
}

static size_t
put_text(char *out, const char *text)
{
	size_t		len = strlen(text);

	memcpy(out, text, len);
	return len;
}

/* Three digits to a path element; all but the last begin with x. */
static size_t
put_index(char *out, uint64_t index)
{
	uint64_t	unit = 1;
	size_t		n = 0;

	while (index / unit >= 1000)
		unit *= 1000;
	for (; unit > 0; unit /= 1000)
	{
		int			digits = (int) (index / unit % 1000);

		if (unit > 1)
			out[n++] = 'x';
		out[n++] = (char) ('0' + digits / 100);
		out[n++] = (char) ('0' + digits / 10 % 10);
		out[n++] = (char) ('0' + digits % 10);
		if (unit > 1)
			out[n++] = '/';
	}
	return n;
}

size_t
cc_tile_path(char out[CC_TILE_PATH_MAX + 1], const cc_tile *tile)
{
	size_t		n = put_text(out, "tile/");

	if (tile->level == CC_TILE_ENTRIES)
		n += put_text(out + n, "entries");
	else
		n += cc_decimal_format(out + n, (uint64_t) tile->level);
	out[n++] = '/';
	n += put_index(out + n, tile->index);
	if (tile->width < CC_TILE_WIDTH)
	{
		n += put_text(out + n, ".p/");
		n += cc_decimal_format(out + n, (uint64_t) tile->width);
	}
	out[n] = '\0';
	return n;
}

void
cc_tile_walk_init(cc_tile_walk *w, int level, uint64_t old_size, uint64_t size)
{
	w->old_size = old_size;
	w->size = size;
	w->tile.level = level;
	w->next = cc_tile_full(level, old_size);
}

bool
cc_tile_walk_next(cc_tile_walk *w)
{
	int			level = w->tile.level;

	w->tile = cc_tile_at(level, w->next, w->size);
	while (w->tile.width == 0 && level != CC_TILE_ENTRIES && hashes(level, w->size) > 0)
	{
		level++;
		w->next = cc_tile_full(level, w->old_size);
		w->tile = cc_tile_at(level, w->next, w->size);
	}
	w->next++;
	return w->tile.width > 0;
}
