# Goals that are scripts, included by the Makefile in place of PGXS.  Every
# suite of "make check" runs in clusters of its own, from a private copy of the
# server; nothing of the system is touched.

VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" control/pg_custody.control)

.PHONY: help demo check check-orthanc bench dist


