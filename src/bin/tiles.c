/*
 * tiles.c
 *	  Verify a C2SP tlog-tiles directory offline, against verifier keys and
 *	  anchors the caller trusts.
 *
 * The tree is recomputed from the tiles of level 0 in one pass; of each higher
 * level one tile is kept.  A tile that is missing or of another length says
 * nothing: what rests on it is not compared, and a finding has named it.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tiles.h"

#define CHECKPOINT_FILE "checkpoint"
#define BUNDLE_MAX ((size_t) CC_TILE_WIDTH * (2 + UINT16_MAX))

static const char usage_text[] =
"Usage: pg_custody_verify tiles [OPTION]... DIRECTORY\n"
"\n"
"Verifies a C2SP tlog-tiles directory, as custody.export_tiles() writes it, against\n"
"keys and anchors that you trust.  Needs no server and no network.\n"
"\n"
TRUST_USAGE
"  --anchor FILE  a checkpoint kept elsewhere, which the log must contain;\n"
"                 may be repeated\n"
"  --json         print JSON objects: one for each finding and notice, one at the end\n"
"  --quiet        print findings only\n"
"  --help         print this and exit\n"
"  --version      print the version and exit\n"
"\n"
"Findings after the first thousand are only counted.\n"
"Exit status: 0 verified, 1 findings, 2 could not check.\n";

/* Targets */

static int
compare_targets(const void *a, const void *b)
{
	uint64_t	x = ((const Target *) a)->size;
	uint64_t	y = ((const Target *) b)->size;

	return (x > y) - (x < y);
}

/* Root of the tree of the full tiles so far and r leaves of the next. */
static void
root_at(const TileVerifier *v, const uint8_t *leaves, int r, uint8_t root[CC_DIGEST_SIZE])
{
	cc_frontier rest;
	int			n = cc_frontier_count(&v->full);
	int			i;

	if (r == 0)
	{
		cc_frontier_root(&v->full, root);
		return;
	}
	cc_frontier_init(&rest);
	for (i = 0; i < r; i++)
		cc_frontier_append(&rest, leaves + i * CC_DIGEST_SIZE);
	cc_frontier_root(&rest, root);
	while (n > 0)
		cc_merkle_node(root, v->full.nodes[--n], root);
}

/*
 * One fault, one finding: of the directory's checkpoints behind a fault the
 * first and the current one are named.
 */
static void
judge_target(TileVerifier *v, const Target *t, const uint8_t *leaves, int r)
{
	uint8_t		root[CC_DIGEST_SIZE];
	cc_tile		last = cc_tile_at(0, t->size == 0 ? 0 : (t->size - 1) / CC_TILE_WIDTH, v->checkpoint.size);
	char		path[CC_TILE_PATH_MAX + 1];

	root_at(v, leaves, r, root);
	if (cc_equal(root, t->root, CC_DIGEST_SIZE))
		return;
	if (!t->anchor && v->diverged && strcmp(t->file, CHECKPOINT_FILE) != 0)
	{
		v->also_differ++;
		return;
	}
	v->diverged |= !t->anchor;
	(void) cc_tile_path(path, &last);
	tile_finding(v, t->anchor ? "anchor_mismatch" : "checkpoint_mismatch", t->file,
				 "at size %" PRIu64 " the tiles, the last of them %s, have another root", t->size, path);
}

/* Judge the targets up to a size within the next tile, of which r leaves are given. */
static void
judge_targets(TileVerifier *v, const uint8_t *leaves, int r)
{
	uint64_t	first = v->full.size * CC_TILE_WIDTH;

	while (!v->gap && v->next_target < v->ntargets &&
		   v->targets[v->next_target].size <= first + (uint64_t) r)
	{
		const Target *t = &v->targets[v->next_target++];

		judge_target(v, t, leaves, (int) (t->size - first));
	}
}

