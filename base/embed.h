/* SPDX-License-Identifier: ISC */
/* Puts a file's bytes, with a NUL behind them, into the program; paths from the project's root. */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #name "\n" #name ":\n"                                                  \
		".incbin \"" file "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".global " #name "_end\n" #name "_end:\n"                                          \
		".popsection\n");                                                                  \
	extern const char name[], name##_end[]

#endif
