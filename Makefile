# SPDX-License-Identifier: ISC
#
# make            build everything into build/bin
# make demo       what it is, in a minute (installs what is missing, builds, runs)
# make test       everything that can be checked here (installs what is missing)
# make check      the fast part: format, layers, sizes, unit, scenario, fuzz seeds
# make check SAN=asan|tsan, make integration, make fuzz, make bench, make install, make clean

SAN    ?= none
OUT    := build/$(SAN)
BIN    := $(if $(filter none,$(SAN)),build/bin,$(OUT)/bin)
PREFIX ?= /usr/local
PROVE  ?= prove
# So many tests at a time; those of whole programs mostly wait.
ABREAST ?= $(shell nproc)
DEPS   := libsodium libevent libevent_pthreads libcrypto jansson sqlite3 libseccomp libsystemd
SYNC_DEPS := libcurl
API_DEPS := libmicrohttpd gnutls sqlite3 jansson libsodium libsystemd libseccomp
VERSION := 0.1.0

CFLAGS ?= -O2 -g
FLAGS  := -std=c11 -D_GNU_SOURCE -I. -MMD -MP -pthread -fPIE -DVERSION='"$(VERSION)"'
FLAGS  += -Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
FLAGS  += -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef
FLAGS  += -fstack-protector-strong -fstack-clash-protection -ffile-prefix-map=$(CURDIR)=.
FLAGS_none := -D_FORTIFY_SOURCE=2
FLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan := -fsanitize=thread
FLAGS_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FLAGS  += $(FLAGS_$(SAN))
LDHARD := -pie -Wl,-z,relro,-z,now -Wl,--build-id=sha1
# Quiet when the packages are not there yet: "make demo" and "make test" install them first.
FLAGS  += $(shell pkg-config --cflags $(DEPS) 2>/dev/null)
FLAGS  += $(shell pkg-config --cflags $(API_DEPS) $(SYNC_DEPS) 2>/dev/null)
LIBS   := $(shell pkg-config --libs $(DEPS) 2>/dev/null)
TEST_LIBS = $(LIBS) $(API_LIBS) $(SYNC_LIBS)
SYNC_LIBS := $(shell pkg-config --libs $(SYNC_DEPS) 2>/dev/null)
API_LIBS := $(shell pkg-config --libs $(API_DEPS) 2>/dev/null)

MAINS    := $(wildcard cathedral/main.c tools/*/main.c)
LIB_SRC  := $(filter-out %/main.c,$(wildcard base/*.c protocol/*.c protocol/*/*.c database/*.c \
              registry/*.c cathedral/*.c cathedral/*/*.c))
LIB      := $(OUT)/reliquary.a
API_SRC  := $(filter-out %/main.c,$(wildcard reliquary-api/*.c reliquary-api/*/*.c))
API      := $(OUT)/reliquary-api.a
KIT_SRC  := $(filter-out %/main.c,$(wildcard tools/*/*.c))
KIT      := $(OUT)/tools.a
PROGRAMS := $(if $(wildcard cathedral/main.c),$(BIN)/cathedral) \
            $(if $(wildcard reliquary-api/main.c),$(BIN)/reliquary-api) \
            $(patsubst tools/%/main.c,$(BIN)/%,$(wildcard tools/*/main.c))