/* Those beyond the tree, and those beyond a gap in it. */
static void
judge_rest(TileVerifier *v)
{
	uint64_t	skipped = 0;

	for (; v->next_target < v->ntargets; v->next_target++)
	{
		const Target *t = &v->targets[v->next_target];

		if (t->size > v->checkpoint.size)
			tile_finding(v, "anchor_beyond", t->file, "is of size %" PRIu64 ", the directory's checkpoint of size %" PRIu64 " only",
						 t->size, v->checkpoint.size);
		else
			skipped++;
	}
	if (v->also_differ > 0)
		tile_notice(v, "%" PRIu64 " checkpoints between differ from the tiles, too", v->also_differ);
	if (skipped > 0)
		tile_notice(v, "%" PRIu64 " checkpoints and anchors could not be compared with the tiles", skipped);
}

/* The tree */

/* Read a tile; false, and a finding, if it is missing or of another length. */
static bool
read_tile(TileVerifier *v, const cc_tile *tile, const char *path)
{
	size_t		size = (size_t) tile->width * CC_DIGEST_SIZE;
	size_t		len = 0;

	v->tiles++;
	if (!tile_read(v, path, size, &len))
		tile_finding(v, "tile_missing", path, "the tree of size %" PRIu64 " needs it", v->checkpoint.size);
	else if (len != size)
		tile_finding(v, "tile_length", path, "has %s than %zu bytes", len > size ? "more" : "fewer", size);
	else
		return true;
	return false;
}

/* Compare the tile of a level with what the tiles below it give. */
static void
compare_tile(TileVerifier *v, int level)
{
	const Level *l = &v->levels[level];
	cc_tile		tile = cc_tile_at(level, l->index, v->checkpoint.size);
	cc_tile		below;
	char		path[CC_TILE_PATH_MAX + 1];
	char		child[CC_TILE_PATH_MAX + 1];
	int			differing = 0;
	int			i;

	(void) cc_tile_path(path, &tile);
	if (!read_tile(v, &tile, path))
		return;
	for (i = l->n - 1; i >= 0; i--)
	{
		if (!l->known[i] ||
			cc_equal(v->buffer + i * CC_DIGEST_SIZE, l->hashes + i * CC_DIGEST_SIZE, CC_DIGEST_SIZE))
			continue;
		differing++;
		below.level = level - 1;
		below.index = l->index * CC_TILE_WIDTH + (uint64_t) i;
		below.width = CC_TILE_WIDTH;
		(void) cc_tile_path(child, &below);
	}
	if (differing > 0)
		tile_finding(v, "tile_mismatch", path, "%d of its hashes differ from what the tiles below it give, the first at %s",
					 differing, child);
}

/* Add the root of a full tile to the level above it; NULL: not known. */
static void
add_root(TileVerifier *v, int level, const uint8_t *root)
{
	Level	   *l = &v->levels[level];
	uint8_t		above[CC_DIGEST_SIZE];
	bool		known = true;
	int			i;

	l->known[l->n] = root != NULL;
	if (root != NULL)
		memcpy(l->hashes + l->n * CC_DIGEST_SIZE, root, CC_DIGEST_SIZE);
	l->n++;
	if (l->n < CC_TILE_WIDTH)
		return;
	compare_tile(v, level);
	for (i = 0; i < CC_TILE_WIDTH; i++)
		known &= l->known[i];
	cc_tile_root(above, l->hashes);
	l->n = 0;
	l->index++;
	add_root(v, level + 1, known ? above : NULL);
}

