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

foreach my $kind ([ 'Ed25519', 'ed25519' ], [ 'P-256', 'EC -pkeyopt ec_paramgen_curve:P-256' ])
{
	my ($name, $algorithm) = @$kind;

	keys_in_store("files, $name",
		'key-uri' => "file:$store/%l-%e.pem",
		'make-key' => "openssl genpkey -algorithm $algorithm -out $store/%l-%e.pem",
		'destroy-key' => "shred -u $store/%l-%e.pem",
		has => sub { my ($id, $epoch) = @_; return -e "$store/$id-$epoch.pem" });
}

done_testing();
