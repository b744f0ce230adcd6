/*
 * anchor.h
 *	  Hand checkpoints to custody.anchor_command, which takes them off the
 *	  server.
 */
#ifndef CUSTODY_ANCHOR_H
#define CUSTODY_ANCHOR_H

/*
 * Run the command for every checkpoint that has not been anchored, oldest
 * first.  Called like custody_seal_pass().  False if the command failed, with
 * a message in the server's log and a short one in error.
 */
extern bool custody_anchor_pass(char *error, size_t size);

#endif							/* CUSTODY_ANCHOR_H */
