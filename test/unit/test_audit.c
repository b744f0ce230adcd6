/*
 * test_audit.c
 *	  The verification engine on a clean ledger and on every way to cheat.
 */
#include "audit_run.h"
#include "tap.h"

static ledger base;

/* A copy of the ledger's items that a test may rearrange. */
typedef struct copy
{
	item		items[LEDGER_ITEMS_MAX + 2];
	int			n;
} copy;

static copy
copy_base(void)
{
	copy		c;

	memset(&c, 0, sizeof(c));
	memcpy(c.items, base.items, (size_t) base.n * sizeof(item));
	c.n = base.n;
	return c;
}

static void
drop(copy *c, int i, int count)
{
	memmove(&c->items[i], &c->items[i + count],
			(size_t) (c->n - i - count) * sizeof(item));
	c->n -= count;
}

static void
insert(copy *c, int i, item it)
{
	memmove(&c->items[i + 1], &c->items[i],
			(size_t) (c->n - i) * sizeof(item));
	c->items[i] = it;
	c->n++;
}

static void
swap(copy *c, int i, int j)
{
	item		it = c->items[i];

	c->items[i] = c->items[j];
	c->items[j] = it;
}

/* First item at or after 'from' of a kind (and, for a leaf, a type). */
static int
find(int from, cc_bundle_kind kind, int type)
{
	int			i;

	for (i = from; i < base.n; i++)
	{
		if (base.items[i].kind == kind &&
			(type < 0 || base.items[i].data[0] == type))
			return i;
	}
	abort();
}

static int
first_of_block(int block)
{
	int			i = 0;

	while (base.items[i].block != block)
		i++;
	return i;
}

static int
last_of_block(int block)
{
	int			i = first_of_block(block);

	return find(i, CC_BUNDLE_CHECKPOINT, -1);
}

/* Is some finding in the block of the item, or naming its leaf? */
static bool
in_place(const outcome *o, const item *it)
{
	uint64_t	first = base.items[first_of_block(it->block)].leaf;
	uint64_t	last = base.items[last_of_block(it->block)].leaf;
	int			i;

	for (i = 0; i < o->n; i++)
	{
		uint64_t	leaf = o->items[i].leaf;

		if (it->kind == CC_BUNDLE_ENTRY ? leaf == it->leaf :
			leaf >= first && leaf <= last)
			return true;
	}
	return false;
}

static void
test_clean(outcome *o)
{
	run(o, base.items, base.n);
	if (!ok(o->n == 0, "a clean ledger has no finding"))
		show(o);
	ok(o->audit.blocks == 6 && o->audit.transactions == 8 &&
	   o->audit.entries == 13, "blocks, transactions and entries are counted");
	ok(o->audit.log.size == base.log.size, "the log has its size");
}

/*
 * Flip every bit of every byte of one part of an item.  At least one finding
 * must be in place, and none may spread far: but for a schema definition, on
 * which all entries under it depend.
 */
static void
flip_part(outcome *o, int index, bool private_part)
{
	copy		c = copy_base();
	item	   *it = &c.items[index];
	size_t		len = private_part ? it->private_len : it->len;
	uint8_t    *data = private_part ? it->private_part : it->data;
	int			limit = it->data[0] == CC_KIND_SCHEMA ? 8 : 4;
	size_t		missed = 0;
	size_t		spread = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		uint8_t		old = data[i];

		data[i] = (uint8_t) (old ^ (1 << (i % 8)));
		run(o, c.items, c.n);
		missed += !in_place(o, it);
		spread += count_faults(o) > limit;
		if (!in_place(o, it) || count_faults(o) > limit)
		{
			printf("# byte %zu:\n", i);
			show(o);
		}
		data[i] = old;
	}
	ok(missed == 0 && spread == 0,
	   "item %d, %s of %zu bytes: each byte flipped is found in place",
	   index, private_part ? "private part" : "bytes", len);
}

