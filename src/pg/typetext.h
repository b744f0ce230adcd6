/*
 * typetext.h
 *	  Text of the most frequent types, byte for byte as their output functions
 *	  write it under the fixed settings, without their output functions.
 */
#ifndef CUSTODY_TYPETEXT_H
#define CUSTODY_TYPETEXT_H

typedef struct CustodyTypeText
{
	Oid			type;
	int			room;			/* most bytes that write may touch */
	/*
	 * Write the text, which is ASCII and is not terminated, and return its end;
	 * NULL for the few values that are left to the output function.
	 */
	char	   *(*write) (char *out, Datum value);
} CustodyTypeText;

/* NULL = only the type's output function knows. */
extern const CustodyTypeText *custody_typetext_find(Oid type);

#endif							/* CUSTODY_TYPETEXT_H */