/* Compare the leaves of a bundle with the hashes of its tile, if there are any. */
static void
check_bundle(TileVerifier *v, const cc_tile *leaf_tile, const uint8_t *hashes)
{
	cc_tile		tile = *leaf_tile;
	char		path[CC_TILE_PATH_MAX + 1];
	uint8_t		hash[CC_DIGEST_SIZE];
	cc_reader	r;
	size_t		len = 0;
	int			i;

	tile.level = CC_TILE_ENTRIES;
	(void) cc_tile_path(path, &tile);
	v->bundles++;
	if (!tile_read(v, path, BUNDLE_MAX, &len))
	{
		tile_finding(v, "entries_missing", path, "there are entry bundles, but not this one");
		return;
	}
	cc_reader_init(&r, v->buffer, len);
	for (i = 0; i < tile.width; i++)
	{
		cc_slice	leaf = cc_read_raw(&r, cc_read_u16(&r));

		if (r.status != CC_OK)
			break;
		cc_merkle_leaf(hash, leaf.data, leaf.len);
		if (hashes == NULL || cc_equal(hash, hashes + i * CC_DIGEST_SIZE, CC_DIGEST_SIZE))
			continue;
		tile_finding(v, "entries_mismatch", path, "leaf %" PRIu64 " is not the one whose hash its tile has",
					 tile.index * CC_TILE_WIDTH + (uint64_t) i);
		return;
	}
	if (cc_reader_end(&r) != CC_OK)
		tile_finding(v, "entries_unreadable", path, "does not hold %d leaves: %s", tile.width,
					 cc_status_text(cc_reader_end(&r)));
}

/* One tile of leaf hashes, and its bundle. */
static void
take_tile(TileVerifier *v, const cc_tile *tile)
{
	uint8_t		hashes[CC_TILE_BYTES];
	uint8_t		root[CC_DIGEST_SIZE];
	char		path[CC_TILE_PATH_MAX + 1];
	bool		usable;

	(void) cc_tile_path(path, tile);
	usable = read_tile(v, tile, path);
	if (usable)
		memcpy(hashes, v->buffer, (size_t) tile->width * CC_DIGEST_SIZE);
	else
		v->gap = true;
	if (v->entries)
		check_bundle(v, tile, usable ? hashes : NULL);
	judge_targets(v, hashes, tile->width < CC_TILE_WIDTH ? tile->width : CC_TILE_WIDTH - 1);
	if (tile->width < CC_TILE_WIDTH)
		return;
	if (usable)
		cc_tile_root(root, hashes);
	if (!v->gap)
		cc_frontier_append(&v->full, root);
	judge_targets(v, hashes, 0);
	add_root(v, 1, usable ? root : NULL);
}

static void
verify_tree(TileVerifier *v)
{
	uint64_t	index = 0;
	cc_tile		tile;
	int			level;

	v->entries = tile_exists(v, "tile/entries");
	if (v->ntargets > 0)
		qsort(v->targets, v->ntargets, sizeof(*v->targets), compare_targets);
	judge_targets(v, NULL, 0);
	while ((tile = cc_tile_at(0, index++, v->checkpoint.size)).width > 0)
		take_tile(v, &tile);
	for (level = 1; level < CC_TILE_LEVELS; level++)
	{
		if (v->levels[level].n > 0)
			compare_tile(v, level);
	}
	judge_rest(v);
}

/* The directory's checkpoint */

/* A check that OpenSSL cannot make says nothing about the directory. */
static void
must_be_able(cc_status status)
{
	if (status == CC_E_UNSUPPORTED || status == CC_E_CRYPTO)
		cannot("the signatures of the checkpoint: %s", cc_status_text(status));
}

