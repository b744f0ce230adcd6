#!/usr/bin/perl
#
# A signer whose keys are in an OpenSSL store, here of files.  test/hsm has the
# same with a token.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodySigner;
use PostgreSQL::Test::Utils;
use Test::More;

umask 0077;
signer_paths();
my $store = PostgreSQL::Test::Utils::tempdir();

keys_in_store('store of files',
	'key-uri' => "file:$store/%l-%e.pem",
	'make-key' => "openssl genpkey -algorithm ed25519 -out $store/%l-%e.pem",
	'destroy-key' => "shred -u $store/%l-%e.pem",
	has => sub { my ($id, $epoch) = @_; return -e "$store/$id-$epoch.pem" });

done_testing();
