# pg_custody: tamper-evident ledger inside PostgreSQL
#
# src/core, src/bin and src/signer are compiled without any PostgreSQL include path: the
# folder is the floor.  "make help" lists the targets.

# Goals that are scripts: they install what a fresh machine lacks, PGXS
# included, and PGXS has a "check" of its own that only refuses.
SCRIPT_GOALS = help demo check attack check-orthanc check-majors bench dist
ifneq ($(filter $(SCRIPT_GOALS),$(MAKECMDGOALS)),)
include test/scripts.mk
else

EXTENSION = control/pg_custody
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" control/pg_custody.control)
DATA = control/pg_custody--1.0.sql
MODULE_big = pg_custody

CORE_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/core/*.c)))
PG_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/pg/*.c)))
BIN_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/bin/*.c)))
SIGNER_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/signer/*.c)))
OBJS = $(CORE_OBJS) $(PG_OBJS)
SHLIB_LINK = -lcrypto

SCRIPTS_built = pg_custody_signer pg_custody_verify

PG_CPPFLAGS = -Isrc -I$(srcdir)/src -DPG_CUSTODY_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -MMD -MP -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-cast-function-type

EXTRA_CLEAN = build $(OBJS:.o=.d) $(BIN_OBJS) $(BIN_OBJS:.o=.d) \
	$(SIGNER_OBJS) $(SIGNER_OBJS:.o=.d)

REGRESS = install protect capture types rendering constraints \
	history proofs history_proofs cosign as_of views coverage witnesses privileges errors uninstall
ISOLATION = concurrent_writers serializable
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation $(TEMP_OPTS)
REGRESS_OPTS = --inputdir=$(srcdir) --encoding=UTF8 --no-locale $(TEMP_OPTS)
TEMP_OPTS ?=

TAP_TESTS = 1
PROVE_TESTS ?= $(sort $(wildcard test/t/*.pl))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The ground floor: no PostgreSQL include path, hidden symbols, C99.
FLOOR_CFLAGS = -std=c99 -O2 -g -fPIC -fvisibility=hidden -MMD -MP \
	-fstack-protector-strong -D_FORTIFY_SOURCE=2 \
	-Wall -Wextra -Wconversion -Werror -Isrc -I$(srcdir)/src \
	-DPG_CUSTODY_VERSION='"$(EXTVERSION)"'

$(CORE_OBJS) $(BIN_OBJS) $(SIGNER_OBJS): %.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FLOOR_CFLAGS) -c -o $@ $<

# The verifier cannot sign: sigmake is not linked.
pg_custody_verify: $(BIN_OBJS) $(filter-out src/core/sigmake.o,$(CORE_OBJS))
	$(CC) -o $@ $^ $(LDFLAGS) -lcrypto

pg_custody_signer: $(SIGNER_OBJS) $(CORE_OBJS)
	$(CC) -o $@ $^ $(LDFLAGS) -lcrypto

-include $(OBJS:.o=.d) $(BIN_OBJS:.o=.d) $(SIGNER_OBJS:.o=.d)

include $(srcdir)/test/check.mk

endif
