/*
 * tiles.h
 *	  What the parts of "pg_custody_verify tiles" share.
 */
#ifndef TILES_H
#define TILES_H

#include "core/tile.h"
#include "verify.h"

/* A note with as many cosignatures as are read takes less. */
#define TILE_NOTE_MAX ((size_t) 1 << 20)

/* A checkpoint whose root the tree must have at its size. */
typedef struct Target
{
	char	   *file;			/* as findings name it */
	bool		anchor;			/* given by the caller, not of the directory */
	uint64_t	size;
	uint8_t		root[CC_DIGEST_SIZE];
} Target;

/* The hashes of a tile above level 0, from the tiles below it. */
typedef struct Level
{
	int			n;
	uint64_t	index;			/* of the tile */
	bool		known[CC_TILE_WIDTH];
	uint8_t		hashes[CC_TILE_BYTES];
} Level;

typedef struct TileVerifier
{
	/* what the caller trusts and asks */
	Trust		trust;
	bool		json;
	bool		quiet;
	const char *directory;
	/* what the directory says */
	cc_checkpoint checkpoint;
	char	   *note;			/* that it points into */
	bool		entries;		/* there are entry bundles */
	Target	   *targets;		/* by size */
	size_t		ntargets;
	/* the tree so far */
	size_t		next_target;
	bool		gap;			/* a level-0 tile cannot be used */
	bool		diverged;		/* a checkpoint of the directory has another root */
	uint64_t	also_differ;	/* that come after the first and are not named */
	cc_frontier full;			/* its leaves are the roots of full level-0 tiles */
	Level		levels[CC_TILE_LEVELS];
	/* a file */
	char	   *buffer;
	size_t		capacity;
	/* what came out */
	uint64_t	tiles;
	uint64_t	bundles;
	uint64_t	keys;
	uint64_t	findings;
	uint64_t	notices;
} TileVerifier;

/* tilefile.c */

extern void tile_finding(TileVerifier *v, const char *code, const char *file,
						 const char *format,...)
			__attribute__((format(printf, 4, 5)));
extern void tile_notice(TileVerifier *v, const char *format,...)
			__attribute__((format(printf, 2, 3)));
/*
 * Read a file of the directory into the buffer, at most 'most' bytes and one
 * more; false if there is none.  Ends the program if it cannot be read.
 */
extern bool tile_read(TileVerifier *v, const char *path, size_t most, size_t *len);
/* Does the directory hold this file or folder? */
extern bool tile_exists(TileVerifier *v, const char *path);
/* Remember a checkpoint to be compared. */
extern void tile_target(TileVerifier *v, const char *file, bool anchor, const cc_checkpoint *c);

/* tilekeys.c */

/* Check the key history and remember its checkpoints. */
extern void tile_keys(TileVerifier *v);

#endif							/* TILES_H */
