/*
 * tiledir.c
 *	  SQL: custody.export_tiles(), a tlog-tiles directory on the server.
 *
 * Invariants of a directory: the log of its "checkpoint" can be read from it
 * whole, at any moment and after any crash.  Each file is written under another
 * name and renamed; everything is synced before a checkpoint takes the old one's
 * place; what lies beyond the checkpoint counts for nothing and is written
 * again.  A long way is gone in steps, each up to a checkpoint of the log, so
 * that an export that was interrupted goes on from the last of them.  Where
 * there is a folder of entry bundles it is whole, too: bundles that are asked
 * for later are made elsewhere and moved there when they have caught up.
 *
 * A directory is written only if its checkpoint is one that this ledger holds.
 * It is locked meanwhile (flock, so a crash leaves no lock behind).
 *
 * Writes with the rights of the server's user, as COPY TO a file does: the caller
 * needs pg_write_server_files besides EXECUTE.  Reads as tiles.c; nothing is
 * written to the database, so that a hot standby will do.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/stratnum.h"
#include "catalog/pg_authid.h"
#include "common/file_perm.h"
#include "common/file_utils.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/keys.h"
#include "pg/tiles.h"

#define CHECKPOINT_FILE "checkpoint"
/* Where a file is written before it is renamed; there is one writer. */
#define WRITING_FILE ".writing"
#define ENTRIES "tile/entries"
/* Where bundles catch up with tiles. */
#define CATCHING_UP ".entries"

/* A note with as many cosignatures as are read takes less. */
#define NOTE_MAX (1024 * 1024)

/* A step ends at the first checkpoint after so many leaves: a tile of level 1. */
#define STEP_LEAVES (CC_TILE_WIDTH * CC_TILE_WIDTH)

/* Anybody may read what is published; the folder itself stays the owner's. */
#define FILE_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)
#define FOLDER_MODE (S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH)

typedef struct Directory
{
	CustodyTileSink sink;
	char		path[MAXPGPATH];	/* no symbolic links */
	int			lock;
	uint64		size;			/* of its checkpoint; 0: none */
	bool		has_entries;	/* bundles, up to that size */
	bool		catching_up;	/* bundles are made for that size */
	List	   *key_files;		/* written in this step, besides tiles */
	MemoryContext step;
} Directory;

/* Paths */

static void
join(char out[MAXPGPATH], const Directory *d, const char *path)
{
	size_t		len = strlen(ENTRIES);

	if (d->catching_up && strncmp(path, ENTRIES "/", len + 1) == 0)
		snprintf(out, MAXPGPATH, "%s/" CATCHING_UP "%s", d->path, path + len);
	else
		snprintf(out, MAXPGPATH, "%s/%s", d->path, path);
}

static void
file_error(const char *what, const char *path)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not %s \"%s\": %m", what, path),
			 errdetail("Tiles are written by the user the server runs as; what the directory's checkpoint covers stays valid."),
			 errhint("Check permissions and free space; the next export goes on from that checkpoint.")));
}

static bool
exists(const Directory *d, const char *path)
{
	char		full[MAXPGPATH];
	struct stat st;

	join(full, d, path);
	if (lstat(full, &st) == 0)
		return true;
	if (errno != ENOENT && errno != ENOTDIR)
		file_error("stat", full);
	return false;
}

/* Make the folders above a file. */
static void
make_parents(const Directory *d, const char *full)
{
	char		folder[MAXPGPATH];

	for (const char *slash = strchr(full + strlen(d->path) + 1, '/');
		 slash != NULL; slash = strchr(slash + 1, '/'))
	{
		strlcpy(folder, full, slash - full + 1);
		if (mkdir(folder, FOLDER_MODE) == 0)
		{
			if (chmod(folder, FOLDER_MODE) != 0)
				file_error("set permissions of directory", folder);
		}
		else if (errno != EEXIST)
			file_error("create directory", folder);
	}
}

/* Writing */

