/*
 * test_historyproof.c
 *	  Proofs of the life of a row hold, and no change of one passes for it: a
 *	  version left out, put in, reordered or altered is refused, and what
 *	  cannot be noticed is what the proof says that it does not show.
 */
#include "life.h"
#include "spoil.h"
#include "tap.h"

static life whole;
static life other;
static life_proof good;
static prove_text proof;
static prove_text changed;
static cc_vkey keys[2];			/* the log's, and another of its name */

/* A parsed proof with its room and its copy of the text. */
typedef struct read_proof
{
	cc_history	h;
	cc_slice	schemas[LIFE_ENTRIES];
	cc_history_item items[LIFE_ENTRIES];
	char	   *copy;
} read_proof;

static read_proof parsed;
static cc_history_room room;
static size_t failed_at;

static cc_status
parse(const char *text, size_t len, size_t nschemas, size_t nitems)
{
	free(parsed.copy);
	memset(&parsed.h, 0, sizeof(parsed.h));
	parsed.h.schemas = parsed.schemas;
	parsed.h.items = parsed.items;
	parsed.h.schema_capacity = nschemas;
	parsed.h.item_capacity = nitems;
	parsed.copy = (char *) exact_copy(text, len);
	return cc_history_parse(&parsed.h, parsed.copy, len);
}

static cc_status
check_keys(const prove_text *t, const cc_vkey *trusted, size_t n,
		   cc_proof_step *step)
{
	cc_status	status = parse(t->data, t->len, LIFE_ENTRIES, LIFE_ENTRIES);

	*step = CC_STEP_NONE;
	failed_at = 0;
	return status != CC_OK ? status :
		cc_history_check(&parsed.h, &room, trusted, n, step, &failed_at);
}

static bool
holds(const prove_text *t)
{
	cc_proof_step step;

	return check_keys(t, keys, 1, &step) == CC_OK && step == CC_STEP_NONE;
}

static bool
fails_at(const prove_text *t, cc_proof_step want, size_t at)
{
	cc_proof_step step;

	return check_keys(t, keys, 1, &step) != CC_OK && step == want &&
		failed_at == at;
}

/* The proof of these entries, into 'proof'. */
static void
prove(const life *l, const int *entries, int n, uint64_t old_size)
{
	life_prove(&good, l, entries, n, old_size, l->nleaves);
	life_write(&proof, &good);
}

static void
prove_all(const life *l)
{
	int			entries[LIFE_ENTRIES];
	int			i;

	for (i = 0; i < l->n; i++)
		entries[i] = i;
	prove(l, entries, l->n, 0);
}

static cc_history_link
link_of(int at)
{
	return parsed.items[at].link;
}

/* Size of the log just after the entry's transaction. */
static uint64_t
size_after(const life *l, int entry)
{
	return l->records[l->entries[entry].record].leaf + 1;
}

/* What holds */

static void
test_links(void)
{
	static const cc_history_link links[] = {
		CC_LINK_FIRST, CC_LINK_LINKED, CC_LINK_LINKED, CC_LINK_LINKED,
		CC_LINK_LINKED, CC_LINK_LINKED, CC_LINK_NEW_LIFE,
		CC_LINK_RECORDED_ANEW, CC_LINK_EMPTIED, CC_LINK_NEW_LIFE
	};
	int			right = 0;
	int			open = 0;
	int			i;

	prove(&whole, life_whole, LIFE_WHOLE, 0);
	ok(holds(&proof) && parsed.h.nitems == (size_t) LIFE_WHOLE,
	   "a life with every kind of entry");
	for (i = 0; i < LIFE_WHOLE; i++)
	{
		right += link_of(i) == links[i];
		open += cc_history_gap(&parsed.h, (size_t) i) != NULL;
	}
	ok(right == LIFE_WHOLE, "each entry is linked as it should be");
	ok(open == 5, "and says what no hash shows: first, new lives, anew, emptied");
	ok(strstr(cc_history_gap(&parsed.h, LIFE_WHOLE - 1), "later version") != NULL,
	   "the last says that a later version would not be noticed");
}

