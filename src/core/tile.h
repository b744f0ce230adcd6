/*
 * tile.h
 *	  Tiles of the log as C2SP tlog-tiles: which ones a tree has, and their
 *	  paths (doc/format.md section 7).
 *
 * Arithmetic only.  A tree of size s has, at level l, floor(s / 256^l) hashes
 * in tiles of 256, the last of them partial, down to the level without one.
 */
#ifndef CC_TILE_H
#define CC_TILE_H

#include "core/merkle.h"

#define CC_TILE_LEVELS 8		/* sizes below 2^63 */
/* In place of a level: the bundles of log entries, as wide as level 0. */
#define CC_TILE_ENTRIES (-1)
/* tile/entries/, six path elements, .p/255 */
#define CC_TILE_PATH_MAX (13 + 5 * 5 + 3 + 6)

typedef struct cc_tile
{
	int			level;
	uint64_t	index;
	int			width;			/* 256: full; 0: the tree has no such tile */
} cc_tile;

extern cc_tile cc_tile_at(int level, uint64_t index, uint64_t size);
/* Full tiles of a level. */
extern uint64_t cc_tile_full(int level, uint64_t size);
/* Path with '/' from the log's prefix; returns the length, NUL-terminates. */
extern size_t cc_tile_path(char out[CC_TILE_PATH_MAX + 1], const cc_tile *tile);

/*
 * The tiles of a tree that one of an old size did not have full: level by
 * level from the one given, by index.  From CC_TILE_ENTRIES the bundles only.
 */
typedef struct cc_tile_walk
{
	uint64_t	old_size;
	uint64_t	size;
	cc_tile		tile;			/* the current one */
	uint64_t	next;			/* index of the one after it */
} cc_tile_walk;

extern void cc_tile_walk_init(cc_tile_walk *w, int level, uint64_t old_size, uint64_t size);
/* False at the end. */
extern bool cc_tile_walk_next(cc_tile_walk *w);

#endif							/* CC_TILE_H */
