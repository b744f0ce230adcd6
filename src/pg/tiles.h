/*
 * tiles.h
 *	  The files of a C2SP tlog-tiles directory, made from what is stored.
 */
#ifndef CUSTODY_TILES_H
#define CUSTODY_TILES_H

#include "core/tile.h"
#include "pg/prove.h"

/* Takes the files, one after the other; the data is gone after the call. */
typedef struct CustodyTileSink
{
	void		(*put) (struct CustodyTileSink *sink, const char *path,
						const void *data, Size len);
} CustodyTileSink;

/* What is to be made. */
typedef struct CustodyTiles
{
	Snapshot	snapshot;
	const CustodySigned *signed_log;	/* its checkpoint's size counts */
	uint64		since;			/* tiles full at this size are left out */
	bool		entries;		/* make entry bundles, too */
	uint64		entries_since;	/* bundles full at this size are left out */
} CustodyTiles;

/*
 * Make the files of a log of some size but "checkpoint", which belongs behind
 * all others.  Raises ERRCODE_CUSTODY_LEDGER_CORRUPTED if one cannot be made
 * or the stored hashes do not lead to the signed root.
 */
extern void custody_tiles_make(const CustodyTiles *tiles, CustodyTileSink *sink);
/* keyhistory.c: "keys", and "checkpoints/..." of epochs that have ended. */
extern void custody_tiles_make_keys(const CustodyTiles *tiles, CustodyTileSink *sink);

#endif							/* CUSTODY_TILES_H */