static void
write_data(const char *path, const void *data, Size len, bool sync)
{
	int			fd;
	ssize_t		n;

	if (unlink(path) != 0 && errno != ENOENT)
		file_error("remove file", path);
	fd = OpenTransientFile(path, O_WRONLY | O_CREAT | O_EXCL | PG_BINARY);
	if (fd < 0)
		file_error("create file", path);
	errno = 0;
	n = write(fd, data, len);
	if (n >= 0 && (Size) n != len && errno == 0)
		errno = ENOSPC;
	if (n < 0 || (Size) n != len || fchmod(fd, FILE_MODE) != 0 || (sync && pg_fsync(fd) != 0))
		file_error("write file", path);
	if (CloseTransientFile(fd) != 0)
		file_error("close file", path);
}

/* A tile, a bundle or a file of the key history; synced with the step. */
static void
put_file(CustodyTileSink *sink, const char *path, const void *data, Size len)
{
	Directory  *d = (Directory *) sink;
	char		writing[MAXPGPATH];
	char		full[MAXPGPATH];

	join(writing, d, WRITING_FILE);
	join(full, d, path);
	write_data(writing, data, len, false);
	if (rename(writing, full) != 0)
	{
		if (errno != ENOENT)
			file_error("rename file", full);
		make_parents(d, full);
		if (rename(writing, full) != 0)
			file_error("rename file", full);
	}
	if (strncmp(path, "tile/", 5) != 0)
	{
		MemoryContext old = MemoryContextSwitchTo(d->step);

		d->key_files = lappend(d->key_files, pstrdup(path));
		MemoryContextSwitchTo(old);
	}
}

/* Sync a file, and the folders above it unless the last file's were they. */
static void
sync_file(const Directory *d, const char *path, char synced[MAXPGPATH])
{
	char		full[MAXPGPATH];

	CHECK_FOR_INTERRUPTS();
	join(full, d, path);
	fsync_fname(full, false);
	get_parent_directory(full);
	if (strcmp(full, synced) == 0)
		return;
	strlcpy(synced, full, MAXPGPATH);
	for (; strlen(full) > strlen(d->path); get_parent_directory(full))
		fsync_fname(full, true);
}

static void
sync_tiles(const Directory *d, int level, uint64 since, uint64 size, char synced[MAXPGPATH])
{
	char		path[CC_TILE_PATH_MAX + 1];
	cc_tile_walk walk;

	cc_tile_walk_init(&walk, level, since, size);
	while (cc_tile_walk_next(&walk))
	{
		(void) cc_tile_path(path, &walk.tile);
		sync_file(d, path, synced);
	}
}

/* Make sure that all files of a step are there after a crash. */
static void
sync_step(const Directory *d, const CustodyTiles *tiles)
{
	uint64		size = tiles->signed_log->checkpoint.size;
	char		synced[MAXPGPATH] = "";
	ListCell   *cell;

	sync_tiles(d, 0, tiles->since, size, synced);
	if (tiles->entries)
		sync_tiles(d, CC_TILE_ENTRIES, tiles->entries_since, size, synced);
	foreach(cell, d->key_files)
		sync_file(d, lfirst(cell), synced);
}

/* What the step has filled is no longer needed half full. */
static void
remove_partial(const Directory *d, int level, uint64 since, uint64 size)
{
	cc_tile		tile = cc_tile_at(level, cc_tile_full(level, since), since);
	char		path[CC_TILE_PATH_MAX + 1];
	char		full[MAXPGPATH];

	if (tile.width == 0 || cc_tile_full(level, size) <= tile.index)
		return;
	tile.width = CC_TILE_WIDTH;
	(void) cc_tile_path(path, &tile);
	strlcat(path, ".p", sizeof(path));
	join(full, d, path);
	if (exists(d, path))
		(void) rmtree(full, true);	/* warns; a file too many does no harm */
}

/* The bundles have caught up. */
static void
move_bundles(const Directory *d)
{
	char		from[MAXPGPATH];
	char		to[MAXPGPATH];

	join(from, d, CATCHING_UP);
	join(to, d, ENTRIES);
	if (rename(from, to) != 0)
		file_error("rename directory", from);
	get_parent_directory(to);
	fsync_fname(to, true);
	fsync_fname(d->path, true);
}

static void
publish(Directory *d, const CustodyTiles *tiles)
{
	const CustodySigned *log = tiles->signed_log;
	char		writing[MAXPGPATH];
	char		full[MAXPGPATH];

	if (d->catching_up)
		move_bundles(d);
	join(writing, d, WRITING_FILE);
	join(full, d, CHECKPOINT_FILE);
	write_data(writing, VARDATA_ANY(log->note), VARSIZE_ANY_EXHDR(log->note), true);
	(void) durable_rename(writing, full, ERROR);
	for (int level = CC_TILE_ENTRIES; level < CC_TILE_LEVELS; level++)
		remove_partial(d, level, d->size, log->checkpoint.size);
	d->size = log->checkpoint.size;
	d->has_entries = tiles->entries;
}

