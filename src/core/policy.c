/*
 * policy.c
 *	  C2SP tlog-policy: parse one, hold a checkpoint against it.
 *
 * A parse ends at the first fault.  What the specification leaves open is
 * refused: an option more on a line, a witness called none, a log's key of a
 * type that only witnesses have.
 */
#include "core/policy.h"

#include <string.h>

typedef struct parser
{
	cc_policy  *p;
	cc_slice	line;			/* what is left of it */
	const char *what;			/* the fault, or NULL */
	cc_status	status;
} parser;

static void
fail(parser *s, cc_status status, const char *what)
{
	if (s->what != NULL)
		return;
	s->what = what;
	s->status = status;
}

/* Words */

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The next word of the line; empty at its end. */
static cc_slice
next_word(parser *s)
{
	cc_slice	word;

	while (s->line.len > 0 && is_space(s->line.data[0]))
	{
		s->line.data++;
		s->line.len--;
	}
	word = s->line;
	word.len = 0;
	while (word.len < s->line.len && !is_space(s->line.data[word.len]))
		word.len++;
	s->line.data += word.len;
	s->line.len -= word.len;
	return word;
}

static bool
word_is(cc_slice word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}

static void
end_line(parser *s)
{
	if (next_word(s).len > 0)
		fail(s, CC_E_TRAILING, "words are left over at the end of the line");
}

/* Names */

/* The node of this name, or -1. */
static int
find_node(const cc_policy *p, cc_slice name)
{
	int			i;

	for (i = 0; i < p->nnodes; i++)
	{
		const cc_policy_node *n = &p->nodes[i];

		if (n->name.len == name.len && memcmp(n->name.data, name.data, name.len) == 0)
			return i;
	}
	return -1;
}

/* A name for a new witness or group. */
static cc_slice
new_name(parser *s)
{
	cc_slice	name = next_word(s);

	if (name.len == 0)
		fail(s, CC_E_FORM, "a name is missing");
	else if (word_is(name, "none"))
		fail(s, CC_E_VALUE, "the name none is predefined");
	else if (find_node(s->p, name) >= 0)
		fail(s, CC_E_VALUE, "the name is already defined");
	return name;
}

static void
add_node(parser *s, cc_slice name, int witness, uint64_t threshold)
{
	cc_policy_node *n = &s->p->nodes[s->p->nnodes++];

	n->name = name;
	n->witness = witness;
	n->parent = -1;
	n->threshold = threshold;
}

/* Logs and witnesses */

/* A verifier key and perhaps a URL, to the end of the line. */
static void
parse_key(parser *s, cc_vkey *k)
{
	cc_slice	word = next_word(s);

	if (s->what != NULL)
		return;
	if (word.len == 0)
		fail(s, CC_E_FORM, "a verifier key is missing");
	else if (cc_vkey_parse(k, (const char *) word.data, word.len) != CC_OK)
		fail(s, CC_E_KEY, "it has no usable verifier key");
	(void) next_word(s);		/* the URL */
	end_line(s);
}

/* Do they wrap the same public key, whatever their names and types? */
static bool
has_key(const cc_vkey *keys, int n, const cc_vkey *k)
{
	int			i;

	for (i = 0; i < n; i++)
		if (keys[i].key_len == k->key_len &&
			memcmp(keys[i].key, k->key, k->key_len) == 0)
			return true;
	return false;
}

static void
parse_log(parser *s)
{
	cc_policy  *p = s->p;
	cc_vkey    *k = &p->logs[p->nlogs];

	if (p->nlogs == CC_POLICY_LOGS_MAX)
	{
		fail(s, CC_E_SPACE, "it has too many logs");
		return;
	}
	parse_key(s, k);
	if (s->what != NULL)
		return;
	if (cc_vkey_witness(k, k->name))
		fail(s, CC_E_KEY, "the key is not of a type that logs sign with");
	else if (has_key(p->logs, p->nlogs, k))
		fail(s, CC_E_VALUE, "another log has the same public key");
	else
		p->nlogs++;
}

static void
parse_witness(parser *s)
{
	cc_policy  *p = s->p;
	cc_vkey    *k = &p->witnesses[p->nwitnesses];
	cc_slice	name;

	if (p->nwitnesses == CC_POLICY_WITNESSES_MAX)
	{
		fail(s, CC_E_SPACE, "it has too many witnesses");
		return;
	}
	name = new_name(s);
	parse_key(s, k);
	if (s->what != NULL)
		return;
	if (k->type != CC_SIG_COSIGNATURE && k->type != CC_SIG_MLDSA_COSIGNATURE)
		fail(s, CC_E_KEY, "the key is not of a type that witnesses sign with");
	else if (has_key(p->witnesses, p->nwitnesses, k))
		fail(s, CC_E_VALUE, "another witness has the same public key");
	else
		add_node(s, name, p->nwitnesses++, 1);
}

/* Groups and the quorum */

/* Make the node of this name a member of a group that is about to be added. */
static void
add_member(parser *s, cc_slice name)
{
	cc_policy  *p = s->p;
	int			i = find_node(p, name);

	if (word_is(name, "none"))
		fail(s, CC_E_VALUE, "none cannot be a member of a group");
	else if (i < 0)
		fail(s, CC_E_VALUE, "a member is not defined on a line before");
	else if (p->nodes[i].parent >= 0)
		fail(s, CC_E_VALUE, "a name is the member of a group twice");
	else
		p->nodes[i].parent = p->nnodes;
}

