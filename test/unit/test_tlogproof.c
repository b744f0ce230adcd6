/*
 * test_tlogproof.c
 *	  Leaf proofs and add-checkpoint bodies: every leaf and every pair of
 *	  sizes holds, and no change of a text passes for it.
 */
#include "prove.h"
#include "spoil.h"
#include "tap.h"
#include "tree_reference.h"

#define LOG_MAX 70

static prove_hash leaves[LOG_MAX];
static cc_signer *signer;
static cc_vkey key;

/* What the judges hold a text against. */
static prove_text proof;
static uint64_t number;
static prove_hash known;		/* leaf hash, or old root */
static prove_text note;

static void
setup(void)
{
	uint8_t		seed[32];
	uint64_t	i;

	memset(seed, 1, sizeof(seed));
	must(cc_signer_from_seed(&signer, seed));
	must(cc_signer_vkey(signer, LEDGER_ORIGIN, &key));
	for (i = 0; i < LOG_MAX; i++)
		reference_leaf(leaves[i], i);
}

static void
make_note(uint64_t size)
{
	prove_hash	root;

	prove_root(root, (const prove_hash *) leaves, size);
	note.len = ledger_note(note.data, signer, &key, LEDGER_ORIGIN, size,
						   root);
}

static void
append(const char *text)
{
	prove_add(&proof, text, strlen(text));
}

static void
make_leaf_proof(uint64_t index, uint64_t size)
{
	char		head[CC_TLOG_PROOF_MAX + 1];
	cc_tlog_proof p;

	memset(&p, 0, sizeof(p));
	p.number = number = index;
	p.nhashes = prove_inclusion(p.hashes, (const prove_hash *) leaves, index,
								size);
	memcpy(known, leaves[index], sizeof(known));
	proof.len = 0;
	prove_add(&proof, head, cc_tlog_proof_format(head, &p));
	prove_add(&proof, note.data, note.len);
}

static void
make_growth_proof(uint64_t old_size, uint64_t size)
{
	char		head[CC_TLOG_PROOF_MAX + 1];
	cc_tlog_proof p;

	memset(&p, 0, sizeof(p));
	p.number = number = old_size;
	p.nhashes = prove_consistency(p.hashes, (const prove_hash *) leaves,
								  old_size, size);
	prove_root(known, (const prove_hash *) leaves, old_size);
	proof.len = 0;
	prove_add(&proof, head, cc_add_checkpoint_format(head, &p));
	prove_add(&proof, note.data, note.len);
}

/* As a verifier reads them */

typedef cc_status (*parser) (cc_tlog_proof *p, const char *text, size_t len);
typedef cc_status (*checker) (const cc_tlog_proof *p, const cc_checkpoint *c,
							  const uint8_t hash[CC_DIGEST_SIZE]);

static spoil_verdict
judge(parser parse, checker check, const char *text, size_t len)
{
	char	   *copy = (char *) exact_copy(text, len);
	spoil_verdict verdict = SPOIL_REFUSED;
	cc_checkpoint c;
	cc_tlog_proof p;
	cc_status	status = parse(&p, copy, len);

	if (status == CC_OK)
		status = cc_checkpoint_parse(&c, (const char *) p.note.data,
									 p.note.len);
	if (status == CC_OK)
		status = cc_checkpoint_check(&c, &key);
	if (status == CC_OK)
		status = check(&p, &c, known);
	if (status == CC_OK)
		verdict = p.number == number && c.text.len <= note.len &&
			memcmp(c.text.data, note.data, c.text.len) == 0 ?
			SPOIL_SAME : SPOIL_OTHER;
	free(copy);
	return verdict;
}

static spoil_verdict
judge_leaf(const char *text, size_t len)
{
	return judge(cc_tlog_proof_parse, cc_tlog_proof_check, text, len);
}

static spoil_verdict
judge_growth(const char *text, size_t len)
{
	return judge(cc_add_checkpoint_parse, cc_add_checkpoint_check, text, len);
}

/* Round trips */

/* Does the text parse, and is it written alike? */
static bool
round_trip(parser parse,
		   size_t (*format) (char out[CC_TLOG_PROOF_MAX + 1],
							 const cc_tlog_proof *p))
{
	char		head[CC_TLOG_PROOF_MAX + 1];
	cc_tlog_proof p;
	size_t		n;

	if (parse(&p, proof.data, proof.len) != CC_OK)
		return false;
	n = format(head, &p);
	return n == strlen(head) && n + p.note.len == proof.len &&
		memcmp(head, proof.data, n) == 0 &&
		memcmp(p.note.data, proof.data + n, p.note.len) == 0;
}

