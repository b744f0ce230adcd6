/*
 * test_policy.c
 *	  tlog-policy: the specification's example, each of its rules broken, and
 *	  what makes a quorum.
 */
#include <openssl/crypto.h>

#include "core/policy.h"
#include "core/sigmake.h"

#include "octets.h"
#include "tap.h"
#include "vectors.h"

#define ORIGIN "log.example/custody"
#define WITNESSES 8
#define TEXT_MAX 200000
#define POST_QUANTUM 5			/* among the vectors */

static cc_policy policy;
static cc_policy_fault fault;
static char text[TEXT_MAX];

/* The note at hand. */
static char note[120 * CC_NOTE_LINE_MAX];
static size_t note_len;
static size_t text_len;			/* of what is signed */

/* Keys */

static cc_signer *
signer_of(int n)
{
	uint8_t		seed[32];
	cc_signer  *s;

	memset(seed, 'a' + n, sizeof(seed));
	if (cc_signer_from_seed(&s, seed) != CC_OK)
		abort();
	return s;
}

/* A log's key, or the same as a witness's. */
static cc_vkey
key_of(int n, uint8_t type, const char *name)
{
	cc_signer  *s = signer_of(n);
	cc_vkey		k;

	if (cc_signer_vkey(s, name, &k) != CC_OK)
		abort();
	cc_signer_free(s);
	k.type = type;
	k.id = cc_key_id(type, k.name, k.key, k.key_len);
	return k;
}

static cc_vkey
witness_key(int n)
{
	char		name[] = "witness.example/0";

	name[sizeof(name) - 2] = (char) ('0' + n);
	return key_of(n, CC_SIG_COSIGNATURE, name);
}

/* Policies */

static char *
put_key(char *to, cc_vkey k)
{
	cc_vkey_format(to, &k);
	return to + strlen(to);
}

/*
 * Write a policy: @0 to @7 are the verifier keys of witnesses, @L and @M of
 * logs, @P the post-quantum one, @N one of another name and type around the
 * public key of witness 0, @n the same as a witness's, @B nonsense.
 */
static size_t
expand(const char *from)
{
	char	   *to = text;

	for (; *from != '\0'; from++)
	{
		if (*from != '@')
		{
			*to++ = *from;
			continue;
		}
		from++;
		if (*from >= '0' && *from <= '7')
			to = put_key(to, witness_key(*from - '0'));
		else if (*from == 'L')
			to = put_key(to, key_of(20, CC_SIG_ED25519, ORIGIN));
		else if (*from == 'M')
			to = put_key(to, key_of(21, CC_SIG_ED25519, ORIGIN));
		else if (*from == 'N')
			to = put_key(to, key_of(0, CC_SIG_ED25519, "other.example"));
		else if (*from == 'n')
			to = put_key(to, key_of(0, CC_SIG_COSIGNATURE, "other.example"));
		else if (*from == 'P')
			to += strlen(strcpy(to, note_vectors[POST_QUANTUM].vkey));
		else
			to += strlen(strcpy(to, "a+00000000+AQAA"));
	}
	return (size_t) (to - text);
}

/* Names point into the copy: it is kept until the next call. */
static cc_status
parse(const char *from)
{
	static char *copy;
	size_t		len = expand(from);

	free(copy);
	copy = (char *) exact_copy(text, len);
	return cc_policy_parse(&policy, copy, len, &fault);
}

static void
holds(const char *what, const char *from)
{
	cc_status	status = parse(from);

	ok(status == CC_OK && fault.what == NULL, "%s: %s", what,
	   fault.what == NULL ? "a policy" : fault.what);
}

static void
refused(const char *what, uint64_t line, const char *from)
{
	cc_status	status = parse(from);

	ok(status != CC_OK && fault.what != NULL && fault.line == line,
	   "refused: %s (line %d: %s)", what, (int) fault.line,
	   fault.what == NULL ? "nothing" : fault.what);
}

#define EXAMPLE \
	"log @L\n" \
	"\n" \
	"witness X1 @0\n" \
	"witness X2 @1\n" \
	"witness X3 @2\n" \
	"group X-witnesses 2 X1 X2 X3\n" \
	"\n" \
	"witness Y1 @3\n" \
	"witness Y2 @4\n" \
	"witness Y3 @5\n" \
	"group Y-witnesses any Y1 Y2 Y3\n" \
	"\n" \
	"group X-and-Y all X-witnesses Y-witnesses\n" \
	"quorum X-and-Y\n"

