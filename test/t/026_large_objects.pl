#!/usr/bin/perl
#
# Large objects that rows name: what applications do to them is recorded, what
# is done behind the ledger is found.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('large', conf => "max_prepared_transactions = 4\n");
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE EXTENSION lo;
	CREATE TABLE file (id int PRIMARY KEY, content oid, note text);
	CREATE TABLE part (id int PRIMARY KEY, body oid) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
	CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (100) TO (200);
	CREATE TABLE scan (id int PRIMARY KEY, picture lo);
	CREATE TRIGGER manage BEFORE UPDATE OR DELETE ON scan FOR EACH ROW EXECUTE FUNCTION lo_manage(picture);
	CREATE TABLE report (id int PRIMARY KEY, body oid);
	INSERT INTO file VALUES (1, lo_from_bytea(0, 'baseline')), (2, 999999), (3, NULL), (4, 0);
	SELECT custody.protect('file', large_objects => '{content}');
	SELECT custody.protect('scan', large_objects => '{picture}');
	SELECT custody.protect('part', large_objects => '{body}');
	SELECT custody.protect('report', mode => 'append_only', large_objects => '{body}');
	ALTER DATABASE postgres SET client_min_messages = warning;
	CREATE ROLE clinic LOGIN;
	GRANT SELECT, INSERT, UPDATE, DELETE ON file, scan, report TO clinic;
	SELECT custody.grant_application('clinic');
	CREATE FUNCTION paint(loid oid, data bytea) RETURNS void LANGUAGE sql AS 'SELECT lo_put(loid, 0, data)';
});

sub run { return $node->safe_psql('postgres', $_[0]); }

sub contents
{
	my ($table, $id) = @_;
	return run(qq{SELECT string_agg(operation || ' ' || coalesce(split_part(x.value, ' ', 1), '-'), ', ' ORDER BY ordinality)
		FROM custody.history('$table', '{"id": $id}') WITH ORDINALITY h
		LEFT JOIN LATERAL jsonb_each_text("row") x ON x.key LIKE '% (large object)'});
}

is(contents('file', $_->[0]), $_->[1], "baseline of row $_->[0]")
  foreach [ 1, 'baseline 8' ], [ 2, 'baseline missing' ], [ 3, 'baseline -' ], [ 4, 'baseline missing' ];

