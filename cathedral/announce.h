/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_ANNOUNCE_H
#define CATHEDRAL_ANNOUNCE_H

#include "cathedral/conf.h"
#include "cathedral/io/sockets.h"
#include "cathedral/relay/site.h"

/* Says in the log, and to systemd, that it serves, and what somebody should know about it. */
void announce(const struct conf *conf, const struct site *site, const struct sockets *sockets);

#endif