static void
test_contents(void)
{
	static cc_history_version v;

	prove(&whole, life_whole, LIFE_WHOLE, 0);
	ok(holds(&proof) && cc_history_open(&parsed.h, 4, &v) == CC_OK &&
	   v.key[0].len == 2 && memcmp(v.key[0].data, "44", 2) == 0 &&
	   memcmp(v.old_key[0].data, "42", 2) == 0 && v.columns[2].open &&
	   memcmp(v.columns[2].value.data, "ill", 3) == 0 &&
	   slice_is(v.schema.table, "patient"), "values, both keys, names");
}

/* Is this the long name, in full? */
static bool
shows_name(const cc_history_version *v, const char *name)
{
	return v != NULL && v->columns[1].value.form == CC_VALUE_LONG &&
		v->columns[1].value.len == strlen(name) &&
		memcmp(v->columns[1].value.data, name, strlen(name)) == 0;
}

static void
test_references(void)
{
	static char name[1100];
	life_row	rows[3] = {{{"42", name, "a"}}, {{"42", name, "b"}}, {{"42", name, "c"}}};
	size_t		next = 0;
	size_t		len;
	life		l;

	memset(name, 'x', sizeof(name) - 1);
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_BLANK, NULL, &rows[0]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_BLANK, &rows[0], &rows[1]);
	(void) life_step_event(&l, CC_KIND_SCHEMA, LIFE_BLANK);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_BLANK, &rows[1], &rows[2]);
	prove_all(&l);
	len = proof.len;
	l.entries[1].refer = l.entries[3].refer = true;
	prove_all(&l);
	ok(proof.len < len - 2000 && holds(&proof) && link_of(3) == CC_LINK_LINKED,
	   "a long value by reference");
	ok(shows_name(cc_history_next(&parsed.h, &next, &room), name) &&
	   shows_name(cc_history_next(&parsed.h, &next, &room), name) && next == 2 &&
	   shows_name(cc_history_next(&parsed.h, &next, &room), name) && next == 4 &&
	   cc_history_next(&parsed.h, &next, &room) == NULL,
	   "is shown as the version before has it");
	l.entries[0].refer = true;
	prove_all(&l);
	next = 0;
	ok(holds(&proof) &&
	   cc_history_next(&parsed.h, &next, &room)->columns[1].value.form == CC_VALUE_REFERENCE,
	   "where none has it, its digest is all there is");
}

/* Every beginning of the life, under every size that covers it. */
static void
test_sizes_held(void)
{
	int			tried = 0;
	int			held = 0;
	int			n;

	for (n = 1; n <= LIFE_WHOLE; n++)
	{
		uint64_t	size = size_after(&whole, life_whole[n - 1]);

		for (; size <= whole.nleaves; size++, tried++)
		{
			life_prove(&good, &whole, life_whole, n, 0, size);
			life_write(&proof, &good);
			held += holds(&proof);
		}
	}
	ok(tried > 50 && held == tried,
	   "what came after the last version is not noticed (%d proofs)", tried);
}

static void
test_old(void)
{
	int			tried = 0;
	int			held = 0;
	int			i;

	for (i = 0; i < LIFE_WHOLE; i++)
	{
		uint64_t	old_size = size_after(&whole, life_whole[i]);

		/* Entries 1 and 2 are of one transaction; 8 is about no row. */
		if (i == 1 || i == 8)
			continue;
		prove(&whole, life_whole + i, LIFE_WHOLE - i, old_size);
		held += holds(&proof) && link_of(0) == CC_LINK_IN_FORCE && parsed.h.has_old &&
			parsed.h.old.size == old_size;
		prove(&whole, life_whole + i, LIFE_WHOLE - i, old_size + 1);
		held += holds(&proof);
		tried += 2;
	}
	ok(held == tried, "from the version in force at an older checkpoint");
	prove(&whole, life_whole, LIFE_WHOLE, 1);
	ok(holds(&proof) && link_of(0) == CC_LINK_FIRST, "or from an insert after it");
	prove(&whole, life_whole + 5, 1, whole.nleaves);
	ok(holds(&proof), "between a checkpoint and itself");
}