/* Opening */

static void
require_rights(void)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write files on the server"),
				 errdetail("Only roles with privileges of pg_write_server_files may export to a directory."),
				 errhint("custody.tiles() gives the same files to a client.")));
}

static void
path_error(const char *path, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot export tiles to \"%s\"", path),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/* Would a folder of this name be in the data directory?  Its parent must exist. */
static bool
inside_data(const char *path)
{
	char	   *parent = pstrdup(path);
	struct stat st;

	if (stat(path, &st) == 0)
		return custody_keys_inside_data(path);
	get_parent_directory(parent);
	if (stat(parent, &st) != 0)
		path_error(path, "The directory it lies in does not exist.", "Create it, owned by the user the server runs as.");
	return custody_keys_inside_data(parent);
}

static void
open_directory(Directory *d, char *path)
{
	char		resolved[PATH_MAX];

	canonicalize_path(path);
	if (!is_absolute_path(path))
		path_error(path, "It is not an absolute path.", "Give an absolute path on the server.");
	if (inside_data(path))
		path_error(path, "It lies inside the data directory.", "Give a path outside of it.");
	if (mkdir(path, pg_dir_create_mode) != 0 && errno != EEXIST)
		file_error("create directory", path);
	if (realpath(path, resolved) == NULL)
		file_error("resolve", path);
	if (strlen(resolved) + CC_TILE_PATH_MAX + 2 > sizeof(d->path))
		path_error(path, "The path is too long.", "Give a shorter path.");
	strlcpy(d->path, resolved, sizeof(d->path));
	d->lock = OpenTransientFile(d->path, O_RDONLY | PG_BINARY);
	if (d->lock < 0)
		file_error("open directory", d->path);
	if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
		return;
	if (errno != EWOULDBLOCK)
		file_error("lock directory", d->path);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("directory \"%s\" is being written by another export", d->path),
			 errdetail("Only one export at a time may write a directory."),
			 errhint("Wait until the other export has ended.")));
}

/* Without a checkpoint a directory must hold nothing but what a first step left. */
static void
check_unused(const Directory *d)
{
	DIR		   *dir = AllocateDir(d->path);
	struct dirent *entry;

	while ((entry = ReadDir(dir, d->path)) != NULL)
	{
		static const char *const ours[] = {".", "..", WRITING_FILE, "tile", "checkpoints", "keys"};
		bool		known = false;

		for (int i = 0; i < lengthof(ours); i++)
			known |= strcmp(entry->d_name, ours[i]) == 0;
		if (!known)
			path_error(d->path, "It holds other files, and no checkpoint.", "Give an empty directory, or one that does not exist yet.");
	}
	FreeDir(dir);
}

static void
refuse_other_log(const Directory *d, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_FOREIGN_DIRECTORY),
			 errmsg("directory \"%s\" does not hold a part of this log", d->path),
			 errdetail("%s", detail),
			 errhint("Either it holds another log, or this one was rolled back or restored. Keep it as evidence, and export to an empty directory.")));
}

/* The stored checkpoint of the directory's size must be the directory's. */
static void
check_same_log(const Directory *d, const cc_checkpoint *theirs, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	cc_checkpoint ours;
	bool		same = false;
	bool		found;

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, BTEqualStrategyNumber,
							 (int64) theirs->size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
	{
		bytea	   *note = custody_catalog_get_bytea(&scan, Anum_checkpoint_note);

		same = cc_checkpoint_parse(&ours, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)) == CC_OK &&
			strcmp(ours.origin, theirs->origin) == 0 && ours.size == theirs->size &&
			cc_equal(ours.root, theirs->root, CC_DIGEST_SIZE);
	}
	custody_catalog_scan_end(&scan);
	if (!found)
		refuse_other_log(d, psprintf("Its checkpoint is of size " UINT64_FORMAT " of \"%s\", which this ledger did not sign.",
									 theirs->size, theirs->origin));
	if (!same)
		refuse_other_log(d, psprintf("Its checkpoint of size " UINT64_FORMAT " has another origin or root than this ledger's.",
									 theirs->size));
}

