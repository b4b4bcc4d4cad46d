/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/settings.h"

const char *
registration_name(enum registration r)
{
	switch (r) {
	case REGISTRATION_POW:
		return "pow";
	case REGISTRATION_OPEN:
		return "open";
	case REGISTRATION_INVITE:
		return "invite";
	case REGISTRATION_CLOSED:
		break;
	}
	return "closed";
}
