/*
 * test_chunk.c
 *	  Stored entries: what is written is read, and nothing else; records that
 *	  are open until they are sealed.
 */
#include "core/chunk.h"

#include "codecs.h"
#include "tap.h"

static cc_stored
stored(cc_kind kind, uint8_t flags, uint32_t relation, uint32_t version,
	   const char *rest)
{
	cc_stored	s;

	memset(&s, 0, sizeof(s));
	s.kind = kind;
	s.flags = flags;
	s.relation = relation;
	s.version = version;
	s.rest.data = (const uint8_t *) rest;
	s.rest.len = strlen(rest);
	return s;
}

static bool
same_slice(cc_slice a, cc_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool
same_stored(const cc_stored *a, const cc_stored *b)
{
	return a->kind == b->kind && a->flags == b->flags &&
		a->relation == b->relation && a->version == b->version &&
		a->explicit_part == b->explicit_part &&
		same_slice(a->committed, b->committed) && same_slice(a->rest, b->rest);
}

#define ENTRIES 5

static size_t
fill(uint8_t *buffer, size_t cap, cc_stored entries[ENTRIES])
{
	cc_writer	w;
	int			i;

	entries[0] = stored(CC_KIND_INSERT, 0, 7, 300, "\1secret and values");
	entries[1] = stored(CC_KIND_INSERT, 0, 7, 300, "\1other values");
	entries[2] = stored(CC_KIND_UPDATE, CC_ENTRY_KEY_CHANGED, 7, 300, "\1more");
	entries[3] = stored(CC_KIND_DELETE, 0, UINT32_MAX, 1, "");
	entries[3].explicit_part = true;
	entries[3].committed.data = (const uint8_t *) "committed";
	entries[3].committed.len = 9;
	entries[4] = stored(CC_KIND_SCHEMA, 0, 7, 301, "definition");
	cc_writer_init(&w, buffer, cap);
	for (i = 0; i < ENTRIES; i++)
		cc_write_stored(&w, i == 0 ? NULL : &entries[i - 1], &entries[i]);
	return w.status == CC_OK ? w.len : 0;
}

static void
test_round_trip(void)
{
	uint8_t		buffer[256];
	cc_stored	entries[ENTRIES];
	size_t		len = fill(buffer, sizeof(buffer), entries);
	uint8_t    *exact = exact_copy(buffer, len);
	cc_chunk	chunk;
	cc_stored	s;
	int			n = 0;
	int			same = 0;

	cc_chunk_init(&chunk, exact, len);
	while (cc_chunk_next(&chunk, &s))
	{
		same += n < ENTRIES && same_stored(&s, &entries[n]);
		n++;
	}
	ok(n == ENTRIES && same == ENTRIES && chunk.r.status == CC_OK,
	   "what is written is read");
	cc_chunk_init(&chunk, exact, 0);
	ok(!cc_chunk_next(&chunk, &s) && chunk.r.status == CC_OK,
	   "an empty chunk ends at once");
	free(exact);
}

/* Entries of two chunks one after the other are those of one. */
static void
test_joined(void)
{
	uint8_t		buffer[512];
	cc_stored	entries[ENTRIES];
	size_t		len = fill(buffer, sizeof(buffer), entries);
	cc_chunk	chunk;
	cc_stored	s;
	int			n = 0;

	memcpy(buffer + len, buffer, len);
	cc_chunk_init(&chunk, buffer, 2 * len);
	while (cc_chunk_next(&chunk, &s) &&
		   same_stored(&s, &entries[n % ENTRIES]))
		n++;
	ok(n == 2 * ENTRIES, "chunks can be joined");
}

/* Every bit counts: a flipped one is refused or reads as something else. */
static void
test_flips(void)
{
	uint8_t		buffer[256];
	cc_stored	entries[ENTRIES];
	size_t		len = fill(buffer, sizeof(buffer), entries);
	size_t		missed = 0;
	size_t		bit;

	for (bit = 0; bit < 8 * len; bit++)
	{
		uint8_t    *exact = exact_copy(buffer, len);
		cc_chunk	chunk;
		cc_stored	s;
		int			n = 0;

		exact[bit / 8] ^= (uint8_t) (1 << bit % 8);
		cc_chunk_init(&chunk, exact, len);
		while (cc_chunk_next(&chunk, &s) && n < ENTRIES &&
			   same_stored(&s, &entries[n]))
			n++;
		missed += n == ENTRIES && chunk.r.status == CC_OK &&
			chunk.r.pos == len;
		free(exact);
	}
	ok(missed == 0, "every bit of a chunk counts");
}

static void
test_refused(void)
{
	static const struct
	{
		const char *bytes;
		size_t		len;
		const char *name;
	}			bad[] = {
		{"\1\0", 2, "no head at the beginning"},
		{"\0", 1, "an entry without bytes"},
		{"\6\1\2\0\7\1", 6, "an entry cut off"},
		{"\5\4\2\0\7\1", 6, "an unknown bit"},
		{"\7\3\x12\0\7\1\0\0", 8, "a committed part of a control event"},
		{"\x0a\1\2\0\xff\xff\xff\xff\x1f\1\0", 11, "a relation beyond 32 bits"},
		{"\6\1\2\0\x87\0\1", 7, "a number not in its shortest form"}
	};
	size_t		i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		uint8_t    *exact = exact_copy((const uint8_t *) bad[i].bytes, bad[i].len);
		cc_chunk	chunk;
		cc_stored	s;

		cc_chunk_init(&chunk, exact, bad[i].len);
		ok(!cc_chunk_next(&chunk, &s) && chunk.r.status != CC_OK, "%s",
		   bad[i].name);
		free(exact);
	}
}

