/*
 * fuzz_policy.c
 *	  Policies: what parses names members before their groups, and asking
 *	  whether a note meets it is safe.
 */
#include "core/policy.h"

#include "fuzz.h"

#define NOTE \
	"ledger.example/vectors\n8\n" \
	"XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n" \
	"\xE2\x80\x94 witness.example/w1 " \
	"jj8ZUgAAAABlU/EAqpk2HVfM3tmmLsc26gKazKiU71sy//v1JaMYtoS0IF0JzKXeWQfulLtc7b156aBXl0+x8jSnxMSq2sfAO1e7DQ==\n"

static void
check_nodes(const cc_policy *p)
{
	int			i;

	for (i = 0; i < p->nnodes; i++)
	{
		const cc_policy_node *n = &p->nodes[i];

		if (n->name.len == 0 || n->threshold == 0 ||
			(n->parent >= 0 && (n->parent <= i || n->parent >= p->nnodes)) ||
			n->witness >= p->nwitnesses)
			abort();
	}
	if (!p->has_quorum || p->quorum >= p->nnodes)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static cc_policy policy;
	char	   *in = (char *) exact_copy(data, len);
	cc_policy_fault fault;
	cc_checkpoint c;

	if (cc_policy_parse(&policy, in, len, &fault) == CC_OK)
	{
		check_nodes(&policy);
		if (cc_checkpoint_parse(&c, NOTE, strlen(NOTE)) != CC_OK)
			abort();
		(void) !cc_policy_quorum(&policy, &c);
	}
	else if (fault.what == NULL || fault.line == 0)
		abort();
	free(in);
	return 0;
}