/* What does not */

static bool
refused_without(int from, int n, cc_proof_step step)
{
	int			entries[LIFE_WHOLE];
	int			i;
	int			k = 0;

	for (i = 0; i < LIFE_WHOLE; i++)
		if (i < from || i >= from + n)
			entries[k++] = life_whole[i];
	prove(&whole, entries, k, 0);
	return fails_at(&proof, step, (size_t) from);
}

static void
test_left_out(void)
{
	int			i;

	ok(refused_without(0, 1, CC_STEP_LINK), "the first version left out");
	for (i = 1; i <= 5; i++)
		ok(refused_without(i, 1, CC_STEP_LINK), "version %d of %d left out", i + 1,
		   LIFE_WHOLE);
	ok(refused_without(8, 1, CC_STEP_LINK), "the emptying of the table left out");
	for (i = 1; i <= 3; i++)
		ok(refused_without(i, 2, CC_STEP_LINK), "versions %d and %d left out", i + 1, i + 2);
	ok(refused_without(1, 3, CC_STEP_LINK), "three left out");
	prove(&whole, life_whole + 1, LIFE_WHOLE - 1, size_after(&whole, WHOLE_INSERT));
	ok(fails_at(&proof, CC_STEP_LINK, 0),
	   "the version in force at the older checkpoint left out");
}

/* What no hash binds is what cc_history_gap speaks of. */
static void
test_silent(void)
{
	life		l;
	static const int skips[] = {0, 3};

	ok(!refused_without(7, 1, CC_STEP_LINK) && holds(&proof) &&
	   cc_history_gap(&parsed.h, 7) != NULL,
	   "before the emptying of its table a version can be left out");
	ok(!refused_without(6, 1, CC_STEP_LINK) && holds(&proof) &&
	   cc_history_gap(&parsed.h, 6) != NULL, "before a baseline, too");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[1], &life_rows[0]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[2]);
	prove_all(&l);
	ok(holds(&proof), "values that come back");
	prove(&l, skips, 2, 0);
	ok(holds(&proof), "all versions from one to the next with the same values can be left out");
}

/* What the ledger says that was never recorded. */
static void
test_unrecorded(void)
{
	static const life_row unrecorded = {{"42", "Mallory", NULL}};
	life		l;

	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &unrecorded, &life_rows[2]);
	(void) life_step(&l, CC_KIND_DELETE, LIFE_PLAIN, &life_rows[2], NULL);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 2), "a change behind the triggers shows at the next one");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_DELETE, LIFE_PLAIN, &life_rows[1], NULL);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "and at a deletion");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[1]);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "an insert of a row that is there");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_DELETE, LIFE_PLAIN, &life_rows[0], NULL);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 2), "an update of a row that is gone");
}

static void
test_other_rows(void)
{
	int			entries[] = {WHOLE_INSERT, WHOLE_OTHER, WHOLE_UPDATE};
	life		l;

	prove(&whole, entries, 3, 0);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "another row's version put in");
	entries[0] = WHOLE_OTHER;
	entries[1] = WHOLE_UPDATE;
	prove(&whole, entries, 2, 0);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "another row's version in place of the first");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	l.relation = 8;
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "a change under another protection");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	l.relation = 8;
	(void) life_step(&l, CC_KIND_BASELINE, LIFE_PLAIN, NULL, &life_rows[0]);
	prove_all(&l);
	ok(holds(&proof) && link_of(1) == CC_LINK_RECORDED_ANEW,
	   "a new protection records the row anew");
	(void) life_step(&l, CC_KIND_BASELINE, LIFE_NOTED, NULL, &life_rows[4]);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 2), "a baseline of another row");
}