static cc_slice
text(const char *s)
{
	cc_slice	slice;

	slice.data = (const uint8_t *) s;
	slice.len = strlen(s);
	return slice;
}

/* Sealing an open record gives what would have been written with the root. */
static void
seal_record(const cc_record *r, const char *name)
{
	uint8_t		open[512];
	uint8_t		sealed[512];
	uint8_t		whole[512];
	cc_record	read;
	cc_writer	w;
	size_t		open_len;
	size_t		len;
	size_t		i;
	size_t		missed = 0;

	cc_writer_init(&w, open, sizeof(open));
	cc_write_record_open(&w, r);
	open_len = w.len;
	cc_writer_init(&w, sealed, sizeof(sealed));
	ok(cc_record_seal(&w, open, open_len, r->root) == CC_OK, "%s is sealed", name);
	len = w.len;
	cc_writer_init(&w, whole, sizeof(whole));
	cc_write_record(&w, r);
	ok(w.len == len && memcmp(whole, sealed, len) == 0,
	   "as it would be with its root");
	ok(cc_record_decode_open(&read, open, open_len) == CC_OK &&
	   read.commit_number == r->commit_number &&
	   cc_record_decode(&read, open, open_len) != CC_OK, "open it is none");
	ok(cc_record_decode_open(&read, whole, len) != CC_OK &&
	   cc_record_decode(&read, whole, len) == CC_OK, "nor sealed an open one");
	/* Without context every field is required. */
	for (i = 0; r->actor.len == 0 && i < open_len; i++)
	{
		cc_writer_init(&w, sealed, sizeof(sealed));
		missed += cc_record_seal(&w, open, i, r->root) == CC_OK;
	}
	ok(missed == 0, "nor is a part of it sealed");
}

static void
test_records(void)
{
	cc_record	r;
	uint8_t		small[64];
	uint8_t		open[512];
	cc_writer	w;
	size_t		len;

	memset(&r, 0, sizeof(r));
	r.number = 5;
	r.commit_number = 9;
	r.session_user = r.outer_user = r.current_users = text("u");
	r.entry_count = 3;
	memset(r.root, 0xab, sizeof(r.root));
	seal_record(&r, "a record without context");
	r.actor = text("dr.kim");
	r.extra = text("{}");
	seal_record(&r, "a record with context");
	cc_writer_init(&w, open, sizeof(open));
	cc_write_record_open(&w, &r);
	len = w.len;
	cc_writer_init(&w, small, sizeof(small));
	ok(cc_record_seal(&w, open, len, r.root) == CC_E_SPACE, "not without room");
}

int
main(void)
{
	test_round_trip();
	test_joined();
	test_flips();
	test_refused();
	test_records();
	return done_testing();
}
