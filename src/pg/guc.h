/*
 * guc.h
 *	  Every setting.
 */
#ifndef CUSTODY_GUC_H
#define CUSTODY_GUC_H

extern char *custody_anchor_command;	/* sighup; "" = none */
extern char *custody_context_actor;	/* user; "" = none */
extern char *custody_context_extra;
extern char *custody_context_purpose;
extern char *custody_context_reason;
extern int	custody_heartbeat_interval; /* sighup; seconds, 0 = off */
extern char *custody_full_verify_at;	/* sighup; "" = never */
extern char *custody_key_directory;	/* sighup; "" = default */
extern int	custody_key_epoch;	/* sighup; seconds, 0 = never */
extern int	custody_key_epoch_blocks;	/* sighup; 0 = no limit */
extern char *custody_origin;		/* sighup; "" = derived from ledger id */
extern int	custody_seal_interval;	/* sighup; milliseconds */
extern char *custody_signer;		/* sighup; "" = keys in the key directory */
extern int	custody_signer_timeout; /* sighup; milliseconds */
extern bool custody_synchronous_seal;	/* superuser-set: user may not weaken */
extern int	custody_verify_interval;	/* sighup; seconds, 0 = never */
extern char *custody_witness_name;	/* sighup; "" = derived from origin */

/* custody.full_verify_at as second of the day, -1 = never. */
extern int	custody_full_verify_second(void);

/* Path of the socket in custody.signer, NULL if that names none. */
extern const char *custody_signer_path(void);

extern void custody_guc_init(void);

#endif							/* CUSTODY_GUC_H */
