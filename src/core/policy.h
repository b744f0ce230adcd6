/*
 * policy.h
 *	  C2SP tlog-policy: which logs and witnesses are trusted, and how many of
 *	  the witnesses must have cosigned (doc/format.md section 6.1).
 */
#ifndef CC_POLICY_H
#define CC_POLICY_H

#include "core/checkpoint.h"

#define CC_POLICY_LOGS_MAX 64
#define CC_POLICY_WITNESSES_MAX 64
#define CC_POLICY_GROUPS_MAX 64
#define CC_POLICY_NODES_MAX (CC_POLICY_WITNESSES_MAX + CC_POLICY_GROUPS_MAX)

/*
 * A witness or a group, in order of definition: members come before their
 * group.  A name is the member of one group at most, so that groups form
 * trees.
 */
typedef struct cc_policy_node
{
	cc_slice	name;
	int			witness;		/* its key in witnesses; -1: a group */
	int			parent;			/* the group it is a member of, or -1 */
	uint64_t	threshold;		/* members of a group that must have signed */
} cc_policy_node;

/* A parsed policy; names point into its text. */
typedef struct cc_policy
{
	int			nlogs;
	int			nwitnesses;
	int			nnodes;
	bool		has_quorum;
	int			quorum;			/* the node that must have signed; -1: none */
	cc_vkey		logs[CC_POLICY_LOGS_MAX];
	cc_vkey		witnesses[CC_POLICY_WITNESSES_MAX];
	cc_policy_node nodes[CC_POLICY_NODES_MAX];
} cc_policy;

/* Where a text stops being a policy, and why in plain English. */
typedef struct cc_policy_fault
{
	uint64_t	line;			/* from 1; one more than there are: at the end */
	const char *what;
} cc_policy_fault;

/* Strict.  On failure *fault is set. */
extern cc_status cc_policy_parse(cc_policy *p, const char *text, size_t len,
								 cc_policy_fault *fault) CC_CHECK_RESULT;
/*
 * Have the witnesses cosigned as the policy asks?  CC_OK, CC_E_QUORUM;
 * CC_E_SIGNATURE: a line of one of its witnesses is wrong, which spoils the
 * note; CC_E_UNSUPPORTED: it hangs on lines that this OpenSSL cannot check.
 * Whether the log signed is cc_checkpoint_signed()'s to say.
 */
extern cc_status cc_policy_quorum(const cc_policy *p, const cc_checkpoint *c) CC_CHECK_RESULT;

#endif							/* CC_POLICY_H */
