/*
 * bitmap.h
 *	  Bitmap index scans, whose interface changed in PostgreSQL 18.
 *
 * Apart from compat.h because only lookup.c needs these headers.
 */
#ifndef CUSTODY_BITMAP_H
#define CUSTODY_BITMAP_H

#include "access/genam.h"
#include "access/htup_details.h"
#include "nodes/tidbitmap.h"

#include "pg/compat.h"

/* One page of a bitmap; a lossy page names every possible row. */
typedef struct CustodyBitmapPage
{
	BlockNumber block;
	int			noffsets;
	OffsetNumber offsets[MaxHeapTuplesPerPage];
} CustodyBitmapPage;

static inline void
custody_bitmap_all_offsets(CustodyBitmapPage *page)
{
	page->noffsets = MaxHeapTuplesPerPage;
	for (int i = 0; i < MaxHeapTuplesPerPage; i++)
		page->offsets[i] = FirstOffsetNumber + i;
}

#if CUSTODY_PRIVATE_BITMAP_ITERATOR

#define custody_bitmap_beginscan(index, snapshot, nkeys) \
	index_beginscan_bitmap(index, snapshot, NULL, nkeys)

typedef struct CustodyBitmapPages
{
	TBMPrivateIterator *iterator;
} CustodyBitmapPages;

static inline void
custody_bitmap_pages_begin(CustodyBitmapPages *pages, TIDBitmap *bitmap)
{
	pages->iterator = tbm_begin_private_iterate(bitmap);
}

static inline bool
custody_bitmap_pages_next(CustodyBitmapPages *pages, CustodyBitmapPage *page)
{
	TBMIterateResult result;

	if (!tbm_private_iterate(pages->iterator, &result))
		return false;
	page->block = result.blockno;
	if (result.lossy)
		custody_bitmap_all_offsets(page);
	else
		page->noffsets = tbm_extract_page_tuple(&result, page->offsets,
												MaxHeapTuplesPerPage);
	return true;
}

static inline void
custody_bitmap_pages_end(CustodyBitmapPages *pages)
{
	tbm_end_private_iterate(pages->iterator);
}

#else

#define custody_bitmap_beginscan(index, snapshot, nkeys) \
	index_beginscan_bitmap(index, snapshot, nkeys)

typedef struct CustodyBitmapPages
{
	TBMIterator *iterator;
} CustodyBitmapPages;

static inline void
custody_bitmap_pages_begin(CustodyBitmapPages *pages, TIDBitmap *bitmap)
{
	pages->iterator = tbm_begin_iterate(bitmap);
}

static inline bool
custody_bitmap_pages_next(CustodyBitmapPages *pages, CustodyBitmapPage *page)
{
	TBMIterateResult *result = tbm_iterate(pages->iterator);

	if (result == NULL)
		return false;
	page->block = result->blockno;
	if (result->ntuples < 0)
		custody_bitmap_all_offsets(page);
	else
	{
		page->noffsets = result->ntuples;
		memcpy(page->offsets, result->offsets,
			   result->ntuples * sizeof(OffsetNumber));
	}
	return true;
}

static inline void
custody_bitmap_pages_end(CustodyBitmapPages *pages)
{
	tbm_end_iterate(pages->iterator);
}

#endif

#endif							/* CUSTODY_BITMAP_H */