static void
test_keys(void)
{
	static const life_row away = {{"50", "Ana", NULL}};
	life		l;

	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &away);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[1]);
	prove_all(&l);
	ok(holds(&proof) && link_of(1) == CC_LINK_LINKED && link_of(2) == CC_LINK_NEW_LIFE,
	   "a key given away is free for a new life");
	l.entries[1].hide_old_key = true;
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 2), "unless the proof hides which it was");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &away, &life_rows[1]);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "an update that came from another key");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &away);
	(void) life_step(&l, CC_KIND_DELETE, LIFE_PLAIN, &life_rows[0], NULL);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "the deletion of another key");
}

static void
build_move(life *l, bool apart, const life_row *to)
{
	life_init(l);
	(void) life_step(l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	life_begin(l);
	(void) life_change(l, CC_KIND_DELETE, LIFE_PLAIN, &life_rows[0], NULL);
	if (apart)
	{
		life_commit(l);
		life_begin(l);
	}
	l->flags = CC_ENTRY_MOVED;
	(void) life_change(l, CC_KIND_INSERT, LIFE_PLAIN, NULL, to);
	life_commit(l);
	prove_all(l);
}

static void
test_moves(void)
{
	static const int without[] = {0, 2};
	static const int alone[] = {2};
	static const life_row away = {{"50", "Ana", NULL}};
	life		l;

	build_move(&l, false, &life_rows[1]);
	ok(holds(&proof) && link_of(2) == CC_LINK_MOVED, "a row that moved to another partition");
	prove(&l, without, 2, 0);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "its deletion left out");
	prove(&l, alone, 1, 0);
	ok(fails_at(&proof, CC_STEP_LINK, 0), "a moved row as the first");
	build_move(&l, true, &life_rows[1]);
	ok(fails_at(&proof, CC_STEP_LINK, 2), "a move across transactions");
	build_move(&l, false, &away);
	ok(fails_at(&proof, CC_STEP_LINK, 2), "the move of another row");
}

/* Columns that come and go. */
static void
build_columns(life *l, bool event)
{
	static const life_row ill = {{"42", "Ana", "ill"}};
	static const life_row gone = {{"42", "Ana", NULL}};

	life_init(l);
	(void) life_step(l, CC_KIND_INSERT, LIFE_NOTED, NULL, &ill);
	if (event)
		(void) life_step_event(l, CC_KIND_SCHEMA, LIFE_PLAIN);
	(void) life_step(l, CC_KIND_UPDATE, LIFE_BLANK, &gone, &gone);
	prove_all(l);
}

static void
test_columns(void)
{
	static const life_row ill = {{"42", "Ana", "ill"}};
	static const int firsts[] = {0, 1};
	static const int lasts[] = {1, 2};
	life		l;

	build_columns(&l, true);
	ok(holds(&proof) && link_of(1) == CC_LINK_NONE && link_of(2) == CC_LINK_LINKED,
	   "a column dropped and made again, by the schema version between");
	prove(&l, firsts, 2, 0);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "a schema version as the last");
	prove(&l, lasts, 2, 0);
	ok(fails_at(&proof, CC_STEP_LINK, 0), "and as the first");
	build_columns(&l, false);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "not without it");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_NOTED, NULL, &ill);
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &ill, &life_rows[1]);
	prove_all(&l);
	ok(holds(&proof) && link_of(1) == CC_LINK_LINKED, "a column dropped");
	life_init(&l);
	(void) life_step(&l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &ill);
	l.relation = 8;
	(void) life_step_event(&l, CC_KIND_SCHEMA, LIFE_PLAIN);
	l.relation = 7;
	(void) life_step(&l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_LINK, 1), "a schema version of another table");
}

/* Erased and withheld */