static void
test_forms(void)
{
	holds("the specification's example", EXAMPLE);
	ok(policy.nlogs == 1 && policy.nwitnesses == 6 && policy.nnodes == 9 &&
	   policy.quorum == 8 && policy.nodes[8].threshold == 2 &&
	   policy.nodes[0].parent == 3 && policy.nodes[3].parent == 8 &&
	   policy.nodes[8].parent == -1, "its trees");
	holds("no witness", "quorum none\n");
	ok(policy.quorum == -1 && policy.has_quorum, "no quorum");
	holds("one witness", "witness w @0\nquorum w\n");
	holds("tabs, spaces, comments, URLs",
		  "# a comment\n\t # another\x80\n \t\nlog\t@L  https://log.example/ \n"
		  "  witness \xC3\xA4 @0 https://w.example/\nquorum\t\xC3\xA4\t\n# end\n");
	holds("two logs", "log @L\nlog @M\nquorum none\n");
	holds("names of keywords",
		  "witness all @0\nwitness quorum @1\ngroup any any all quorum\nquorum any\n");
	holds("a post-quantum log", "log @P\nquorum none\n");
	holds("a post-quantum witness", "witness w @P\nquorum w\n");
	holds("lines in another order", "witness w @0\nquorum w\nlog @L\nwitness v @1\n");
	holds("a public key of a log and of a witness", "log @N\nwitness w @0\nquorum w\n");
	holds("a name that begins with another's",
		  "witness a @0\nwitness ab @1\ngroup abc all a ab\nquorum abc\n");
}

static void
test_rules(void)
{
	refused("nothing", 1, "");
	refused("no quorum", 2, "log @L\n");
	refused("two quorums", 2, "quorum none\nquorum none\n");
	refused("a quorum not defined", 1, "quorum w\n");
	refused("a quorum defined later", 1, "quorum w\nwitness w @0\n");
	refused("a quorum without a name", 1, "quorum\n");
	refused("two names in a quorum", 3, "witness a @0\nwitness b @1\nquorum a b\n");
	refused("another word", 1, "tree @L\nquorum none\n");
	refused("a word in capitals", 1, "Log @L\nquorum none\n");
	refused("no last line feed", 1, "quorum none");
	refused("a carriage return", 1, "quorum none\r\n");
	refused("a form feed for a space", 1, "quorum\fnone\n");
	refused("a NUL byte's neighbour", 1, "quorum none \x01\n");
	refused("a delete character", 1, "# \x7F\nquorum none\n");
	refused("a control character in a comment", 2, "quorum none\n# \x1B\n");
	refused("a comment behind a line", 1, "quorum none # of them\n");
	refused("a log without a key", 1, "log\nquorum none\n");
	refused("a log with a broken key", 1, "log @B\nquorum none\n");
	refused("two URLs", 1, "log @L a b\nquorum none\n");
	refused("a log's key of a witness's type", 1, "log @0\nquorum none\n");
	refused("a log twice", 2, "log @L\nlog @L\nquorum none\n");
	refused("a witness without a key", 1, "witness w\nquorum w\n");
	refused("a witness without a name", 1, "witness\nquorum none\n");
	refused("a witness's key of a log's type", 1, "witness w @L\nquorum w\n");
	refused("a witness's key twice", 2, "witness a @0\nwitness b @0\nquorum a\n");
	refused("a witness's public key twice", 2, "witness a @0\nwitness b @n\nquorum a\n");
	refused("a witness's name twice", 2, "witness a @0\nwitness a @1\nquorum a\n");
	refused("a witness called none", 1, "witness none @0\nquorum none\n");
	refused("a group called none", 2, "witness a @0\ngroup none any a\nquorum none\n");
	refused("a group with a witness's name", 2, "witness a @0\ngroup a any a\nquorum a\n");
	refused("a group's name twice", 4,
			"witness a @0\nwitness b @1\ngroup g any a\ngroup g any b\nquorum g\n");
	refused("a group without a member", 1, "group g all\nquorum g\n");
	refused("a group without a threshold", 1, "group g\nquorum g\n");
	refused("none as a member", 2, "witness a @0\ngroup g any a none\nquorum g\n");
	refused("a member not defined", 2, "witness a @0\ngroup g any a b\nquorum g\n");
	refused("a member defined later", 1, "group g any a\nwitness a @0\nquorum g\n");
	refused("a group as its own member", 2, "witness a @0\ngroup g any a g\nquorum g\n");
	refused("a member twice", 2, "witness a @0\ngroup g any a a\nquorum g\n");
	refused("a member of two groups", 3,
			"witness a @0\ngroup g any a\ngroup h any a g\nquorum h\n");
	refused("a threshold of none", 2, "witness a @0\ngroup g 0 a\nquorum g\n");
	refused("a threshold too high", 2, "witness a @0\ngroup g 2 a\nquorum g\n");
	refused("a threshold with a leading zero", 2, "witness a @0\ngroup g 01 a\nquorum g\n");
	refused("a threshold with a sign", 2, "witness a @0\ngroup g -1 a\nquorum g\n");
	refused("a threshold of 2^64 + 1", 2,
			"witness a @0\ngroup g 18446744073709551617 a\nquorum g\n");
	refused("a threshold in words", 2, "witness a @0\ngroup g most a\nquorum g\n");
}