static void
test_flips(outcome *o)
{
	int			i;

	for (i = 0; i < base.n; i++)
	{
		flip_part(o, i, false);
		if (base.items[i].private_len > 0)
			flip_part(o, i, true);
	}
}

/* Leaf of the item at index, and the entry's number in its transaction. */
static int64_t
entry_of(int index)
{
	int64_t		n = 0;

	while (base.items[index - 1].kind == CC_BUNDLE_ENTRY)
	{
		index--;
		n++;
	}
	return n;
}

static void
test_private_alone(outcome *o)
{
	int			i;

	for (i = 0; i < base.n; i++)
	{
		item	   *it = &base.items[i];

		if (it->private_len == 0)
			continue;
		it->private_part[1] ^= 1;
		run(o, base.items, base.n);
		it->private_part[1] ^= 1;
		if (!ok(o->n == 1 &&
				has(o, CC_F_ENTRY_ALTERED, it->leaf, entry_of(i)),
				"another secret in item %d is one altered entry", i))
			show(o);
	}
}

static void
test_committed_alone(outcome *o)
{
	int			i;
	int			insert_entry = 0;

	for (i = 0; i < base.n; i++)
	{
		if (base.items[i].private_len > 0)
			insert_entry = i;
	}
	base.items[insert_entry].data[20] ^= 1;
	run(o, base.items, base.n);
	base.items[insert_entry].data[20] ^= 1;
	if (!ok(o->n == 1 && has(o, CC_F_ENTRY_ALTERED,
							 base.items[insert_entry].leaf, 0),
			"another commitment names the entry and nothing else"))
		show(o);
	i = find(0, CC_BUNDLE_ENTRY, CC_KIND_PROTECT);
	base.items[i].data[base.items[i].len - 1] ^= 1;
	run(o, base.items, base.n);
	base.items[i].data[base.items[i].len - 1] ^= 1;
	if (!ok(o->n == 1 && has(o, CC_F_ENTRIES_ALTERED, base.items[i].leaf, -1),
			"another control event is altered entries of its leaf"))
		show(o);
}

static void
test_erased(outcome *o)
{
	static uint8_t erased[1];
	copy		c = copy_base();
	int			n = 0;
	int			i;

	for (i = 0; i < c.n; i++)
	{
		if (c.items[i].private_len == 0)
			continue;
		c.items[i].private_part = erased;
		c.items[i].private_len = 1;
		n++;
	}
	run(o, c.items, c.n);
	ok(o->n == 0 && o->audit.withheld == (uint64_t) n,
	   "erased values are no finding but are counted");
	i = find(0, CC_BUNDLE_ENTRY, CC_KIND_INSERT);
	c.items[i].private_len = 0;
	run(o, c.items, c.n);
	ok(o->n == 1 && has(o, CC_F_ENTRY_ALTERED, c.items[i].leaf, entry_of(i)),
	   "no private part at all is not an erased one");
	c = copy_base();
	i = find(0, CC_BUNDLE_ENTRY, CC_KIND_KEY);
	c.items[i].private_part = erased;
	c.items[i].private_len = 1;
	run(o, c.items, c.n);
	ok(o->n == 1 && has(o, CC_F_ENTRY_ALTERED, c.items[i].leaf, entry_of(i)),
	   "a control event with a private part is altered");
}

