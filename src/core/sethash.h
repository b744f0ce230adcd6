/*
 * sethash.h
 *	  Set hash of a table's rows, doc/format.md section 5.4.
 *
 * The sum, lane by lane, of long pseudorandom strings, one for each row: rows
 * come and go one at a time, in any order, and two tables with the same sum have
 * the same rows, or somebody has found a short vector in a random lattice.  This
 * is LtHash with 1024 lanes of 16 bits (Lewi, Kim, Maykov, Weis: Securing Update
 * Propagation with Homomorphic Hashing, 2019, IACR ePrint 2019/227; after
 * Bellare and Micciancio, 1997).  Such lanes forget 65536 copies of one row; the
 * number of rows and 32 wide lanes beside them do not, so that rows of a table
 * without a key cannot be exchanged by the 65536.
 */
#ifndef CC_SETHASH_H
#define CC_SETHASH_H

#include "core/digest.h"

#define CC_SET_LANES 1024
#define CC_SET_WIDE 32
#define CC_SET_BYTES (8 + CC_SET_LANES * 2 + CC_SET_WIDE * 8)

typedef struct cc_set
{
	uint64_t	rows;			/* modulo 2^64 */
	uint64_t	wide[CC_SET_WIDE];
	uint16_t	lanes[CC_SET_LANES];
} cc_set;

extern void cc_set_init(cc_set *set);
/* Add a row so many times, or take it away where times is negative. */
extern cc_status cc_set_add(cc_set *set, cc_stream *stream, uint32_t relation,
							const uint8_t row_digest[CC_DIGEST_SIZE],
							int32_t times) CC_CHECK_RESULT;
/* Add another set, or take it away. */
extern void cc_set_merge(cc_set *set, const cc_set *other);
extern void cc_set_subtract(cc_set *set, const cc_set *other);
extern bool cc_set_equal(const cc_set *a, const cc_set *b);
extern bool cc_set_is_empty(const cc_set *set);
extern void cc_set_store(const cc_set *set, uint8_t out[CC_SET_BYTES]);
extern cc_status cc_set_load(cc_set *set, const void *data, size_t len) CC_CHECK_RESULT;
extern void cc_set_digest(const cc_set *set, uint8_t out[CC_DIGEST_SIZE]);

/*
 * What a block header says of all tables: a running hash over the sets, given in
 * ascending order of version; set NULL: not known.
 */
typedef struct cc_state
{
	cc_sha256	hash;
} cc_state;

extern void cc_state_init(cc_state *state, const uint8_t events[CC_DIGEST_SIZE], uint32_t sets);
extern void cc_state_add(cc_state *state, uint32_t relation, uint32_t version, const cc_set *set);
extern void cc_state_final(cc_state *state, uint8_t out[CC_DIGEST_SIZE]);
/* The next link of the chain over leaves with control events. */
extern void cc_state_event(uint8_t events[CC_DIGEST_SIZE], uint64_t leaf_index);

#endif							/* CC_SETHASH_H */