HELP_SRC := $(wildcard tests/support/*.c)
HELP     := $(OUT)/tests.a
UNIT     := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/test_*.c))
SCENARIO := $(patsubst %.c,$(OUT)/%,$(wildcard tests/scenario/test_*.c))
BENCHES  := $(patsubst %.c,$(OUT)/%,$(wildcard tests/bench/bench_*.c))
FUZZERS  := $(patsubst %.c,$(OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))
TOOLS    := $(patsubst tests/integration/%.c,$(BIN)/test-%,$(wildcard tests/integration/*.c))

all: $(PROGRAMS)

# V=1 shows whole commands.
Q := $(if $(V),,@)

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "cc $<")
	$(Q)$(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(LIB): $(LIB_SRC:%.c=$(OUT)/%.o)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

$(API): $(API_SRC:%.c=$(OUT)/%.o)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

# What is put into the program as it is (base/embed.h).
$(OUT)/reliquary-api/store/schema.o: $(wildcard schema/reliquary/*.sql)
$(OUT)/registry/schema.o: $(wildcard schema/registry/*.sql)
$(OUT)/reliquary-api/handlers/openapi.o: $(wildcard docs/openapi.json)

$(KIT): $(KIT_SRC:%.c=$(OUT)/%.o)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

$(HELP): $(HELP_SRC:%.c=$(OUT)/%.o)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

LINK = $(if $(V),@mkdir -p $(@D) &&,@mkdir -p $(@D) && echo "link $@" &&) $(CC) $(FLAGS) $(CFLAGS) $(LDHARD) $(LDFLAGS)

$(BIN)/cathedral: $(OUT)/cathedral/main.o $(LIB)
	$(LINK) $^ $(LIBS) -o $@
$(BIN)/reliquary-api: $(OUT)/reliquary-api/main.o $(API) $(LIB)
	$(LINK) $^ $(API_LIBS) -o $@
$(BIN)/cathedral-sync: $(OUT)/tools/cathedral-sync/main.o $(KIT) $(LIB)
	$(LINK) $^ $(LIBS) $(SYNC_LIBS) -o $@
$(BIN)/test-%: $(OUT)/tests/integration/%.o $(HELP) $(KIT) $(API) $(LIB)
	$(LINK) $^ $(TEST_LIBS) -lcmocka -o $@
$(BIN)/%: $(OUT)/tools/%/main.o $(KIT) $(LIB)
	$(LINK) $^ $(LIBS) -o $@
$(OUT)/tests/unit/%: $(OUT)/tests/unit/%.o $(HELP) $(KIT) $(API) $(LIB)
	$(LINK) $^ $(TEST_LIBS) -lcmocka -lm -o $@
# Its own allocations can fail, nobody else's.
$(OUT)/tests/scenario/test_api_faults_memory: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
$(OUT)/tests/scenario/%: $(OUT)/tests/scenario/%.o $(HELP) $(KIT) $(API) $(LIB)
	$(LINK) $^ $(TEST_LIBS) -lcmocka -lm -o $@
# What it takes over from is the tests' own, too.
$(OUT)/tests/bench/bench_handover: TEST_LIBS += -lcmocka
$(OUT)/tests/bench/%: $(OUT)/tests/bench/%.o $(HELP) $(KIT) $(API) $(LIB)
	$(LINK) $^ $(TEST_LIBS) -lm -o $@
# With clang and SAN=fuzz a fuzzer; otherwise the same code replays its seeds.
$(OUT)/tests/fuzz/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(if $(filter fuzz,$(SAN)),,$(OUT)/tests/fuzz/replay.o) $(HELP) $(KIT) $(API) $(LIB)
	$(LINK) $(if $(filter fuzz,$(SAN)),-fsanitize=fuzzer) $^ $(TEST_LIBS) -lm -o $@

# All programs and all that test them, without running one.
everything: all $(TOOLS) $(UNIT) $(SCENARIO) $(FUZZERS) $(BENCHES)

unit: $(UNIT)
	CMOCKA_MESSAGE_OUTPUT=TAP $(PROVE) -j$(ABREAST) -e '' $(UNIT)

scenario: $(SCENARIO)
	CMOCKA_MESSAGE_OUTPUT=TAP $(PROVE) -j$(ABREAST) -e '' $(SCENARIO)

seeds: $(FUZZERS)
	$(PROVE) -e '' tests/fuzz/seeds.t :: $(OUT)/tests/fuzz

style: $(HELP) $(KIT) $(API) $(LIB)
	ARCHIVES="$^" $(PROVE) -j$(ABREAST) -e '' $(wildcard tests/check/*.t)

check: $(if $(filter none,$(SAN)),style) unit scenario seeds

integration: all $(TOOLS)
	BIN=$(BIN) $(PROVE) --failures --comments -j$$(($(ABREAST) + 1)) -e '' --timer tests/integration/[0-9]*.t

packages:
	@deploy/packages

# The packages must be there before the first line of a build asks pkg-config for them.
demo: packages
	@$(MAKE) --no-print-directory -s all
	@tests/demo

test: packages
	$(MAKE) all
	$(MAKE) check
	$(MAKE) integration

fuzz: packages
	CC=clang $(MAKE) SAN=fuzz fuzzers
	tests/fuzz/run

fuzzers: $(FUZZERS)

bench: all $(BENCHES)
	@tests/bench/run $(OUT)/tests/bench

BASH_COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_COMPLETION  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(BIN)/cathedral $(BIN)/cathedralctl $(BIN)/cathedral-sync \
	    $(BIN)/cathedral-load $(BIN)/reliquary-api $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BIN)/reliquary-ambry $(BIN)/reliquary-pow $(BIN)/cathedral-probe \
	    $(DESTDIR)$(PREFIX)/bin/
	install -d $(DESTDIR)$(PREFIX)/share/reliquary $(BASH_COMPLETION) $(ZSH_COMPLETION)
	install -m 755 $(filter-out %/lib %/completion,$(wildcard scripts/*)) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(wildcard scripts/lib/*) $(DESTDIR)$(PREFIX)/share/reliquary/
	install -m 644 scripts/completion/reliquary.bash $(BASH_COMPLETION)/reliquary
	for command in $(notdir $(wildcard scripts/reliquary-*)); do \
	    ln -sf reliquary $(BASH_COMPLETION)/$$command || exit 1; done
	install -m 644 scripts/completion/_reliquary $(ZSH_COMPLETION)/
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/

clean:
	rm -rf build

.PHONY: all everything unit scenario seeds style check integration packages demo test fuzz fuzzers bench \
    install clean
.SECONDARY:

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
