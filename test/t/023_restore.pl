#!/usr/bin/perl
#
# A faithful dump and restore gives no finding: the ledger's rows, the
# protected tables and their triggers come back as they were.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('restore');
add_fixture($node, 'postgres');

my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'restore');
is($node->safe_psql('restored', 'SELECT * FROM custody.verify()'), '', 'nothing is found');
is($node->safe_psql('restored', 'SELECT count(*) FROM custody.log_transaction'),
	$node->safe_psql('postgres', 'SELECT count(*) FROM custody.log_transaction'),
	'restoring makes no entries');

done_testing();
