/*
 * test_epochs.c
 *	  Keys that follow each other, and every way to sign outside an epoch.
 */
#include "audit_run.h"
#include "tap.h"

/* The ledger of one test, and what the engine says of it. */
static ledger l;
static outcome o;

static void
begin(void)
{
	ledger_free(&l);
	ledger_init(&l);
	ledger_build_first(&l);
}

/* The next key, announced and handed over to. */
static void
rotate(void)
{
	uint32_t	next = l.epoch + 1;

	ledger_announce(&l, next);
	ledger_seal(&l);
	ledger_use_key(&l, next);
}

/* A transaction with the key entry of an epoch as the test wants it. */
static void
announce(uint32_t epoch, const cc_vkey *key, const uint8_t *possession, size_t len)
{
	char		text[CC_VERIFIER_KEY_MAX + 1];
	uint8_t		body[CC_VERIFIER_KEY_MAX + CC_MADE_SIGNATURE_MAX + 16];
	cc_key_event event;
	cc_writer	w;

	cc_vkey_format(text, key);
	event.epoch = epoch;
	event.verifier_key = ledger_text(text);
	event.possession.data = possession;
	event.possession.len = len;
	cc_writer_init(&w, body, sizeof(body));
	cc_write_key_event(&w, &event);
	must(w.status);
	ledger_begin(&l);
	ledger_control(&l, CC_KIND_KEY, 0, 0, body, w.len);
	ledger_commit(&l);
}