/* What does the directory hold? */
static void
load_directory(Directory *d, Snapshot snapshot)
{
	char		full[MAXPGPATH];
	char	   *note = palloc(NOTE_MAX + 1);
	cc_checkpoint checkpoint;
	int			fd;
	ssize_t		len;

	d->has_entries = exists(d, ENTRIES);
	join(full, d, CHECKPOINT_FILE);
	fd = OpenTransientFile(full, O_RDONLY | O_NOFOLLOW | PG_BINARY);
	if (fd < 0 && errno == ENOENT)
	{
		check_unused(d);
		return;
	}
	if (fd < 0)
		file_error("open file", full);
	len = read(fd, note, NOTE_MAX + 1);
	if (len < 0)
		file_error("read file", full);
	CloseTransientFile(fd);
	if (len > NOTE_MAX || cc_checkpoint_parse(&checkpoint, note, len) != CC_OK || checkpoint.size == 0)
		refuse_other_log(d, "Its file \"checkpoint\" holds no checkpoint.");
	check_same_log(d, &checkpoint, snapshot);
	d->size = checkpoint.size;
	pfree(note);
}

/* Stepping */

/* Size of the first checkpoint at least a step on, or the target. */
static int64
next_size(const Directory *d, int64 target, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	int64		size = target;

	if (target - (int64) d->size <= STEP_LEAVES)
		return target;
	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, BTGreaterEqualStrategyNumber,
							 (int64) d->size + STEP_LEAVES);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		size = Min(target, DatumGetInt64(custody_catalog_get(&scan, Anum_checkpoint_tree_size)));
	custody_catalog_scan_end(&scan);
	return size;
}

static void
export_step(Directory *d, int64 size, bool entries, Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(d->step);
	CustodyTiles tiles = {snapshot, custody_prove_signed(&size, snapshot)};

	tiles.since = d->size;
	tiles.entries = entries;
	tiles.entries_since = d->has_entries ? d->size : 0;
	custody_tiles_make(&tiles, &d->sink);
	sync_step(d, &tiles);
	publish(d, &tiles);
	d->key_files = NIL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(d->step);
}

/* Make the bundles of a directory that had none. */
static void
catch_up(Directory *d, Snapshot snapshot)
{
	char		full[MAXPGPATH];

	join(full, d, CATCHING_UP);
	if (exists(d, CATCHING_UP))
		(void) rmtree(full, true);
	d->catching_up = true;
	export_step(d, (int64) d->size, true, snapshot);
	d->catching_up = false;
}

static void
export(Directory *d, int64 target, bool entries, Snapshot snapshot)
{
	if ((uint64) target < d->size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("directory \"%s\" already holds size " UINT64_FORMAT, d->path, d->size),
				 errdetail("Exporting size " INT64_FORMAT " would take its checkpoint back.", target),
				 errhint("Export to another directory, or a later size.")));
	if (entries && !d->has_entries && d->size > 0)
		catch_up(d, snapshot);
	do
		export_step(d, next_size(d, target, snapshot), entries, snapshot);
	while (d->size < (uint64) target);
}

PG_FUNCTION_INFO_V1(custody_sql_export_tiles);
/* custody.export_tiles(directory text, entries boolean, tree_size bigint) returns bigint */
Datum
custody_sql_export_tiles(PG_FUNCTION_ARGS)
{
	Snapshot	snapshot = GetActiveSnapshot();
	Directory	d = {{put_file}};
	int64		size = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	bool		entries;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	require_rights();
	size = (int64) custody_prove_signed(PG_ARGISNULL(2) ? NULL : &size, snapshot)->checkpoint.size;
	open_directory(&d, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	load_directory(&d, snapshot);
	/* Bundles once begun go on, so that a directory never has holes. */
	entries = d.has_entries || (!PG_ARGISNULL(1) && PG_GETARG_BOOL(1));
	d.step = AllocSetContextCreate(CurrentMemoryContext, "pg_custody tile step",
								   ALLOCSET_DEFAULT_SIZES);
	export(&d, size, entries, snapshot);
	MemoryContextDelete(d.step);
	CloseTransientFile(d.lock);
	PG_RETURN_INT64(size);
}