static void
build_plain(life *l)
{
	life_init(l);
	(void) life_step(l, CC_KIND_INSERT, LIFE_PLAIN, NULL, &life_rows[0]);
	(void) life_step(l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[0], &life_rows[1]);
	(void) life_step(l, CC_KIND_UPDATE, LIFE_PLAIN, &life_rows[1], &life_rows[2]);
}

static void
test_erased(void)
{
	life		l;
	int			i;

	for (i = 0; i < 3; i++)
	{
		build_plain(&l);
		l.entries[i].erased = true;
		prove_all(&l);
		ok(holds(&proof) && link_of(i) == CC_LINK_ERASED &&
		   (i == 2 || (link_of(i + 1) == CC_LINK_ERASED &&
					   cc_history_gap(&parsed.h, (size_t) i + 1) != NULL)),
		   "version %d of 3 erased: the next is not linked", i + 1);
	}
	build_plain(&l);
	l.entries[1].hide_column = 1;
	prove_all(&l);
	ok(holds(&proof) && link_of(1) == CC_LINK_LINKED && link_of(2) == CC_LINK_ERASED,
	   "a column withheld: the next is not linked");
	l.entries[1].hide_column = -1;
	l.entries[1].hide_overwritten = true;
	prove_all(&l);
	ok(holds(&proof) && link_of(1) == CC_LINK_ERASED && link_of(2) == CC_LINK_LINKED,
	   "what was overwritten withheld: not linked");
	l.entries[1].hide_overwritten = false;
	l.entries[1].hide_key = true;
	prove_all(&l);
	ok(fails_at(&proof, CC_STEP_VALUES, 1), "the key withheld");
}

/* Checkpoints */

static void
test_checkpoints(void)
{
	cc_proof_step step;

	prove(&whole, life_whole, LIFE_WHOLE, 0);
	ok(check_keys(&proof, keys + 1, 1, &step) == CC_E_UNSIGNED &&
	   step == CC_STEP_SIGNATURE, "another key");
	ok(check_keys(&proof, NULL, 0, &step) == CC_E_UNSIGNED &&
	   step == CC_STEP_SIGNATURE, "no key");
	prove(&whole, life_whole, LIFE_WHOLE, size_after(&whole, WHOLE_AGAIN));
	ok(fails_at(&proof, CC_STEP_LINK, 1), "two versions before the older checkpoint");
	life_prove(&good, &whole, life_whole, 1, size_after(&whole, WHOLE_LAST), 4);
	life_write(&proof, &good);
	ok(fails_at(&proof, CC_STEP_GROWTH, 1), "an older checkpoint that is younger");
	prove(&whole, life_whole + 3, LIFE_WHOLE - 3, size_after(&whole, WHOLE_ADDED));
	good.h.growth.len -= CC_DIGEST_SIZE;
	life_write(&proof, &good);
	ok(fails_at(&proof, CC_STEP_GROWTH, LIFE_WHOLE - 3), "a hash of the growth less");
	good.h.old_note.len = life_sign(good.old_note, &other, size_after(&whole, WHOLE_ADDED));
	good.h.growth.len += CC_DIGEST_SIZE;
	life_write(&proof, &good);
	ok(fails_at(&proof, CC_STEP_GROWTH, LIFE_WHOLE - 3), "an older checkpoint of another log");
}