static void
test_logs(void)
{
	int			failed_leaves = 0;
	int			failed_pairs = 0;
	uint64_t	size;
	uint64_t	i;

	for (size = 1; size <= LOG_MAX; size++)
	{
		make_note(size);
		for (i = 0; i <= size; i++)
		{
			make_growth_proof(i, size);
			failed_pairs +=
				judge_growth(proof.data, proof.len) != SPOIL_SAME ||
				!round_trip(cc_add_checkpoint_parse, cc_add_checkpoint_format);
			if (i == size)
				break;
			make_leaf_proof(i, size);
			failed_leaves +=
				judge_leaf(proof.data, proof.len) != SPOIL_SAME ||
				!round_trip(cc_tlog_proof_parse, cc_tlog_proof_format);
		}
	}
	ok(failed_leaves == 0, "every leaf of logs of 1 to %d", LOG_MAX);
	ok(failed_pairs == 0, "growth from every size to 1 to %d", LOG_MAX);
}

static void
test_other_leaves(void)
{
	int			accepted = 0;
	uint64_t	i;
	uint64_t	k;

	make_note(11);
	for (i = 0; i < 11; i++)
	{
		make_leaf_proof(i, 11);
		for (k = 0; k < 11; k++)
		{
			memcpy(known, leaves[k], sizeof(known));
			accepted += k != i &&
				judge_leaf(proof.data, proof.len) != SPOIL_REFUSED;
		}
	}
	ok(accepted == 0, "no leaf by another's path");
	for (i = 0; i <= 11; i++)
	{
		make_growth_proof(i, 11);
		for (k = 0; k <= 11; k++)
		{
			prove_root(known, (const prove_hash *) leaves, k);
			accepted += k != i &&
				judge_growth(proof.data, proof.len) != SPOIL_REFUSED;
		}
	}
	ok(accepted == 0, "no growth from another root");
}

static void
test_signers(void)
{
	cc_vkey		right = key;

	make_note(11);
	make_leaf_proof(5, 11);
	key = prove_key(LEDGER_ORIGIN, 2);
	ok(judge_leaf(proof.data, proof.len) == SPOIL_REFUSED,
	   "another epoch's key");
	key = prove_key("other.example/custody", 1);
	ok(judge_leaf(proof.data, proof.len) == SPOIL_REFUSED,
	   "the key of another origin");
	key = right;
}

/* The longest proofs fit, and one hash more is refused. */
static void
test_longest(void)
{
	static char text[CC_TLOG_PROOF_MAX + 1];
	cc_tlog_proof p;
	cc_tlog_proof again;
	size_t		n;

	memset(&p, 0, sizeof(p));
	p.number = INT64_MAX;
	p.nhashes = CC_FRONTIER_MAX;
	n = cc_tlog_proof_format(text, &p);
	ok(n <= CC_TLOG_PROOF_MAX &&
	   cc_tlog_proof_parse(&again, text, n) == CC_OK && again.nhashes == 63 &&
	   again.number == INT64_MAX && again.note.len == 0, "63 hashes");
	n = cc_add_checkpoint_format(text, &p);
	ok(cc_add_checkpoint_parse(&again, text, n) == CC_OK &&
	   again.nhashes == 63, "63 hashes of growth");
	p.nhashes++;
	n = cc_tlog_proof_format(text, &p);
	ok(cc_tlog_proof_parse(&again, text, n) == CC_E_FORM, "64 are refused");
	n = cc_add_checkpoint_format(text, &p);
	ok(cc_add_checkpoint_parse(&again, text, n) == CC_E_FORM,
	   "64 of growth too");
}

#define LEAF "c2sp.org/tlog-proof@v1\n"
#define HASH "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"

