/*
 * salter.h
 *	  The backend's salter.
 */
#ifndef CUSTODY_SALTER_H
#define CUSTODY_SALTER_H

#include "core/digest.h"

/* For one row at a time: nothing that may raise an error between begin and end. */
extern cc_salter *custody_salter(void);

#endif							/* CUSTODY_SALTER_H */