/* Groups in groups, each of the one before, as many as there may be. */
static size_t
many_groups(int n)
{
	char	   *to = text;
	int			i;

	to = put_key(to + sprintf(to, "witness g0 "), witness_key(0));
	to += sprintf(to, "\n");
	for (i = 1; i <= n; i++)
		to += sprintf(to, "group g%d all g%d\n", i, i - 1);
	return (size_t) (to - text) + (size_t) sprintf(to, "quorum g%d\n", n);
}

static size_t
many_keys(const char *word, uint8_t type, int n)
{
	char	   *to = text;
	char		name[32];
	int			i;

	for (i = 0; i < n; i++)
	{
		to += sprintf(to, word, i);
		sprintf(name, "k.example/%d", i);
		to = put_key(to, key_of(i, type, name));
		to += sprintf(to, "\n");
	}
	return (size_t) (to - text) + (size_t) sprintf(to, "quorum none\n");
}

static void
test_limits(void)
{
	size_t		len = many_groups(CC_POLICY_GROUPS_MAX);

	ok(cc_policy_parse(&policy, text, len, &fault) == CC_OK &&
	   CC_POLICY_GROUPS_MAX >= 32, "%d groups", CC_POLICY_GROUPS_MAX);
	len = many_groups(CC_POLICY_GROUPS_MAX + 1);
	ok(cc_policy_parse(&policy, text, len, &fault) == CC_E_SPACE, "no more");
	len = many_keys("witness w%d ", CC_SIG_COSIGNATURE, CC_POLICY_WITNESSES_MAX);
	ok(cc_policy_parse(&policy, text, len, &fault) == CC_OK &&
	   CC_POLICY_WITNESSES_MAX >= 32, "%d witnesses", CC_POLICY_WITNESSES_MAX);
	len = many_keys("witness w%d ", CC_SIG_COSIGNATURE, CC_POLICY_WITNESSES_MAX + 1);
	ok(cc_policy_parse(&policy, text, len, &fault) == CC_E_SPACE, "no more");
	len = many_keys("log ", CC_SIG_ED25519, CC_POLICY_LOGS_MAX);
	ok(cc_policy_parse(&policy, text, len, &fault) == CC_OK &&
	   CC_POLICY_LOGS_MAX >= 32, "%d logs", CC_POLICY_LOGS_MAX);
	len = many_keys("log ", CC_SIG_ED25519, CC_POLICY_LOGS_MAX + 1);
	ok(cc_policy_parse(&policy, text, len, &fault) == CC_E_SPACE, "no more");
}

/* A policy cut anywhere is none, and reads nothing beyond its end. */
static void
test_cuts(void)
{
	size_t		len = expand(EXAMPLE);
	int			accepted = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		char	   *copy = (char *) exact_copy(text, i);

		accepted += cc_policy_parse(&policy, copy, i, &fault) == CC_OK;
		free(copy);
	}
	ok(accepted == 0, "no cut policy");
}

/* Notes */

static void
append_line(const cc_vkey *k, const uint8_t *signature, size_t len)
{
	note_len += cc_note_line(note + note_len, k->name, k->id, signature, len);
}

/* Text and log signature. */
static void
begin_note(void)
{
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	uint8_t		root[CC_DIGEST_SIZE] = {7};
	cc_vkey		k = key_of(20, CC_SIG_ED25519, ORIGIN);
	cc_signer  *s = signer_of(20);
	size_t		n;

	text_len = cc_checkpoint_text(note, ORIGIN, 5, root);
	note_len = text_len;
	note[note_len++] = '\n';
	if (cc_signer_sign(s, note, text_len, signature, &n) != CC_OK)
		abort();
	append_line(&k, signature, n);
	cc_signer_free(s);
}

static void
cosign(int n, bool well)
{
	char		message[1024] = "cosignature/v1\ntime 5\n";
	uint8_t		signature[8 + CC_MADE_SIGNATURE_MAX];
	cc_signer  *s = signer_of(n);
	cc_vkey		k = witness_key(n);
	size_t		head = strlen(message);
	size_t		len;

	memcpy(message + head, note, text_len);
	cc_store_u64(signature, 5);
	if (cc_signer_sign(s, message, head + text_len, signature + 8, &len) != CC_OK)
		abort();
	cc_signer_free(s);
	signature[20] ^= !well;
	append_line(&k, signature, 8 + len);
}

