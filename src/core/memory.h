/*
 * memory.h
 *	  The signer's memory: where and what it signed last, and which key signs
 *	  next (doc/signer.md).
 */
#ifndef CC_MEMORY_H
#define CC_MEMORY_H

#include "core/checkpoint.h"

/* Which database of which cluster asked; what a copy of it would change. */
typedef struct cc_cluster
{
	uint64_t	system_identifier;
	uint32_t	database;
	uint32_t	timeline;
} cc_cluster;

typedef struct cc_memory
{
	cc_cluster	cluster;
	uint32_t	epoch;			/* its key signs what is signed next */
	cc_checkpoint checkpoint;	/* size 0, no signatures: nothing was signed */
	cc_slice	note;			/* text and signatures */
} cc_memory;

#define CC_CLUSTER_LINE_MAX (8 + 3 * (CC_DECIMAL_MAX + 1))
#define CC_MEMORY_MAX (CC_CLUSTER_LINE_MAX + 6 + CC_DECIMAL_MAX + 1 + CC_NOTE_MAX)

/* "cluster SYSTEM DATABASE TIMELINE", of a line without its LF. */
extern cc_status cc_cluster_parse(cc_cluster *out, cc_slice line) CC_CHECK_RESULT;
extern void cc_cluster_write(cc_writer *w, const cc_cluster *cluster);
/* "WORD EPOCH" of the next line; an epoch is 1 or more. */
extern uint32_t cc_read_epoch(cc_reader *r, const char *word);
/* Slices point into the text. */
extern cc_status cc_memory_parse(cc_memory *m, const char *text, size_t len) CC_CHECK_RESULT;
/* Of cluster, epoch and note; NUL-terminates, returns the length, 0 if it is too long. */
extern size_t cc_memory_format(char out[CC_MEMORY_MAX + 1], const cc_memory *m);

#endif							/* CC_MEMORY_H */