/* Sign the older or the newer checkpoint with another key. */
static cc_slice
foreign_note(char *note, uint64_t size, uint8_t epoch, const char *origin)
{
	prove_hash	root;
	uint8_t		seed[32];
	cc_vkey		key = prove_key(origin, epoch);
	cc_signer  *signer;
	cc_slice	s;

	memset(seed, epoch, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	prove_root(root, (const prove_hash *) whole.leaves, size);
	s.data = (const uint8_t *) note;
	s.len = ledger_note(note, signer, &key, origin, size, root);
	cc_signer_free(signer);
	return s;
}

/*
 * Of the sizes nearby those are left out at which all leaves of the proof lie as
 * they do: their paths are the same.
 */
static void
test_foreign(void)
{
	const uint64_t sizes[] = {
		0, 1, 2, whole.nleaves - 1, whole.nleaves + 2,
		UINT64_C(1) << 62, (UINT64_C(1) << 62) + 1, INT64_MAX
	};
	static char note[CC_NOTE_MAX + 1];
	uint64_t	old_size = size_after(&whole, WHOLE_INSERT);
	int			refused = 0;
	size_t		i;

	prove(&whole, life_whole, LIFE_WHOLE, old_size);
	good.h.note = foreign_note(note, whole.nleaves, 2, LEDGER_ORIGIN);
	life_write(&changed, &good);
	ok(fails_at(&changed, CC_STEP_SIGNATURE, LIFE_WHOLE), "signed in another epoch");
	good.h.note = foreign_note(note, whole.nleaves, 1, "other.example/log");
	life_write(&changed, &good);
	ok(fails_at(&changed, CC_STEP_SIGNATURE, LIFE_WHOLE), "signed for another origin");
	prove(&whole, life_whole, LIFE_WHOLE, old_size);
	good.h.old_note = foreign_note(note, old_size, 2, LEDGER_ORIGIN);
	life_write(&changed, &good);
	ok(fails_at(&changed, CC_STEP_SIGNATURE, LIFE_WHOLE),
	   "the older checkpoint signed in another epoch");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		uint8_t		seed[32];
		cc_signer  *signer;
		cc_vkey		key = keys[0];
		cc_proof_step step;

		prove(&whole, life_whole, LIFE_WHOLE, 0);
		memset(seed, 1, sizeof(seed));
		must(cc_signer_from_seed(&signer, seed));
		good.h.note.data = (const uint8_t *) note;
		good.h.note.len = ledger_note(note, signer, &key, LEDGER_ORIGIN, sizes[i],
									  parsed.h.checkpoint.root);
		cc_signer_free(signer);
		life_write(&changed, &good);
		refused += check_keys(&changed, keys, 1, &step) != CC_OK && step == CC_STEP_LOG;
	}
	ok(refused == (int) i, "trees of another size, though signed");
}

/* Texts that are not the one form */

static cc_status
refusal(const char *from, const char *to)
{
	char	   *at;
	cc_proof_step step;

	prove(&whole, life_whole, LIFE_WHOLE, size_after(&whole, WHOLE_INSERT));
	proof.data[proof.len] = '\0';
	at = strstr(proof.data, from);
	if (at == NULL)
		abort();
	changed.len = 0;
	prove_add(&changed, proof.data, (size_t) (at - proof.data));
	prove_add(&changed, to, strlen(to));
	at += strlen(from);
	prove_add(&changed, at, proof.len - (size_t) (at - proof.data));
	return check_keys(&changed, keys, 1, &step);
}

