/*
 * test_tile.c
 *	  Paths and counts of tiles are those of C2SP tlog-tiles; lines of the key
 *	  history have one form.
 */
#include <string.h>

#include "core/keyline.h"
#include "core/tile.h"

#include "tap.h"

static bool
path_is(int level, uint64_t index, int width, const char *expected)
{
	cc_tile		tile;
	char		path[CC_TILE_PATH_MAX + 1];
	size_t		len;

	tile.level = level;
	tile.index = index;
	tile.width = width;
	len = cc_tile_path(path, &tile);
	return len == strlen(path) && strcmp(path, expected) == 0;
}

static void
test_paths(void)
{
	char		path[CC_TILE_PATH_MAX + 1];
	cc_tile		longest = {CC_TILE_ENTRIES, UINT64_MAX >> 9, 255};

	ok(path_is(0, 1234067, 256, "tile/0/x001/x234/067"), "the spec's example of an index");
	ok(path_is(0, 0, 256, "tile/0/000"), "index 0");
	ok(path_is(0, 999, 256, "tile/0/999"), "the last of one element");
	ok(path_is(1, 1000, 256, "tile/1/x001/000"), "the first of two elements");
	ok(path_is(2, 1000000, 256, "tile/2/x001/x000/000"), "the first of three elements");
	ok(path_is(0, 273, 112, "tile/0/273.p/112"), "partial tile");
	ok(path_is(7, 0, 1, "tile/7/000.p/1"), "narrowest tile of the highest level");
	ok(path_is(CC_TILE_ENTRIES, 5, 256, "tile/entries/005"), "entry bundle");
	ok(path_is(CC_TILE_ENTRIES, 5, 255, "tile/entries/005.p/255"), "partial entry bundle");
	ok(cc_tile_path(path, &longest) <= CC_TILE_PATH_MAX, "the longest path fits");
}

static void
test_example(void)
{
	ok(cc_tile_full(0, 70000) == 273, "70,000: full tiles of level 0");
	ok(cc_tile_at(0, 273, 70000).width == 112, "70,000: partial tile of level 0");
	ok(cc_tile_full(1, 70000) == 1, "70,000: full tiles of level 1");
	ok(cc_tile_at(1, 1, 70000).width == 17, "70,000: partial tile of level 1");
	ok(cc_tile_full(2, 70000) == 0, "70,000: full tiles of level 2");
	ok(cc_tile_at(2, 0, 70000).width == 1, "70,000: partial tile of level 2");
	ok(cc_tile_at(3, 0, 70000).width == 0, "70,000: no tile of level 3");
	ok(cc_tile_at(0, 274, 70000).width == 0, "70,000: nothing beyond the partial tile");
	ok(cc_tile_at(CC_TILE_ENTRIES, 273, 70000).width == 112, "70,000: partial entry bundle");
	ok(cc_tile_at(0, 0, 256).width == 256 && cc_tile_at(0, 1, 256).width == 0 &&
	   cc_tile_at(1, 0, 256).width == 1 && cc_tile_at(2, 0, 256).width == 0,
	   "256: one full tile and one hash above");
	ok(cc_tile_at(CC_TILE_LEVELS, 0, INT64_MAX).width == 0, "no level beyond the last");
	ok(cc_tile_at(7, 0, INT64_MAX).width == 127, "largest tree: the highest level");
}

/* Walk with the formulas of the spec: every tile of the new tree not full in the old. */
static bool
walk_agrees(int from, uint64_t old_size, uint64_t size)
{
	cc_tile_walk w;
	int			level;

	cc_tile_walk_init(&w, from, old_size, size);
	for (level = from; level < CC_TILE_LEVELS; level++)
	{
		int			shift = level < 0 ? 0 : 8 * level;
		uint64_t	i;

		for (i = 0; i * 256 < size >> shift; i++)
		{
			uint64_t	width = (size >> shift) - i * 256;

			if ((i + 1) * 256 <= old_size >> shift)
				continue;
			if (!cc_tile_walk_next(&w) || w.tile.level != level || w.tile.index != i ||
				w.tile.width != (width > 256 ? 256 : (int) width))
				return false;
		}
		if (level == CC_TILE_ENTRIES)
			break;
	}
	return !cc_tile_walk_next(&w);
}

static void
test_walk(void)
{
	static const uint64_t sizes[] = {
		0, 1, 2, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 65792, 70000,
		131072, 16777215, 16777216, 16777217
	};
	int			n = (int) (sizeof(sizes) / sizeof(sizes[0]));
	int			failed = 0;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		for (j = 0; j <= i; j++)
			failed += !walk_agrees(0, sizes[j], sizes[i]) + !walk_agrees(CC_TILE_ENTRIES, sizes[j], sizes[i]);
	ok(failed == 0, "the walk gives what the formulas give, %d pairs of sizes", n * (n + 1) / 2);
	failed = 0;
	for (i = 0; i < 600; i++)
		for (j = 0; j <= i; j++)
			failed += !walk_agrees(0, (uint64_t) j, (uint64_t) i);
	ok(failed == 0, "and for every pair up to 600");
}

#define KEY "hospital.example/custody+7d934132+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"

static cc_status
parse(const char *text)
{
	cc_key_line line;

	return cc_key_line_parse(&line, text, strlen(text));
}

static bool
round_trip(const char *text)
{
	cc_key_line line;
	char		out[CC_KEY_LINE_MAX + 1];
	size_t		n;

	if (cc_key_line_parse(&line, text, strlen(text)) != CC_OK)
		return false;
	n = cc_key_line_format(out, &line);
	return n == strlen(text) + 1 && out[n - 1] == '\n' && memcmp(out, text, n - 1) == 0;
}

static void
test_key_lines(void)
{
	static const char *const bad[] = {
		"", "1", "1 2", "1 2 -", "1 2 - ", "1  2 " KEY, " 1 2 - " KEY, "0 2 - " KEY, "1 0 - " KEY,
		"01 2 - " KEY, "1 02 - " KEY, "1 2 03 " KEY, "1 2 1 " KEY, "1 2 0 " KEY, "1 2 -- " KEY,
		"4294967296 2 - " KEY, "1 9223372036854775808 - " KEY, "1 2 - " KEY " ", "1 2 - " KEY "\n", "1 - 2 " KEY, "1 0 0 " KEY,
		"-1 2 - " KEY, "1 2 x " KEY
	};
	size_t		accepted = 0;
	size_t		i;

	ok(round_trip("1 2 - " KEY), "key that is in use");
	ok(round_trip("1 2 2 " KEY), "key that signed once");
	ok(round_trip("3 - - " KEY), "key that signed nothing");
	ok(round_trip("4294967295 9223372036854775806 9223372036854775807 " KEY), "largest numbers");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		accepted += parse(bad[i]) == CC_OK;
	ok(accepted == 0, "%d lines of another form", (int) i);
}

int
main(void)
{
	test_paths();
	test_example();
	test_walk();
	test_key_lines();
	return done_testing();
}