# What applications do, a transaction each: [statements, row, what history has].
my @honest = (
	[ "INSERT INTO file VALUES (10, lo_from_bytea(0, 'made and named at once'))", 'file', 10, 'insert 22' ],
	[ "SELECT lo_create(50011); SELECT lo_put(50011, 0, 'written first'); INSERT INTO file VALUES (11, 50011)", 'file', 11, 'insert 13' ],
	[ "INSERT INTO file VALUES (12, lo_create(50012)); SELECT lo_put(50012, 0, 'named first')", 'file', 12, 'insert 0, update 11' ],
	[ "INSERT INTO report VALUES (12, lo_create(50112)); SELECT lo_put(50112, 0, 'named first')", 'report', 12, 'insert 0, update 11' ],
	[ "INSERT INTO file VALUES (13, 50013); SELECT lo_from_bytea(50013, 'made last')", 'file', 13, 'insert missing, update 9' ],
	[ "INSERT INTO file VALUES (14, lo_from_bytea(50014, 'abc')); SAVEPOINT s; SELECT lo_put(50014, 3, 'def'); UPDATE file SET note = 'x' WHERE id = 14; ROLLBACK TO s; UPDATE file SET note = 'y' WHERE id = 14", 'file', 14, 'insert 3, update 3' ],
	[ "INSERT INTO file VALUES (15, lo_from_bytea(50015, 'abc')); SELECT lo_put(50015, 3, 'd'); UPDATE file SET note = 'x' WHERE id = 15; SELECT lo_put(50015, 4, 'ef'); UPDATE file SET note = 'y' WHERE id = 15; SELECT lo_truncate(lo_open(50015, x'20000'::int), 2)", 'file', 15, 'insert 3, update 4, update 6, update 2' ],
	[ "INSERT INTO file VALUES (16, lo_from_bytea(50016, 'abc')); SELECT lo_put(50016, 3, 'def'); DELETE FROM file WHERE id = 16", 'file', 16, 'insert 3, delete -' ],
	[ "SELECT paint(content, 'baseline changed') FROM file WHERE id = 1; UPDATE file SET note = note WHERE id = 1", 'file', 1, 'baseline 8, update 16' ],
	[ "UPDATE file SET note = note WHERE id = 1; SELECT paint(content, 'BASELINE') FROM file WHERE id = 1", 'file', 1, 'baseline 8, update 16, update 16, update 16' ],
	[ "SELECT lo_unlink(content) FROM file WHERE id = 1; DELETE FROM file WHERE id = 1", 'file', 1, 'baseline 8, update 16, update 16, update 16, delete -' ],
	[ "DELETE FROM file WHERE id = 10", 'file', 10, 'insert 22, delete -' ],
	[ "INSERT INTO scan VALUES (1, lo_from_bytea(0, 'one')), (2, lo_from_bytea(0, 'two'))", 'scan', 1, 'insert 3' ],
	[ "INSERT INTO part VALUES (1, lo_from_bytea(50201, 'one'))", 'part', 1, 'insert 3' ],
	[ "UPDATE part SET id = 101 WHERE id = 1; SELECT lo_put(50201, 3, ' more')", 'part', 101, 'insert 3, update 8' ],
	[ "UPDATE scan SET picture = lo_from_bytea(0, 'second') WHERE id = 2", 'scan', 2, 'insert 3, update 6' ],
	[ "DELETE FROM scan WHERE id = 2", 'scan', 2, 'insert 3, update 6, delete -' ],
	[ "COPY file (id, note) FROM STDIN;\n20\tx\n21\ty\n\\.\n", 'file', 20, 'insert -' ],
	[ "INSERT INTO file SELECT g, lo_from_bytea(0, repeat('x', g * 100)::bytea) FROM generate_series(30, 79) g; SELECT lo_put(content, 10, 'y') FROM file WHERE id BETWEEN 30 AND 79", 'file', 79, 'insert 7900, update 7900' ],
	[ "INSERT INTO file VALUES (80, lo_from_bytea(50080, 'abc')); ALTER TABLE file ADD COLUMN extra text DEFAULT 'e'; SELECT lo_put(50080, 3, 'def')", 'file', 80, 'insert 3, update 6' ],
	[ "INSERT INTO file VALUES (81, lo_from_bytea(50081, 'abc')); ALTER TABLE file ALTER COLUMN note TYPE varchar(99); SELECT lo_put(50081, 3, 'def')", 'file', 81, 'insert 3, baseline 3, update 6' ],
	[ "SET LOCAL track_counts = off; INSERT INTO file VALUES (82, lo_from_bytea(50082, 'abc')); SELECT lo_put(50082, 3, 'def')", 'file', 82, 'insert 3, update 6' ],
	[ "INSERT INTO file VALUES (83, lo_from_bytea(50083, 'abc')); SELECT lo_put(50083, 3, 'def'); SELECT custody.unprotect('file', 'for a moment'); SELECT custody.protect('file', large_objects => '{content}')", 'file', 83, 'insert 3, baseline 6' ]);