static cc_status
quorum(void)
{
	cc_checkpoint c;

	if (cc_checkpoint_parse(&c, note, note_len) != CC_OK)
		abort();
	return cc_policy_quorum(&policy, &c);
}

/* A note cosigned by the witnesses of the digits. */
static cc_status
quorum_of(const char *witnesses)
{
	begin_note();
	for (; *witnesses != '\0'; witnesses++)
		cosign(*witnesses - '0', true);
	return quorum();
}

static void
test_example(void)
{
	int			wrong = 0;
	int			set;

	holds("the example again", EXAMPLE);
	for (set = 0; set < 64; set++)
	{
		int			x = (set & 1) + (set >> 1 & 1) + (set >> 2 & 1);
		bool		met = x >= 2 && set >> 3 != 0;
		int			i;

		begin_note();
		for (i = 5; i >= 0; i--)
			if (set >> i & 1)
				cosign(i, true);
		wrong += quorum() != (met ? CC_OK : CC_E_QUORUM);
	}
	ok(wrong == 0, "all 64 sets of its witnesses");
	ok(quorum_of("00003") == CC_E_QUORUM, "the same witness twice counts once");
	ok(quorum_of("0673") == CC_E_QUORUM && quorum_of("06713") == CC_OK,
	   "witnesses outside of the policy do not count");
}

static void
test_arithmetic(void)
{
	holds("none", "witness a @0\nquorum none\n");
	ok(quorum_of("") == CC_OK, "nobody need have signed");
	holds("one", "witness a @0\nwitness b @1\nquorum a\n");
	ok(quorum_of("0") == CC_OK && quorum_of("1") == CC_E_QUORUM &&
	   quorum_of("") == CC_E_QUORUM, "that one");
	holds("a group that is not asked for",
		  "witness a @0\nwitness b @1\ngroup g all a b\nquorum a\n");
	ok(quorum_of("0") == CC_OK && quorum_of("1") == CC_E_QUORUM, "only its member");
	holds("two of three groups",
		  "witness a @0\nwitness b @1\nwitness c @2\nwitness d @3\nwitness e @4\n"
		  "group g all a b\ngroup h any c d\ngroup i 2 g h e\ngroup j any i\nquorum j\n");
	ok(quorum_of("01") == CC_E_QUORUM && quorum_of("012") == CC_OK &&
	   quorum_of("024") == CC_OK && quorum_of("23") == CC_E_QUORUM &&
	   quorum_of("43") == CC_OK && quorum_of("04") == CC_E_QUORUM,
	   "what makes it");
}

static void
test_wrong_lines(void)
{
	holds("any of two", "witness a @0\nwitness b @1\ngroup g any a b\nquorum g\n");
	begin_note();
	cosign(0, true);
	cosign(1, false);
	ok(quorum() == CC_E_SIGNATURE, "a wrong line of a witness spoils the note");
	begin_note();
	cosign(0, true);
	cosign(0, false);
	ok(quorum() == CC_E_SIGNATURE, "also besides a good one of its own");
	begin_note();
	cosign(0, true);
	cosign(5, false);
	ok(quorum() == CC_OK, "one of another witness is passed over");
}

/* The vector's note is signed with the key, as a witness of its log. */
static void
test_post_quantum(void)
{
	bool		able = OpenSSL_version_num() >= 0x30500000UL;
	size_t		alone;

	holds("a post-quantum witness or another",
		  "witness a @P\nwitness b @1\ngroup g any a b\nquorum g\n");
	text_len = strlen(strcpy(note, note_vectors[POST_QUANTUM].text));
	note_len = text_len;
	note[note_len++] = '\n';
	note_len += strlen(strcpy(note + note_len, note_vectors[POST_QUANTUM].line));
	ok(quorum() == (able ? CC_OK : CC_E_UNSUPPORTED), "%s",
	   able ? "is met" : "cannot be told");
	alone = note_len;
	cosign(1, true);
	ok(quorum() == CC_OK, "is met by the other");
	holds("both", "witness a @P\nwitness b @1\ngroup g all a b\nquorum g\n");
	ok(quorum() == (able ? CC_OK : CC_E_UNSUPPORTED), "both");
	note_len = alone;
	ok(quorum() == CC_E_QUORUM, "one alone is not both, whether it can be told or not");
}

int
main(void)
{
	test_forms();
	test_rules();
	test_limits();
	test_cuts();
	test_example();
	test_arithmetic();
	test_wrong_lines();
	test_post_quantum();
	return done_testing();
}