static void
test_forms(void)
{
	size_t		nschemas;
	size_t		nitems;

	ok(refusal("v1\nschema", "v2\nschema") == CC_E_FORM, "another version of the form");
	ok(refusal("schema ", "schema  ") != CC_OK, "two spaces");
	ok(refusal("\nrecord 1 ", "\nrecord 01 ") == CC_E_FORM, "a leading zero");
	ok(refusal("\nrecord 1 ", "\nrecord 9223372036854775808 ") == CC_E_VALUE, "a leaf of 2^63");
	ok(refusal("\nrecord 1 ", "\nschema AAAA\nrecord 1 ") == CC_E_FORM,
	   "a definition that no version uses");
	ok(refusal("\nrecord 1 ", "\nnote AAAA\nrecord 1 ") == CC_E_FORM, "an unlisted line");
	ok(refusal("\nversion 0 - 0 ", "\nrecord 2 AAAA -\nversion 0 - 0 ") == CC_E_FORM,
	   "a transaction without an entry");
	ok(refusal("\nversion 0 - 0 ", "\nversion 0 - 1 ") == CC_E_FORM,
	   "a definition out of turn");
	ok(refusal("\nversion 0 - 0 ", "\nversion 0 - 0 AAAA ") == CC_E_FORM, "a word more");
	ok(refusal("\nevent 0 - ", "\nevent 0 - AAAA ") == CC_E_FORM, "in an event, too");
	ok(refusal("\nevent 0 - ", "\nversion 0 - 2 AAAA ") != CC_OK, "an event as a version");
	ok(refusal("\nold ", "\nold AAAA -\nold ") == CC_E_FORM, "two older checkpoints");
	prove(&whole, life_whole, LIFE_WHOLE, 0);
	cc_history_measure(proof.data, proof.len, &nschemas, &nitems);
	ok(nschemas == 3 && nitems == (size_t) LIFE_WHOLE, "the room that a proof needs");
	ok(parse(proof.data, proof.len, nschemas, nitems) == CC_OK, "is enough");
	ok(parse(proof.data, proof.len, nschemas - 1, nitems) == CC_E_SPACE &&
	   parse(proof.data, proof.len, nschemas, nitems - 1) == CC_E_SPACE, "less is not");
}

/* Every small change of the text */

static bool
says_the_same(void)
{
	cc_slice	text = parsed.h.checkpoint.text;
	cc_writer	w;

	cc_writer_init(&w, changed.data, sizeof(changed.data));
	cc_history_format(&w, &parsed.h);
	return w.status == CC_OK && w.len + text.len <= proof.len &&
		memcmp(changed.data, proof.data, w.len) == 0 &&
		memcmp(text.data, proof.data + w.len, text.len) == 0;
}

static spoil_verdict
judge(const char *text, size_t len)
{
	cc_proof_step step;
	size_t		at;

	if (parse(text, len, LIFE_ENTRIES, LIFE_ENTRIES) != CC_OK ||
		cc_history_check(&parsed.h, &room, keys, 1, &step, &at) != CC_OK)
		return SPOIL_REFUSED;
	return says_the_same() ? SPOIL_SAME : SPOIL_OTHER;
}

/* Every change of a part: 'good' is spoilt and written again */

static spoil tally;

static void
judge_parts(void)
{
	static prove_text t;

	life_write(&t, &good);
	if (t.len != proof.len || memcmp(t.data, proof.data, t.len) != 0)
		spoil_count(&tally, judge(t.data, t.len) == SPOIL_REFUSED ?
					SPOIL_REFUSED : SPOIL_OTHER);
}

/* Hashes dropped, doubled and swapped; there is room for one more. */
static void
spoil_hashes(cc_slice *path)
{
	prove_hash *hashes = (prove_hash *) (uintptr_t) path->data;
	size_t		n = path->len / CC_DIGEST_SIZE;
	prove_hash	right[CC_FRONTIER_MAX];
	size_t		i;
	size_t		k;

	if (n == 0)
		return;
	spoil_part(path->data, path->len, judge_parts);
	memcpy(right, hashes, sizeof(right));
	for (i = 0; i < n; i++)
	{
		memmove(hashes[i], right[i + 1], (n - i - 1) * CC_DIGEST_SIZE);
		path->len = (n - 1) * CC_DIGEST_SIZE;
		judge_parts();
		memcpy(hashes, right, sizeof(right));
		memmove(hashes[i + 1], right[i], (n - i) * CC_DIGEST_SIZE);
		path->len = (n + 1) * CC_DIGEST_SIZE;
		judge_parts();
		path->len = n * CC_DIGEST_SIZE;
		for (k = i + 1; k < n; k++)
		{
			memcpy(hashes, right, sizeof(right));
			memcpy(hashes[i], right[k], CC_DIGEST_SIZE);
			memcpy(hashes[k], right[i], CC_DIGEST_SIZE);
			judge_parts();
		}
		memcpy(hashes, right, sizeof(right));
	}
}

