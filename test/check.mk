# Tests that need no server: core under sanitizers, symbols, fuzzers.

PERL ?= perl
UNIT_DIR = build/unit
UNIT_CC ?= gcc
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS = -std=c99 -g -O1 -Wall -Wextra $(SANITIZE) -Isrc -Itest/unit \
	-I$(UNIT_DIR) -DPG_CUSTODY_VERSION='"$(EXTVERSION)"'
UNIT_TESTS = $(patsubst test/unit/%.c,$(UNIT_DIR)/%,$(sort $(wildcard test/unit/test_*.c)))
UNIT_CORE = $(patsubst src/core/%.c,$(UNIT_DIR)/core/%.o,$(sort $(wildcard src/core/*.c)))
UNIT_HEADERS = $(wildcard src/core/*.h test/unit/*.h)

.PHONY: unit symcheck fuzz fuzzers

$(UNIT_DIR)/core/%.o: src/core/%.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	$(UNIT_CC) $(UNIT_CFLAGS) -c -o $@ $<

$(UNIT_DIR)/vectors.h: test/unit/vectors.pl $(wildcard test/vectors/*.json)
	@mkdir -p $(@D)
	$(PERL) test/unit/vectors.pl test/vectors > $@.tmp && mv $@.tmp $@

$(UNIT_DIR)/test_%: test/unit/test_%.c $(UNIT_CORE) $(UNIT_HEADERS) $(UNIT_DIR)/vectors.h
	$(UNIT_CC) $(UNIT_CFLAGS) -o $@ $< $(UNIT_CORE) -lcrypto

# The core as it is linked, for a recomputation in another language.
build/trees: test/recompute/trees.c $(CORE_OBJS)
	@mkdir -p $(@D)
	$(CC) -std=c99 -O2 -Wall -Wextra -Wconversion -Werror -Isrc -o $@ $< $(CORE_OBJS) -lcrypto

unit: $(UNIT_TESTS) build/trees
	prove --exec '' $(UNIT_TESTS) test/recompute/trees.py test/recompute/sets.py

# Core symbols carry the prefix, and neither the core nor the programs need
# anything but libc and libcrypto.
symcheck: $(CORE_OBJS) pg_custody_signer pg_custody_verify
	test/symcheck $(CORE_OBJS)

FUZZ_SECONDS ?= 60
FUZZERS = $(patsubst test/fuzz/%.c,%,$(sort $(wildcard test/fuzz/fuzz_*.c)))

build/fuzz/%: test/fuzz/%.c $(wildcard src/core/*.c src/core/*.h)
	@mkdir -p $(@D)
	clang -std=c99 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -Itest/fuzz \
		-DPG_CUSTODY_VERSION='"$(EXTVERSION)"' -o $@ $< $(wildcard src/core/*.c) -lcrypto

fuzzers: $(FUZZERS:%=build/fuzz/%)

fuzz: fuzzers
	test/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)