static void
test_forms(void)
{
	static const struct
	{
		const char *what;
		const char *text;
		cc_status	status;
	}			cases[] = {
		{"no hash", LEAF "index 0\n\n", CC_OK},
		{"an extra line", LEAF "extra QQ==\nindex 1\n" HASH "\n", CC_OK},
		{"an index of 2^63 - 1",
			LEAF "index 9223372036854775807\n\n", CC_OK},
		{"an index of 2^63",
			LEAF "index 9223372036854775808\n\n", CC_E_VALUE},
		{"an index of 2^64",
			LEAF "index 18446744073709551616\n\n", CC_E_FORM},
		{"an empty index", LEAF "index \n\n", CC_E_FORM},
		{"a leading zero", LEAF "index 01\n\n", CC_E_FORM},
		{"a sign", LEAF "index -1\n\n", CC_E_FORM},
		{"two spaces", LEAF "index  1\n\n", CC_E_FORM},
		{"a trailing space", LEAF "index 1 \n\n", CC_E_FORM},
		{"no index", LEAF HASH "\n", CC_E_FORM},
		{"two indexes", LEAF "index 1\nindex 1\n\n", CC_E_FORM},
		{"the wrong word", LEAF "old 1\n\n", CC_E_FORM},
		{"two extra lines",
			LEAF "extra QQ==\nextra QQ==\nindex 1\n\n", CC_E_FORM},
		{"an empty extra line", LEAF "extra \nindex 1\n\n", CC_E_FORM},
		{"an extra line in other base64",
			LEAF "extra QR==\nindex 1\n\n", CC_E_FORM},
		{"an extra line behind the index",
			LEAF "index 1\nextra QQ==\n\n", CC_E_FORM},
		{"another version",
			"c2sp.org/tlog-proof@v2\nindex 1\n\n", CC_E_FORM},
		{"a longer version",
			"c2sp.org/tlog-proof@v10\nindex 1\n\n", CC_E_FORM},
		{"no header", "index 1\n\n", CC_E_FORM},
		{"CR LF", "c2sp.org/tlog-proof@v1\r\nindex 1\r\n\r\n", CC_E_FORM},
		{"a hash without padding",
			LEAF "index 1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n\n",
		CC_E_FORM},
		{"a hash of 31 bytes",
			LEAF "index 1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQw==\n\n",
		CC_E_FORM},
		{"a hash of 33 bytes",
			LEAF "index 1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQygA\n\n",
		CC_E_FORM},
		{"no empty line", LEAF "index 1\n" HASH, CC_E_TRUNCATED},
		{"no line feed", LEAF "index 1", CC_E_TRUNCATED},
		{"the header alone", LEAF, CC_E_TRUNCATED},
		{"nothing", "", CC_E_TRUNCATED}
	};
	cc_tlog_proof p;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		len = strlen(cases[i].text);
		char	   *copy = (char *) exact_copy(cases[i].text, len);

		ok(cc_tlog_proof_parse(&p, copy, len) == cases[i].status, "%s: %s",
		   cases[i].what, cc_status_text(cases[i].status));
		free(copy);
	}
}

/* Longer than the pieces in which the extra line is looked at. */
static void
test_long_extra(void)
{
	cc_tlog_proof p;
	int			failed = 0;
	int			at;

	for (at = 0; at < 200; at++)
	{
		proof.len = 0;
		append(LEAF "extra ");
		while (proof.len < strlen(LEAF "extra ") + 200)
			append("QQQQ");
		proof.data[strlen(LEAF "extra ") + (size_t) at] = '=';
		append("\nindex 1\n\n");
		failed += (cc_tlog_proof_parse(&p, proof.data, proof.len) == CC_OK) !=
			(at == 199);
	}
	ok(failed == 0, "padding within an extra line");
}

static void
test_growth_forms(void)
{
	cc_tlog_proof p;
	const char *good = "old 0\n\nx";

	ok(cc_add_checkpoint_parse(&p, good, strlen(good)) == CC_OK &&
	   p.number == 0 && p.nhashes == 0 && slice_is(p.note, "x"),
	   "growth from nothing");
	ok(cc_add_checkpoint_parse(&p, "old 9223372036854775808\n\n", 25) ==
	   CC_E_VALUE, "an old size of 2^63");
	ok(cc_add_checkpoint_parse(&p, "index 1\n\n", 9) == CC_E_FORM,
	   "an index for an old size");
	ok(cc_add_checkpoint_parse(&p, "extra QQ==\nold 1\n\n", 18) == CC_E_FORM,
	   "no extra line here");
	ok(cc_add_checkpoint_parse(&p, "old 1", 5) == CC_E_TRUNCATED,
	   "no line feed");
}

int
main(void)
{
	setup();
	test_logs();
	test_other_leaves();
	test_signers();
	make_note(11);
	make_leaf_proof(5, 11);
	spoil_text("leaf", proof.data, proof.len, judge_leaf);
	make_note(1);
	make_leaf_proof(0, 1);
	spoil_text("only leaf", proof.data, proof.len, judge_leaf);
	make_note(11);
	make_growth_proof(6, 11);
	spoil_text("growth", proof.data, proof.len, judge_growth);
	test_longest();
	test_forms();
	test_long_extra();
	test_growth_forms();
	cc_signer_free(signer);
	return done_testing();
}