static void
spoil_items(void)
{
	size_t		i;

	for (i = 0; i < good.h.nitems; i++)
	{
		cc_history_item *item = &good.h.items[i];

		spoil_part(item->committed.data, item->committed.len, judge_parts);
		spoil_part(item->private_part.data, item->private_part.len, judge_parts);
	}
	spoil_report(&tally, "no flipped bit of an entry or its values", 0);
	for (i = 0; i < good.h.nitems; i++)
		spoil_part(good.h.items[i].record_bytes.data, good.h.items[i].record_bytes.len, judge_parts);
	for (i = 0; i < good.h.nschemas; i++)
		spoil_part(good.h.schemas[i].data, good.h.schemas[i].len, judge_parts);
	spoil_report(&tally, "no flipped bit of a record or a definition", 0);
	for (i = 0; i < good.h.nitems; i++)
	{
		spoil_hashes(&good.h.items[i].path);
		spoil_hashes(&good.h.items[i].leaf_path);
	}
	spoil_hashes(&good.h.growth);
	spoil_report(&tally, "no hash altered, dropped, doubled or swapped", 0);
	for (i = 0; i < good.h.nitems; i++)
	{
		spoil_number(&good.h.items[i].leaf_index, judge_parts);
		spoil_number(&good.h.items[i].entry_no, judge_parts);
	}
	spoil_report(&tally, "no other leaf or entry number", 0);
}

/* Entries in another order, one twice, parts of one in another. */
static void
spoil_order(void)
{
	cc_history_item right[LIFE_ENTRIES];
	size_t		n = good.h.nitems;
	size_t		i;
	size_t		k;

	memcpy(right, good.items, sizeof(right));
	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++)
		{
			if (i == k)
				continue;
			good.items[i] = right[k];
			good.items[k] = right[i];
			judge_parts();
			good.items[k] = right[k];
			judge_parts();
			good.items[i] = right[i];
			good.items[i].committed = right[k].committed;
			judge_parts();
			good.items[i] = right[i];
			good.items[i].private_part = right[k].private_part;
			judge_parts();
			good.items[i] = right[i];
			good.items[i].record_bytes = right[k].record_bytes;
			judge_parts();
			good.items[i] = right[i];
			good.items[i].path = right[k].path;
			good.items[i].entry_no = right[k].entry_no;
			judge_parts();
			good.items[i] = right[i];
		}
	spoil_report(&tally, "no entries swapped or doubled, no part of another", 0);
}

static void
test_changes(void)
{
	static prove_text text;
	int			entries[] = {WHOLE_AGAIN, WHOLE_ADDED, WHOLE_RENAMED, WHOLE_DELETE};

	prove(&whole, entries, 4, size_after(&whole, WHOLE_AGAIN));
	text = proof;
	spoil_text("history", text.data, text.len, judge);
	memset(&tally, 0, sizeof(tally));
	tally.what = "history";
	spoil_items();
	spoil_order();
	prove(&whole, life_whole, 6, 0);
	tally.what = "whole history";
	spoil_items();
	spoil_order();
	ok(spoil_total >= 100000, "%d changes in all", spoil_total);
}

int
main(void)
{
	life_build(&whole);
	life_init(&other);
	while (other.nleaves < whole.nleaves)
		life_noise(&other);
	keys[0] = prove_key(LEDGER_ORIGIN, 1);
	keys[1] = prove_key(LEDGER_ORIGIN, 2);
	test_links();
	test_contents();
	test_references();
	test_sizes_held();
	test_old();
	test_left_out();
	test_silent();
	test_unrecorded();
	test_other_rows();
	test_keys();
	test_moves();
	test_columns();
	test_erased();
	test_checkpoints();
	test_foreign();
	test_forms();
	test_changes();
	free(parsed.copy);
	return done_testing();
}