foreach my $case (@honest)
{
	my ($sql, $table, $id, $expected) = @$case;

	run("BEGIN; $sql; COMMIT;");
	is(contents($table, $id), $expected, $sql =~ s/\n.*//sr);
}
verifies_clean($node, 'what applications do');

# Who may change rows need not have rights on large objects.
run("INSERT INTO file VALUES (90, lo_from_bytea(50090, 'postgres has it'))");
$node->safe_psql('postgres', "UPDATE file SET note = 'clinic' WHERE id = 90", extra_params => [ '-U', 'clinic' ]);
is(contents('file', 90), 'insert 15, update 15', 'a row changed without rights on its large object');

# Prepared, serializable, from two sessions.
run("BEGIN; INSERT INTO file VALUES (91, lo_create(50091)); SELECT lo_put(50091, 0, 'prepared'); PREPARE TRANSACTION 'p';");
run("COMMIT PREPARED 'p'");
is(contents('file', 91), 'insert 0, update 8', 'a prepared transaction');
run("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM file; SELECT paint(50091, 'serial'); UPDATE file SET note = 's' WHERE id = 91; COMMIT");
is(contents('file', 91), 'insert 0, update 8, update 8', 'a serializable transaction');
$node->command_ok([ 'vacuumlo', '-h', $node->host, '-p', $node->port, 'postgres' ], 'vacuumlo');
run('VACUUM FULL pg_largeobject; VACUUM FULL file; REINDEX TABLE pg_largeobject; VACUUM FREEZE');
run('SELECT custody.seal()');
verifies_clean($node, 'after maintenance');

# A dump keeps the objects' numbers.
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dump');
run('CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], 'restore');
is($node->safe_psql('restored', q{SELECT severity, code, row_key, message FROM custody.verify() WHERE severity = 'tampering'}),
	'', 'the copy has the same large objects');

# Behind the ledger; each is taken back.
sub findings
{
	my ($sql, $args) = @_;
	return run("BEGIN; SET LOCAL client_min_messages = warning; $sql;\n\\echo FINDINGS\n"
		  . "SELECT concat_ws('|', severity, code, relation, row_key, detail ~ 'large object') FROM custody.verify($args) ORDER BY 1; ROLLBACK;")
	  =~ s/.*FINDINGS\n?//sr;
}

my $size = run('SELECT custody.seal()');
my $changed = 'tampering|row_changed|public.file|{"id": %s}';
my %tamper = (
	'lo_put' => [ "SELECT lo_put(50011, 0, 'W')", 11 ],
	'lo_put at the end' => [ "SELECT lo_put(50011, 13, 'x')", 11 ],
	'a byte of the catalog' => [ "UPDATE pg_largeobject SET data = set_byte(data, 0, 0) WHERE loid = 50011", 11 ],
	'truncated' => [ "SELECT lo_truncate(lo_open(50011, x'20000'::int), 5)", 11 ],
	'a zero byte more' => [ "SELECT lo_put(50011, 13, '\\x00')", 11 ],
	'unlinked' => [ 'SELECT lo_unlink(50011)', 11 ],
	'its pages removed' => [ 'DELETE FROM pg_largeobject WHERE loid = 50011', 11 ],
	'its metadata removed' => [ 'DELETE FROM pg_largeobject_metadata WHERE oid = 50011', 11 ],
	'a page too many' => [ "INSERT INTO pg_largeobject VALUES (50011, 7, '')", 11 ],
	'a page too long' => [ "UPDATE pg_largeobject SET data = repeat('x', 3000)::bytea WHERE loid = 50011", 11 ],
	'a negative page' => [ "INSERT INTO pg_largeobject VALUES (50011, -1, 'x')", 11 ],
	'one that was missing made' => [ "SELECT lo_from_bytea(999999, 'forged')", 2 ],
	'replaced by a copy' => [ "SELECT lo_unlink(50011); SELECT lo_from_bytea(50011, 'Written first')", 11 ]);

foreach my $name (sort keys %tamper)
{
	my ($sql, $id) = @{ $tamper{$name} };

	like(findings("SET LOCAL allow_system_table_mods = on; $sql", ''), qr/^\Q${\sprintf($changed, $id)}\E/m, $name);
	like(findings("SET LOCAL allow_system_table_mods = on; $sql", "since => $size"),
		qr/^\Q${\sprintf($changed, $id)}\E/m, "$name, since a size");
}
like(findings("UPDATE pg_largeobject SET data = 'one less' WHERE loid = 50201", ''),
	qr/^tampering\|row_changed\|public\.part\|\{"id": 101}/m, 'of a row that moved to another partition');
like(findings("UPDATE custody.log_relation SET large_objects = '{}' WHERE relation = 'file'::regclass", ''),
	qr/^tampering\|relation_altered\|/m, 'the list of large objects emptied');

# A later transaction that changes an object alone is named; the row's next
# change proves it for ever.
run("SELECT lo_put(50012, 0, 'NAMED')");
like(findings('SELECT 1', ''), qr/^\Q${\sprintf($changed, 12)}\E/m, 'changed in a later transaction, alone');
run("UPDATE file SET note = 'later' WHERE id = 12; SELECT custody.seal()");
like(findings('SELECT 1', ''), qr/^tampering\|overwritten_mismatch\|public\.file\|\{"id": 12\}/m, 'the next change of the row says so');

done_testing();