/* Redacted form of the first insert: key and name open, the rest withheld. */
static size_t
redact(uint8_t *out, size_t cap)
{
	uint8_t		secret[CC_SECRET_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		digest[CC_DIGEST_SIZE];
	row			ana = ledger_row("42", "Ana", NULL, "");
	cc_salter  *salter = ledger_salter(secret, 1);
	cc_writer	w;
	int			i;

	cc_writer_init(&w, out, cap);
	cc_write_u8(&w, CC_PRIVATE_REDACTED);
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_write_u8(&w, 1);
	cc_write_raw(&w, salt, sizeof(salt));
	cc_write_value(&w, &ana.values[0]);
	for (i = 0; i < LEDGER_COLUMNS; i++)
	{
		cc_salter_salt(salter, CC_SALT_COLUMN(i), salt);
		cc_write_u8(&w, i == 1);
		if (i == 1)
		{
			cc_write_raw(&w, salt, sizeof(salt));
			cc_write_value(&w, &ana.values[i]);
			continue;
		}
		cc_column_commitment(digest, salt, (uint16_t) i, &ana.values[i]);
		cc_write_raw(&w, digest, sizeof(digest));
	}
	must(w.status);
	return w.len;
}

static void
test_redacted(outcome *o)
{
	uint8_t		part[512];
	copy		c = copy_base();
	int			i = find(0, CC_BUNDLE_ENTRY, CC_KIND_INSERT);
	size_t		missed = 0;
	size_t		n;

	c.items[i].private_part = part;
	c.items[i].private_len = redact(part, sizeof(part));
	run(o, c.items, c.n);
	if (!ok(o->n == 0 && o->audit.withheld == 1,
			"a redacted private part opens its commitments"))
		show(o);
	for (n = 0; n < c.items[i].private_len; n++)
	{
		part[n] ^= 1;
		run(o, c.items, c.n);
		missed += o->n != 1 ||
			!has(o, CC_F_ENTRY_ALTERED, c.items[i].leaf, entry_of(i));
		part[n] ^= 1;
	}
	ok(missed == 0, "each byte of a redacted private part counts");
}

/* The incarnation of the block that begins at an item. */
static uint32_t
incarnation_at(int i)
{
	cc_block	b;

	if (i >= base.n || cc_block_decode(&b, base.items[i].data, base.items[i].len) != CC_OK)
		return 0;
	return b.incarnation;
}

/* May the item be missing?  An incarnation may end before its last seal. */
static bool
is_excused(int i)
{
	const item *it = &base.items[i];

	return it->kind == CC_BUNDLE_CHECKPOINT &&
		incarnation_at(i + 1) > incarnation_at(first_of_block(it->block));
}

/* Every item dropped, and every item doubled. */
static void
test_drops(outcome *o)
{
	int			excused = 0;
	int			i;

	for (i = 0; i < base.n; i++)
	{
		copy		c = copy_base();

		drop(&c, i, 1);
		run(o, c.items, c.n);
		excused += is_excused(i);
		if (!ok(is_excused(i) ? o->n == 0 : o->n > 0 && count_faults(o) <= 5,
				"item %d dropped is found, in %d findings", i, o->n))
			show(o);
		c = copy_base();
		insert(&c, i, base.items[i]);
		run(o, c.items, c.n);
		if (!ok(o->n > 0 && count_faults(o) <= 5,
				"item %d doubled is found, in %d findings", i, o->n))
			show(o);
	}
	ok(excused == 1, "only the last checkpoint of an incarnation may be missing");
}

/* Neighbours of the same kind exchanged. */
static void
test_swaps(outcome *o)
{
	int			i;
	int			j;

	for (i = 0; i < base.n; i++)
	{
		for (j = i + 1; j < base.n; j++)
		{
			copy		c = copy_base();

			if (base.items[i].kind != base.items[j].kind)
				continue;
			swap(&c, i, j);
			run(o, c.items, c.n);
			if (o->n == 0)
				ok(false, "items %d and %d exchanged are found", i, j);
		}
	}
	ok(true, "every exchange of two items of a kind was tried");
}

static void
test_whole_blocks(outcome *o)
{
	int			b;

	for (b = 0; b < 5; b++)
	{
		copy		c = copy_base();
		int			first = first_of_block(b);

		drop(&c, first, last_of_block(b) - first + 1);
		run(o, c.items, c.n);
		if (!ok(has(o, CC_F_BLOCK_CHAIN, ANY_LEAF, -1) &&
				count_faults(o) <= 12, "block %d left out is found", b))
			show(o);
	}
	run(o, base.items, last_of_block(3) + 1);
	ok(o->n == 0, "a shorter ledger is clean: only an anchor can tell");
}

static void
test_named_faults(outcome *o)
{
	copy		c = copy_base();
	int			first = first_of_block(1);
	int			last = last_of_block(1);
	int			i = find(first, CC_BUNDLE_LEAF, CC_LEAF_TRANSACTION);

	drop(&c, last, 1);
	run(o, c.items, c.n);
	if (!ok(o->n == 1 && has(o, CC_F_CHECKPOINT_MISSING,
							 base.items[last].leaf, -1),
			"a block without its checkpoint is one finding"))
		show(o);
	c = copy_base();
	drop(&c, i + 1, 1);
	run(o, c.items, c.n);
	if (!ok(o->n == 1 && has(o, CC_F_ENTRIES_COUNT, base.items[i].leaf, -1),
			"an entry left out is one finding"))
		show(o);
	c = copy_base();
	swap(&c, i + 1, i + 2);
	run(o, c.items, c.n);
	if (!ok(o->n == 1 && has(o, CC_F_ENTRIES_ALTERED, base.items[i].leaf, -1),
			"entries exchanged are one finding"))
		show(o);
	c = copy_base();
	c.items[last].len--;
	run(o, c.items, c.n);
	if (!ok(o->n == 1 && has(o, CC_F_CHECKPOINT_UNREADABLE,
							 base.items[last].leaf, -1),
			"half a checkpoint is one finding"))
		show(o);
}

/* An altered record shows once; later blocks only add to the closing count. */
static void
test_no_cascade(outcome *o)
{
	int			i = find(first_of_block(1), CC_BUNDLE_LEAF,
						 CC_LEAF_TRANSACTION);
	item	   *it = &base.items[i];

	it->data[it->len - 1] ^= 1;
	run(o, base.items, base.n);
	it->data[it->len - 1] ^= 1;
	if (!ok(o->n == 2 && o->audit.unconfirmed == 4 &&
			has(o, CC_F_CHECKPOINT_MISMATCH,
				base.items[last_of_block(1)].leaf, -1),
			"an altered record is one finding and a closing count"))
		show(o);
}

/* The checkpoint of a block replaced by one that another key signed. */
static void
resign(outcome *o, uint8_t seed_byte, int block, const char *what)
{
	char		note[CC_NOTE_MAX + 1];
	uint8_t		seed[32];
	uint8_t		root[CC_DIGEST_SIZE];
	cc_checkpoint parsed;
	cc_signer  *signer;
	cc_vkey		key;
	copy		c = copy_base();
	item	   *it = &c.items[last_of_block(block)];

	memset(seed, seed_byte, sizeof(seed));
	must(cc_checkpoint_parse(&parsed, (char *) it->data, it->len));
	memcpy(root, parsed.root, sizeof(root));
	must(cc_signer_from_seed(&signer, seed));
	must(cc_signer_vkey(signer, parsed.origin, &key));
	it->len = ledger_note(note, signer, &key, parsed.origin, parsed.size,
						  root);
	it->data = (uint8_t *) note;
	run(o, c.items, c.n);
	cc_signer_free(signer);
	if (!ok(o->n == 1 && has(o, CC_F_SIGNATURE_INVALID, it->leaf, -1),
			"%s is one finding", what))
		show(o);
}

static void
test_keys(outcome *o)
{
	copy		c = copy_base();
	int			i = find(0, CC_BUNDLE_ENTRY, CC_KIND_KEY);

	resign(o, 99, 1, "a checkpoint signed by a stranger");
	resign(o, 2, 1, "a checkpoint signed before its key's epoch");
	resign(o, 1, 3, "a checkpoint signed after its key's epoch");
	drop(&c, i, 1);
	run(o, c.items, c.n);
	if (!ok(has(o, CC_F_ENTRIES_COUNT, base.items[i].leaf, -1) &&
			has(o, CC_F_EPOCH_VIOLATION, ANY_LEAF, -1) && o->n == 2,
			"a missing key is reported once for its epoch"))
		show(o);
}

/* A genuine checkpoint of another block in place of a block's own. */
static void
test_replayed_checkpoint(outcome *o)
{
	copy		c = copy_base();
	int			last = last_of_block(1);

	c.items[last] = base.items[last_of_block(0)];
	run(o, c.items, c.n);
	if (!ok(has(o, CC_F_CHECKPOINT_MISMATCH, base.items[last].leaf, -1) &&
			o->n <= 2 && !o->audit.diverged,
			"an older checkpoint is a mismatch, and the engine recovers"))
		show(o);
}

/* What a caller has stored: the frontier before an item. */
static void
stored_frontier(cc_frontier *log, int before)
{
	uint8_t		hash[CC_DIGEST_SIZE];
	int			i;

	cc_frontier_init(log);
	for (i = 0; i < before; i++)
	{
		if (base.items[i].kind != CC_BUNDLE_LEAF)
			continue;
		cc_merkle_leaf(hash, base.items[i].data, base.items[i].len);
		cc_frontier_append(log, hash);
	}
}

/* The caller's stored frontier puts a diverged engine right again. */
static void
test_resume_diverged(outcome *o)
{
	static cc_frontier log;
	item	   *it = &base.items[find(first_of_block(1), CC_BUNDLE_LEAF,
									  CC_LEAF_TRANSACTION)];
	int			next = first_of_block(2);

	stored_frontier(&log, next);
	it->data[it->len - 1] ^= 1;
	o->n = 0;
	cc_audit_init(&o->audit, ledger_idle_salter());
	feed(o, base.items, 0, next);
	it->data[it->len - 1] ^= 1;
	ok(o->n == 1 && o->audit.diverged, "an altered record diverges");
	cc_audit_resume(&o->audit, &log, LEDGER_ORIGIN);
	feed(o, base.items, next, base.n);
	finish(o);
	if (!ok(o->n == 1 && !o->audit.diverged && o->audit.unconfirmed == 0,
			"from the stored frontier every later root is confirmed"))
		show(o);
}

/* From the middle, with the keys announced earlier. */
static void
test_resume_cold(outcome *o)
{
	static cc_frontier log;
	uint8_t		seed[32];
	cc_signer  *signer;
	cc_vkey		key;
	int			from = first_of_block(3);

	memset(seed, 2, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	must(cc_signer_vkey(signer, LEDGER_ORIGIN, &key));
	cc_signer_free(signer);
	stored_frontier(&log, from);
	o->n = 0;
	cc_audit_init(&o->audit, ledger_idle_salter());
	cc_audit_resume(&o->audit, &log, LEDGER_ORIGIN);
	must(cc_audit_key_add(&o->audit, 2, &key));
	feed(o, base.items, from, base.n);
	finish(o);
	if (!ok(o->n == 0 || (o->n == 1 &&
						  has(o, CC_F_SCHEMA_UNKNOWN, ANY_LEAF, 0)),
			"a cold start in the middle is clean but for the schema"))
		show(o);
	o->n = 0;
	cc_audit_init(&o->audit, ledger_idle_salter());
	cc_audit_resume(&o->audit, &log, LEDGER_ORIGIN "/2");
	must(cc_audit_key_add(&o->audit, 2, &key));
	feed(o, base.items, from, from + 1);
	ok(o->n == 1 && has(o, CC_F_BLOCK_CHAIN, ANY_LEAF, -1),
	   "a header after another origin's head breaks the chain");
	ok(cc_audit_key_add(&o->audit, 2, &base.key) == CC_E_MISMATCH,
	   "an epoch has one key");
}

static void
test_findings_full(void)
{
	static cc_findings f;
	int			i;

	for (i = 0; i < CC_FINDINGS_MAX + 3; i++)
		cc_finding_add(&f, CC_F_LEAF_ORDER, 0, -1, "%d", i);
	ok(f.n == CC_FINDINGS_MAX && f.dropped == 3,
	   "findings beyond the room are counted");
}

/* Does the engine take a control event with this body? */
static bool
takes(cc_kind kind, const char *body, size_t len)
{
	static cc_audit audit;
	static cc_findings f;
	uint8_t		bytes[256];
	cc_writer	w;
	cc_entry	e;
	bool		taken;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.body.data = (const uint8_t *) body;
	e.body.len = len;
	cc_writer_init(&w, bytes, sizeof(bytes));
	cc_write_entry(&w, &e);
	cc_audit_init(&audit, ledger_idle_salter());
	f.n = 0;
	taken = cc_audit_entry(&audit, &e, bytes, w.len, &f);
	return taken && f.n == 0;
}

/* Bodies of one kind of event: every cut and every longer one is a finding. */
static void
test_body(cc_kind kind, const char *body, size_t len)
{
	char		longer[128] = {0};
	bool		refused = true;
	size_t		n;

	memcpy(longer, body, len);
	for (n = 0; n <= len + 1; n++)
	{
		if (n != len && takes(kind, longer, n))
			refused = false;
	}
	ok(takes(kind, body, len), "%s: a body", cc_kind_name(kind));
	ok(refused, "%s: none shorter or longer", cc_kind_name(kind));
}

static void
test_witness_bodies(void)
{
	char		cosigned[2 + 8 + CC_DIGEST_SIZE + 8] = "\1a";
	char		trusted[] = "\1k\0\0\0\2\0\4gone";

	test_body(CC_KIND_COSIGNED, cosigned, sizeof(cosigned));
	test_body(CC_KIND_TRUSTED_LOG, trusted, sizeof(trusted) - 1);
	test_body(CC_KIND_WITNESS_KEY, "\0\0\0\1\1k", 6);
	trusted[6] = 2;
	ok(!takes(CC_KIND_TRUSTED_LOG, trusted, sizeof(trusted) - 1),
	   "trusted or not, nothing else");
}

/* Has the transaction of a leaf nothing but row-level entries? */
static bool
only_rows(int leaf)
{
	int			i;

	for (i = leaf + 1; i < base.n && base.items[i].kind == CC_BUNDLE_ENTRY; i++)
	{
		if (!cc_kind_is_row((cc_kind) base.items[i].data[0]))
			return false;
	}
	return i > leaf + 1;
}

/* Entries the caller has checked: nothing is missed or counted less. */
static void
test_checked(outcome *o)
{
	static cc_findings f;
	uint8_t		hash[CC_DIGEST_SIZE];
	uint64_t	entries;
	uint64_t	transactions;
	int			checked = 0;
	int			from = 0;
	int			i;

	run(o, base.items, base.n);
	entries = o->audit.entries;
	transactions = o->audit.transactions;
	o->n = 0;
	cc_audit_init(&o->audit, ledger_idle_salter());
	for (i = 0; i < base.n; i++)
	{
		if (base.items[i].kind != CC_BUNDLE_LEAF || !only_rows(i))
			continue;
		feed(o, base.items, from, i);
		cc_audit_leaf(&o->audit, base.items[i].data, base.items[i].len, hash, &f);
		cc_audit_entries_checked(&o->audit);
		collect(o, &f);
		checked++;
		for (from = i + 1; base.items[from].kind == CC_BUNDLE_ENTRY; from++)
			i = from;
	}
	feed(o, base.items, from, base.n);
	finish(o);
	ok(checked > 0 && o->n == 0, "leaves whose entries are checked elsewhere");
	ok(o->audit.entries == entries && o->audit.transactions == transactions,
	   "their entries count");
}

int
main(void)
{
	static outcome o;

	ledger_build(&base);
	test_clean(&o);
	test_flips(&o);
	test_private_alone(&o);
	test_committed_alone(&o);
	test_erased(&o);
	test_redacted(&o);
	test_drops(&o);
	test_swaps(&o);
	test_whole_blocks(&o);
	test_named_faults(&o);
	test_no_cascade(&o);
	test_keys(&o);
	test_replayed_checkpoint(&o);
	test_resume_diverged(&o);
	test_resume_cold(&o);
	test_findings_full();
	test_witness_bodies();
	test_checked(&o);
	ledger_free(&base);
	return done_testing();
}