/* False: there is nothing to hold the tiles against. */
static bool
load_directory(TileVerifier *v)
{
	size_t		len = 0;
	cc_status	status;

	if (!tile_read(v, CHECKPOINT_FILE, TILE_NOTE_MAX, &len))
		cannot("\"%s\" is no tlog-tiles directory: it has no checkpoint", v->directory);
	v->note = v->buffer;
	v->buffer = NULL;
	v->capacity = 0;
	status = len > TILE_NOTE_MAX ? CC_E_TRAILING : cc_checkpoint_parse(&v->checkpoint, v->note, len);
	if (status != CC_OK)
	{
		memset(&v->checkpoint, 0, sizeof(v->checkpoint));
		tile_finding(v, "checkpoint_unreadable", CHECKPOINT_FILE, "%s", cc_status_text(status));
		return false;
	}
	status = cc_checkpoint_signed(&v->checkpoint, v->trust.keys, v->trust.nkeys);
	must_be_able(status);
	if (status != CC_OK)
	{
		tile_finding(v, "checkpoint_untrusted", CHECKPOINT_FILE, "not signed by a trusted key; the tiles were not read");
		return false;
	}
	status = note_quorum(&v->trust, &v->checkpoint);
	must_be_able(status);
	if (status != CC_OK)
		tile_finding(v, status == CC_E_QUORUM ? "quorum_missing" : "cosignature_invalid", CHECKPOINT_FILE, "%s",
					 cc_status_text(status));
	tile_target(v, CHECKPOINT_FILE, false, &v->checkpoint);
	return true;
}

static void
print_summary(TileVerifier *v)
{
	char		root[CC_BASE64_SIZE(CC_DIGEST_SIZE) + 1] = "";

	if (v->quiet)
		return;
	cc_base64_encode(root, v->checkpoint.root, CC_DIGEST_SIZE);
	if (v->json)
	{
		printf("{\"verified\": %s, \"findings\": %" PRIu64 ", \"notices\": %" PRIu64
			   ", \"tiles\": %" PRIu64 ", \"entry_bundles\": %" PRIu64 ", \"keys\": %" PRIu64
			   ", \"checkpoints\": %zu, \"origin\": ",
			   v->findings == 0 ? "true" : "false", v->findings, v->notices,
			   v->tiles, v->bundles, v->keys, v->ntargets);
		show_json_string(v->checkpoint.origin);
		printf(", \"tree_size\": %" PRIu64 ", \"root\": \"%s\"}\n", v->checkpoint.size, root);
		return;
	}
	print_verdict(v->findings);
	printf("%" PRIu64 " tiles, %" PRIu64 " entry bundles, %" PRIu64 " keys, %zu checkpoints, origin %s, size %" PRIu64 ", root %s\n",
		   v->tiles, v->bundles, v->keys, v->ntargets, v->checkpoint.origin, v->checkpoint.size, root);
}

/* Options */

static void
add_anchor(const char ***anchors, size_t *n, const char *file)
{
	*anchors = allocate(*anchors, *n + 1, sizeof(**anchors));
	(*anchors)[(*n)++] = file;
}

/* Anchors are read when all keys are known. */
static void
take_options(TileVerifier *v, int argc, char **argv)
{
	static const struct option options[] = {
		TRUST_OPTIONS,
		{"anchor", required_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0}
	};
	const char **anchors = NULL;
	size_t		nanchors = 0;
	cc_checkpoint c;
	int			option;
	size_t		i;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (option == 'a')
			add_anchor(&anchors, &nanchors, optarg);
		else if (option == 'j')
			v->json = true;
		else if (option == 'q')
			v->quiet = true;
		else
			trust_option(&v->trust, option, usage_text);
	}
	if (optind != argc - 1)
		cannot("name one directory; try --help");
	trust_needed(&v->trust);
	v->directory = argv[optind];
	for (i = 0; i < nanchors; i++)
	{
		load_checkpoint(&v->trust, &c, anchors[i]);
		tile_target(v, anchors[i], true, &c);
	}
	free(anchors);
}

static void
release(TileVerifier *v)
{
	size_t		i;

	for (i = 0; i < v->ntargets; i++)
		free(v->targets[i].file);
	free(v->targets);
	free(v->note);
	free(v->buffer);
	trust_free(&v->trust);
}

int
tiles_main(int argc, char **argv)
{
	static TileVerifier v;
	int			status;

	take_options(&v, argc, argv);
	if (load_directory(&v))
	{
		tile_keys(&v);
		verify_tree(&v);
	}
	print_summary(&v);
	finish_output();
	status = v.findings > 0 ? EXIT_FINDINGS : EXIT_VERIFIED;
	release(&v);
	return status;
}