/* The number of members that must have signed; 0 stands for all. */
static uint64_t
parse_threshold(parser *s)
{
	cc_slice	word = next_word(s);
	uint64_t	k;

	if (word_is(word, "all"))
		return 0;
	if (word_is(word, "any"))
		return 1;
	if (cc_decimal_parse(&k, (const char *) word.data, word.len) != CC_OK || k == 0)
	{
		fail(s, CC_E_VALUE, "the threshold is neither all, any, nor a number from 1 on");
		return 0;
	}
	return k;
}

static void
parse_group(parser *s)
{
	cc_slice	name = new_name(s);
	cc_slice	member;
	uint64_t	threshold = parse_threshold(s);
	uint64_t	members = 0;

	if (s->p->nnodes - s->p->nwitnesses == CC_POLICY_GROUPS_MAX)
		fail(s, CC_E_SPACE, "it has too many groups");
	while (s->what == NULL && (member = next_word(s)).len > 0)
	{
		add_member(s, member);
		members++;
	}
	if (s->what == NULL && members == 0)
		fail(s, CC_E_FORM, "the group has no member");
	if (threshold > members)
		fail(s, CC_E_VALUE, "the threshold is more than the group has members");
	if (s->what == NULL)
		add_node(s, name, -1, threshold == 0 ? members : threshold);
}

static void
parse_quorum(parser *s)
{
	cc_policy  *p = s->p;
	cc_slice	name = next_word(s);

	if (p->has_quorum)
		fail(s, CC_E_VALUE, "it has a second quorum");
	else if (name.len == 0)
		fail(s, CC_E_FORM, "a name is missing");
	p->has_quorum = true;
	p->quorum = find_node(p, name);
	if (p->quorum < 0 && !word_is(name, "none"))
		fail(s, CC_E_VALUE, "the quorum's name is not defined on a line before");
	end_line(s);
}

/* Lines */

static bool
has_control(cc_slice line)
{
	size_t		i;

	for (i = 0; i < line.len; i++)
	{
		uint8_t		c = line.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7F)
			return true;
	}
	return false;
}

static void
parse_line(parser *s, cc_slice line)
{
	cc_slice	word;

	if (has_control(line))
	{
		fail(s, CC_E_FORM, "it has a control character other than tab and line feed");
		return;
	}
	s->line = line;
	word = next_word(s);
	if (word.len == 0 || word.data[0] == '#')
		return;
	if (word_is(word, "log"))
		parse_log(s);
	else if (word_is(word, "witness"))
		parse_witness(s);
	else if (word_is(word, "group"))
		parse_group(s);
	else if (word_is(word, "quorum"))
		parse_quorum(s);
	else
		fail(s, CC_E_FORM, "it begins with none of log, witness, group and quorum");
}

cc_status
cc_policy_parse(cc_policy *p, const char *text, size_t len,
				cc_policy_fault *fault)
{
	parser		s = {p, {NULL, 0}, NULL, CC_OK};
	cc_reader	r;

	p->nlogs = 0;
	p->nwitnesses = 0;
	p->nnodes = 0;
	p->has_quorum = false;
	p->quorum = -1;
	fault->line = 0;
	cc_reader_init(&r, text, len);
	while (s.what == NULL && r.pos < r.len)
	{
		cc_slice	line = cc_read_line(&r);

		fault->line++;
		if (r.status != CC_OK)
			fail(&s, r.status, "it does not end in a line feed");
		else
			parse_line(&s, line);
	}
	if (s.what == NULL && !p->has_quorum)
	{
		fault->line++;
		fail(&s, CC_E_TRUNCATED, "it has no quorum");
	}
	fault->what = s.what;
	return s.status;
}

/* Checking */

/*
 * Is the quorum met by the witnesses that signed?  Nodes are looked at in
 * order of definition: the members of a group before the group.
 */
static bool
quorum_met(const cc_policy *p, const bool *signer)
{
	uint64_t	members[CC_POLICY_NODES_MAX] = {0};
	int			i;

	for (i = 0; i < p->nnodes; i++)
	{
		const cc_policy_node *n = &p->nodes[i];
		bool		met = n->witness >= 0 ? signer[n->witness] :
			members[i] >= n->threshold;

		if (met && i == p->quorum)
			return true;
		if (met && n->parent >= 0)
			members[n->parent]++;
	}
	return p->quorum < 0;
}

cc_status
cc_policy_quorum(const cc_policy *p, const cc_checkpoint *c)
{
	bool		signer[CC_POLICY_WITNESSES_MAX] = {false};
	bool		perhaps[CC_POLICY_WITNESSES_MAX] = {false};
	int			i;

	for (i = 0; i < p->nwitnesses; i++)
	{
		cc_status	status = cc_checkpoint_check(c, &p->witnesses[i]);

		if (status != CC_OK && status != CC_E_UNSIGNED && status != CC_E_UNSUPPORTED)
			return status;
		signer[i] = status == CC_OK;
		perhaps[i] = status == CC_OK || status == CC_E_UNSUPPORTED;
	}
	if (quorum_met(p, signer))
		return CC_OK;
	return quorum_met(p, perhaps) ? CC_E_UNSUPPORTED : CC_E_QUORUM;
}
