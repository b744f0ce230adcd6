/*
 * bundle.h
 *	  What the parts of "pg_custody_verify bundle" share.
 */
#ifndef BIN_BUNDLE_H
#define BIN_BUNDLE_H

#include "core/audit.h"
#include "core/bundle.h"
#include "environment.h"
#include "verify.h"
#include "versions.h"

typedef enum AnchorState
{
	ANCHOR_PENDING,
	ANCHOR_GOOD,
	ANCHOR_WRONG_ROOT,
	ANCHOR_WRONG_ORIGIN
} AnchorState;

typedef struct Anchor
{
	const char *file;
	char	   *note;			/* until its signature has been checked */
	size_t		len;
	char		origin[CC_ORIGIN_MAX + 1];
	uint64_t	size;
	uint8_t		root[CC_DIGEST_SIZE];
	AnchorState state;
	uint64_t	leaf;			/* last one compared */
} Anchor;

/* What an incarnation entry says became of the log before. */
typedef struct Fork
{
	char		origin[CC_ORIGIN_MAX + 1];	/* of the log before */
	uint64_t	kept;			/* leaves of it that this ledger has */
	uint64_t	size;			/* last signed */
	uint8_t		root[CC_DIGEST_SIZE];
} Fork;

typedef struct BundleVerifier
{
	/* what the caller trusts */
	bool		quiet;
	bool		json;
	Trust		trust;			/* with keys that a trusted one handed over to */
	size_t		ngiven;			/* so many of them were given */
	bool	   *has_signed;		/* by number of a given key */
	Anchor	   *anchors;		/* by size */
	size_t		nanchors;
	size_t		next_anchor;
	/* what the ledger said so far */
	cc_audit	audit;
	bool		in_leaf;
	Versions	versions;
	Environment environment;
	bool		environment_doubted;	/* the last fingerprint did not match */
	Fork	   *forks;
	size_t		nforks;
	cc_vkey		untrusted;		/* complained of last */
	uint64_t	cosigned;		/* last size that the policy's witnesses cosigned */
	cc_status	quorum;			/* of the last checkpoint */
	/* what came out */
	cc_findings findings;
	uint64_t	reported;
	uint64_t	notices;
} BundleVerifier;

/* bundle_report.c */

/* Print the findings gathered since the last call and count them. */
extern void bundle_report(BundleVerifier *v, const cc_schema *table);
/* Worth knowing, but nothing wrong with the ledger. */
extern void bundle_notice(BundleVerifier *v, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void bundle_summary(BundleVerifier *v);

/* bundle_anchor.c */

extern void bundle_anchor_add(BundleVerifier *v, const char *file);
extern void bundle_anchors_load(BundleVerifier *v);
/* Compare the anchors of the size the log has just reached. */
extern void bundle_anchors_compare(BundleVerifier *v);
/* At the end: an anchor that no trusted key signed says nothing. */
extern void bundle_anchors_judge(BundleVerifier *v);
extern void bundle_anchors_free(BundleVerifier *v);
/* Remember what an incarnation entry of this very block explains. */
extern void bundle_incarnation(BundleVerifier *v, const cc_entry *e);

/* bundle_signer.c */

/*
 * Is the key that signed one the caller trusts?  Complain once a key.  Whom it
 * hands over to is trusted from here on: the engine has seen that key's entry
 * in the very tree that the trusted key signed.
 */
extern void bundle_signer_check(BundleVerifier *v);
/* Hold a checkpoint that has been judged otherwise against the policy. */
extern void bundle_quorum_check(BundleVerifier *v, const cc_bundle_line *line);
/* The last checkpoint vouches for all before it. */
extern void bundle_quorum_judge(BundleVerifier *v);

#endif							/* BIN_BUNDLE_H */