static cc_signer *
signer_of(uint8_t seed_byte)
{
	uint8_t		seed[32];
	cc_signer  *signer;

	memset(seed, seed_byte, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	return signer;
}

static void
run_all(void)
{
	run(&o, l.items, l.n);
}

/* Exactly these findings, in this order. */
static void
finds(const char *name, int n, ...)
{
	va_list		codes;
	bool		same = o.n == n;
	int			i;

	va_start(codes, n);
	for (i = 0; i < n; i++)
	{
		cc_finding_code code = (cc_finding_code) va_arg(codes, int);

		same = same && o.items[i].code == code;
	}
	va_end(codes);
	if (!ok(same, "%s", name))
		show(&o);
}

static bool
says(const char *text)
{
	int			i;

	for (i = 0; i < o.n; i++)
		if (strstr(o.items[i].detail, text) != NULL)
			return true;
	return false;
}

/* Put another note in place of the checkpoint of the block sealed last. */
static void
replace_checkpoint(const cc_signer *signer, const cc_signer *second)
{
	char		note[CC_NOTE_MAX + 1];
	item	   *it = &l.items[l.n - 1];
	cc_vkey		key;
	size_t		len;

	must(cc_signer_vkey(signer, l.origin, &key));
	len = ledger_note(note, signer, &key, l.origin, l.log.size, l.root);
	if (second != NULL)
		len = ledger_countersign(note, len, second, l.origin);
	free(it->data);
	it->data = ledger_copy(note, len);
	it->len = len;
}

static void
test_silence(void)
{
	int			i;

	begin();
	for (i = 0; i < 12; i++)
	{
		rotate();
		if (i % 3 == 0)
			ledger_seal(&l);
	}
	ledger_seal(&l);
	run_all();
	finds("twelve rotations, with blocks between them and without", 0);
	ok(o.audit.nkeys == CC_AUDIT_KEYS, "the engine holds the newest keys only");
	begin();
	rotate();
	ledger_build_incarnation(&l);
	ledger_use_key(&l, 3);
	ledger_announce(&l, 4);
	ledger_seal(&l);
	ledger_use_key(&l, 4);
	ledger_seal(&l);
	run_all();
	finds("a rotation before a new incarnation, and one in it", 0);
}

/* A key announced, then a restore: never used, and passed over. */
static void
test_overtaken(void)
{
	begin();
	ledger_announce(&l, 2);
	cc_signer_free(l.next);
	l.next = NULL;
	l.incarnation = 2;
	l.origin = LEDGER_ORIGIN "/i2";
	ledger_use_key(&l, 3);
	ledger_begin(&l);
	ledger_key_entry(&l, 3, l.signer);
	ledger_commit(&l);
	ledger_seal(&l);
	run_all();
	finds("a key that a restore overtook", 0);
}

static void
test_signatures(void)
{
	cc_signer  *first = signer_of(1);
	cc_signer  *second = signer_of(2);

	begin();
	ledger_seal(&l);
	replace_checkpoint(second, NULL);
	rotate();
	ledger_seal(&l);
	run_all();
	finds("an old block signed with the new key", 1, CC_F_SIGNATURE_INVALID);
	begin();
	rotate();
	ledger_seal(&l);
	replace_checkpoint(first, NULL);
	run_all();
	finds("a new block signed with the old key", 1, CC_F_SIGNATURE_INVALID);
	begin();
	ledger_announce(&l, 2);
	ledger_seal(&l);
	replace_checkpoint(first, NULL);
	ledger_use_key(&l, 2);
	ledger_seal(&l);
	run_all();
	finds("a hand-over that the new key did not sign", 1, CC_F_HANDOVER_UNSIGNED);
	begin();
	ledger_announce(&l, 2);
	ledger_seal(&l);
	replace_checkpoint(second, NULL);
	ledger_use_key(&l, 2);
	ledger_seal(&l);
	run_all();
	finds("a hand-over that the old key did not sign", 1, CC_F_SIGNATURE_INVALID);
	cc_signer_free(first);
	cc_signer_free(second);
}

static void
test_outside(void)
{
	begin();
	rotate();
	ledger_use_key(&l, 1);
	ledger_seal(&l);
	run_all();
	finds("the old key goes on after the hand-over", 1, CC_F_EPOCH_VIOLATION);
	ok(says("is of epoch 1, which ended with the block before"), "it is said which");
	begin();
	ledger_use_key(&l, 2);
	ledger_seal(&l);
	run_all();
	finds("an epoch that nobody announced", 2, CC_F_EPOCH_VIOLATION, CC_F_EPOCH_VIOLATION);
	begin();
	ledger_use_key(&l, 2);
	ledger_begin(&l);
	ledger_key_entry(&l, 2, l.signer);
	ledger_commit(&l);
	ledger_seal(&l);
	run_all();
	finds("an epoch that announces itself", 1, CC_F_EPOCH_VIOLATION);
	ok(says("to which the block before, of epoch 1, did not hand over"), "it is said why");
	begin();
	rotate();
	ledger_seal(&l);
	ledger_use_key(&l, 1);
	ledger_seal(&l);
	run_all();
	finds("back to an older epoch", 1, CC_F_EPOCH_VIOLATION);
	ok(says("goes back from epoch 2 to 1"), "it is said from where");
}

static void
test_sequence(void)
{
	begin();
	ledger_announce(&l, 3);
	ledger_seal(&l);
	ledger_use_key(&l, 3);
	ledger_seal(&l);
	run_all();
	finds("an epoch is skipped", 2, CC_F_EPOCH_VIOLATION, CC_F_EPOCH_VIOLATION);
	ok(says("the key of epoch 3 follows that of epoch 1"), "it is said which");
	begin();
	ledger_begin(&l);
	ledger_key_entry(&l, 1, l.signer);
	ledger_commit(&l);
	ledger_seal(&l);
	run_all();
	finds("the same key announced twice", 1, CC_F_EPOCH_VIOLATION);
	ok(says("a second key for epoch 1"), "it is said of which epoch");
}

/* Two keys for one epoch: of two blocks, and of one. */
static void
test_second_key(void)
{
	cc_signer  *other = signer_of(77);
	cc_signer  *second;

	begin();
	rotate();
	ledger_begin(&l);
	ledger_key_entry(&l, 2, other);
	ledger_commit(&l);
	ledger_seal(&l);
	run_all();
	finds("a second key of the epoch in force", 1, CC_F_EPOCH_VIOLATION);
	begin();
	ledger_announce(&l, 2);
	ledger_begin(&l);
	ledger_key_entry(&l, 2, other);
	ledger_commit(&l);
	ledger_seal(&l);
	ledger_use_key(&l, 2);
	ledger_seal(&l);
	run_all();
	finds("two keys for the next epoch in one block", 1, CC_F_EPOCH_VIOLATION);
	begin();
	must(cc_signer_generate(&second, CC_SIG_ECDSA_P256));
	rotate();
	ledger_begin(&l);
	ledger_key_entry(&l, 2, second);
	ledger_commit(&l);
	ledger_seal(&l);
	run_all();
	finds("nor one of another type", 1, CC_F_EPOCH_VIOLATION);
	begin();
	ledger_announce(&l, 2);
	ledger_begin(&l);
	ledger_key_entry(&l, 3, other);
	ledger_commit(&l);
	ledger_seal(&l);
	run_all();
	finds("two keys to follow in one block", 1, CC_F_EPOCH_VIOLATION);
	ok(says("the key of epoch 3 is announced in a block of epoch 1"), "it is said which");
	cc_signer_free(other);
	cc_signer_free(second);
}

/* Seal what announce() made, signed by both keys. */
static void
seal_and_check(const char *name)
{
	l.next = signer_of(2);
	ledger_seal(&l);
	ledger_use_key(&l, 2);
	ledger_seal(&l);
	run_all();
	finds(name, 1, CC_F_KEY_UNPROVEN);
}

static void
test_possession(void)
{
	cc_signer  *second = signer_of(2);
	cc_signer  *other = signer_of(77);
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	char		text[] = "hospital.example/custody\n2\nAAAA\n";
	size_t		len;
	cc_vkey		key;
	int			i;

	must(cc_signer_vkey(second, LEDGER_ORIGIN, &key));
	begin();
	announce(2, &key, NULL, 0);
	seal_and_check("a key without proof that it is held");
	begin();
	must(cc_signer_possess(other, 2, LEDGER_ORIGIN, signature, &len));
	announce(2, &key, signature, len);
	seal_and_check("a proof by another key");
	begin();
	must(cc_signer_possess(second, 3, LEDGER_ORIGIN, signature, &len));
	announce(2, &key, signature, len);
	seal_and_check("a proof for another epoch");
	begin();
	must(cc_signer_possess(second, 2, LEDGER_ORIGIN "/i2", signature, &len));
	announce(2, &key, signature, len);
	seal_and_check("a proof for another origin");
	begin();
	must(cc_signer_sign(second, text, strlen(text), signature, &len));
	announce(2, &key, signature, len);
	seal_and_check("a signature of a checkpoint as the proof");
	must(cc_signer_possess(second, 2, LEDGER_ORIGIN, signature, &len));
	for (i = 0; i < 64; i += 9)
	{
		begin();
		signature[i] ^= 1;
		announce(2, &key, signature, len);
		signature[i] ^= 1;
		seal_and_check("one bit of the proof");
	}
	begin();
	announce(2, &key, signature, len);
	l.next = signer_of(2);
	ledger_seal(&l);
	run_all();
	finds("and the proof as it was", 0);
	cc_signer_free(second);
	cc_signer_free(other);
}

/* Does the last block hand over, as far as the engine saw? */
static bool
hands_over(void)
{
	o.n = 0;
	cc_audit_init(&o.audit, ledger_idle_salter());
	feed(&o, l.items, 0, l.n);
	return o.audit.successor >= 0;
}

static void
test_successor(void)
{
	cc_signer  *first = signer_of(1);
	cc_vkey		key;

	begin();
	ok(!hands_over(), "no successor where none is announced");
	ledger_announce(&l, 2);
	must(cc_signer_vkey(l.next, l.origin, &key));
	ledger_seal(&l);
	ok(hands_over() && o.audit.keys[o.audit.successor].key.id == key.id,
	   "a sound hand-over names the successor");
	l.items[1].data[l.items[1].len - 1] ^= 1;
	ok(!hands_over(), "none in a tree that is not the signed one");
	l.items[1].data[l.items[1].len - 1] ^= 1;
	replace_checkpoint(first, NULL);
	ok(!hands_over(), "none that did not sign");
	begin();
	announce(2, &key, NULL, 0);
	l.next = signer_of(2);
	ledger_seal(&l);
	ok(!hands_over(), "none that is not shown to be held");
	cc_signer_free(first);
}

static void
test_p256(void)
{
	cc_signer  *second;

	begin();
	must(cc_signer_generate(&second, CC_SIG_ECDSA_P256));
	ledger_begin(&l);
	ledger_key_entry(&l, 2, second);
	ledger_commit(&l);
	l.next = second;
	ledger_seal(&l);
	ok(hands_over(), "a P-256 key may follow an Ed25519 one");
	finish(&o);
	finds("and is silent", 0);
}

/* The engine begins after the block that hands over. */
static void
resume_after(cc_block *last, uint32_t announced, uint32_t next_epoch)
{
	static cc_frontier log;
	uint8_t		hash[CC_DIGEST_SIZE];
	int			from = l.n - 2;
	int			header = from;
	cc_vkey		key;
	int			i;

	cc_frontier_init(&log);
	for (i = 0; i < from; i++)
	{
		if (l.items[i].kind != CC_BUNDLE_LEAF)
			continue;
		cc_merkle_leaf(hash, l.items[i].data, l.items[i].len);
		cc_frontier_append(&log, hash);
		if (cc_block_decode(last, l.items[i].data, l.items[i].len) == CC_OK)
			header = i;
	}
	must(cc_block_decode(last, l.items[header].data, l.items[header].len));
	o.n = 0;
	cc_audit_init(&o.audit, ledger_idle_salter());
	cc_audit_resume(&o.audit, &log, LEDGER_ORIGIN);
	for (i = 1; i <= 2; i++)
	{
		cc_signer  *signer = signer_of((uint8_t) i);

		must(cc_signer_vkey(signer, LEDGER_ORIGIN, &key));
		must(cc_audit_key_add(&o.audit, (uint32_t) i, &key));
		cc_signer_free(signer);
	}
	cc_audit_past(&o.audit, last, announced, next_epoch);
	feed(&o, l.items, from, l.n);
	finish(&o);
}

static void
test_resume(void)
{
	cc_block	last;

	begin();
	rotate();
	ledger_seal(&l);
	resume_after(&last, 2, 2);
	finds("resumed after a hand-over: the new key", 0);
	begin();
	rotate();
	ledger_use_key(&l, 1);
	ledger_seal(&l);
	resume_after(&last, 2, 2);
	finds("resumed after a hand-over: the old key goes on", 1, CC_F_EPOCH_VIOLATION);
}

int
main(void)
{
	ledger_init(&l);
	test_silence();
	test_overtaken();
	test_signatures();
	test_outside();
	test_sequence();
	test_second_key();
	test_possession();
	test_successor();
	test_p256();
	test_resume();
	ledger_free(&l);
	return done_testing();
}
