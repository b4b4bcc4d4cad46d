/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_RELAY_BEQUEST_PARTS_H
#define CATHEDRAL_RELAY_BEQUEST_PARTS_H

/* One more whenever the layout of a frame changes; the heir knows which ones it can read. */
#define BEQUEST_VERSION 1

#define BEQUEST_MAGIC "RELIQUIA"

#endif
