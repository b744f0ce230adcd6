# A database whose encoding is not UTF-8: names and values are in the ledger as
# UTF-8, and verify() agrees with itself about them.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('encoding');
$node->safe_psql('postgres',
	q{CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql('latin', q{
	SET client_encoding = 'UTF8';
	CREATE EXTENSION pg_custody;
	CREATE TABLE "größe" ("äußerung" text);
	INSERT INTO "größe" VALUES ('Übelkeit');
	SELECT custody.protect('"größe"');
	UPDATE "größe" SET "äußerung" = 'Müdigkeit';
	SELECT custody.seal()});
is($node->safe_psql('latin', 'SELECT * FROM custody.verify()'), '', 'verifies clean');
is($node->safe_psql('latin', q{
	SELECT count(*) FROM custody.log_transaction
	WHERE position('\x067075626c6963076772c3b6c39f65'::bytea IN entries) > 0}),
	'1', 'names of events and definitions are UTF-8');
is($node->safe_psql('latin', q{
	SELECT count(*) FROM custody.log_transaction
	WHERE position('\x6772f6df65'::bytea IN entries) > 0}),
	'0', 'and nowhere else are they stored in the database\'s encoding');

$node->stop;
done_testing();
