# Goals that are scripts, included by the Makefile in place of PGXS.  Every
# suite of "make check" runs in clusters of its own, from a private copy of the
# server; nothing of the system is touched.

VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" control/pg_custody.control)

ATTACK_SCENARIOS ?= 500

.PHONY: help demo check attack check-orthanc check-majors bench dist

help:
	@echo "make            build module and offline verifier"
	@echo "make install    install them into the server of PG_CONFIG"
	@echo "make demo       show the main job on a synthetic hospital"
	@echo "make check      run all tests, each in a cluster of its own"
	@echo "make unit       core tests under ASan and UBSan"
	@echo "make symcheck   check that the floors hold"
	@echo "make fuzz       run the fuzzers, FUZZ_SECONDS each"
	@echo "make attack     a random insider, ATTACK_SCENARIOS times (500); prints seeds"
	@echo "make check-orthanc  a DICOM server under custody"
	@echo "make check-majors  build and tests on PostgreSQL 17 and 18, as root"
	@echo "make bench      measure cost, in interleaved runs"
	@echo "make dist       release archive"

demo:
	demo/run

check:
	test/check

attack:
	test/install-deps build
	server=$$(mktemp -d) && chmod 755 "$$server" && trap 'rm -rf "$$server"' EXIT && \
		copy=$$(test/server-copy "$$server" | tail -1) && PG_CONFIG=$$copy test/attack --scenarios $(ATTACK_SCENARIOS)

check-orthanc:
	test/install-deps build orthanc
	test/check orthanc

check-majors:
	test/check majors

bench:
	test/install-deps build bench
	server=$$(mktemp -d) && trap 'rm -rf "$$server"' EXIT && \
		copy=$$(test/server-copy "$$server") && PG_CONFIG=$$copy bench/run

dist:
	git archive --prefix=pg_custody-$(VERSION)/ -o pg_custody-$(VERSION).tar.gz HEAD
