#!/usr/bin/perl
#
# Tampering that needs more than SQL in one transaction: pages and files while
# the server is down, single-user mode, pg_surgery, sequences set back, the
# extension made anew; each with the finding that names it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('tamper_server', init => { extra => [ '--encoding=UTF8', '--no-locale', '--data-checksums' ] },
	conf => "fsync = off\nautovacuum = off\n");
add_fixture($node, 'postgres');
$node->safe_psql('postgres', 'SELECT custody.seal()');
my $anchor = $node->safe_psql('postgres', 'SELECT custody.checkpoint()');
my $size = (split /\n/, $anchor)[1];

my $asleep = 'ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER EVENT TRIGGER custody_drop DISABLE; ALTER TABLE patient DISABLE TRIGGER ALL;';
my $awake = 'ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS; ALTER TABLE patient ENABLE TRIGGER ALL;'
  . 'ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_capture"; ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_truncate";';

sub found
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
		SELECT concat_ws('|', severity, code, relation, row_key, 'leaf ' || leaf_index, message, detail)
		FROM custody.verify(anchors => ARRAY[$n$} . $anchor . q{
$n$])});
}

sub path_of
{
	my ($database, $table) = @_;
	return $node->data_dir . '/' . $node->safe_psql($database, "SELECT pg_relation_filepath('$table')");
}

# In a copy of the database, while the server is down; the copy's name is given.
sub offline
{
	my ($name, $prepare, $move, $pattern) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE postgres');
	my $what = $prepare->();
	$node->stop;
	$move->($what);
	$node->start;
	like(found('copy'), $pattern, $name);
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}

# One digit after a text in a page, with the checksum made again
sub edit_page
{
	my ($path, $text) = @_;
	system_or_bail('python3', '-B', '-c', 'import sys, random; sys.path.insert(0, sys.argv[1]); import pages; '
		  . 'sys.exit(not pages.edit(sys.argv[2], ("(?<=" + sys.argv[3] + ")[0-9a-z]").encode(), random))',
		"$FindBin::RealBin/../attacker", $path, $text);
}

foreach my $page (
	[ 'a page of a table', 'patient', 'Patient 6', qr/^tampering\|row_changed\|public.patient\|\{"id": 6\d?\}\|.*recorded: name\|/m ],
	[ 'a page of a partition', 'obs1', 'v1', qr/^tampering\|row_changed\|public.obs\|\{"at": "2026-01-\d\d", "id": 1\d\}\|.*recorded: v\|/m ],
	[ 'a page of the entries', 'custody.log_chunk', 'Patient 6', qr/^tampering\|entry_altered\|public.patient\|\{"id": 6\d?\}\|leaf 1\|/m ],
	[ 'a page of checkpoints', 'custody.log_checkpoint', 'pg-custody/', qr/^tampering\|(checkpoint|signature)_\w+\|leaf \d+\|/m ])
{
	my ($name, $table, $text, $pattern) = @$page;
	offline($name, sub { path_of('copy', $table) }, sub { edit_page(shift, $text) }, $pattern);
}

# The file of a table as it was before its last changes
$node->safe_psql('postgres', q{CREATE DATABASE backup TEMPLATE postgres});
my $backup = path_of('backup', 'reading');
$node->safe_psql('postgres', q{DELETE FROM reading WHERE value = 7; SELECT custody.seal()});
$anchor = $node->safe_psql('postgres', 'SELECT custody.checkpoint()');
offline('a file of a backup', sub { path_of('copy', 'reading') },
	sub { system_or_bail('cp', $backup, shift) },
	qr/^tampering\|row_extra\|public.reading\|\{"at": "2026-01-01", "value": 7\}/m);

# Single-user mode, where event triggers never fire
offline('single-user mode', sub { }, sub {
		my $sql = "$asleep UPDATE patient SET dose = 999 WHERE id = 77; $awake";
		my $out = '';
		IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'copy' ], '<', \join("\n", split(/(?<=;)\s*/, $sql), ''), '>', \$out, '2>', \$out)
		  or die $out;
	}, qr/^tampering\|row_changed\|public.patient\|\{"id": 77\}\|.*recorded: dose\|/m);

# Online, in a copy
sub online
{
	my ($name, $sql, $pattern) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE postgres');
	$node->safe_psql('copy', $_) foreach @$sql;
	like(found('copy'), $pattern, $name);
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}

online('the extension made anew',
	[ 'DROP EXTENSION pg_custody CASCADE', q{CREATE EXTENSION pg_custody; UPDATE patient SET dose = 0 WHERE id = 60;
		SELECT custody.protect('patient'), custody.protect('reading'), custody.protect('obs'); SELECT custody.seal()} ],
	qr/^tampering\|anchor_unsigned\|anchor 1 /m);
online('an older backup goes on', [ q{DELETE FROM custody.log_leaf WHERE leaf_index >= 275; DELETE FROM custody.log_checkpoint WHERE tree_size > 275;
		DELETE FROM custody.log_block WHERE tree_size > 275; DELETE FROM custody.log_event WHERE leaf_index >= 275} ],
	qr/^tampering\|anchor_ahead\|leaf \d+\|.* leaves are missing/m);
SKIP:
{
	skip 'pg_surgery is not installed', 1
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_surgery'}) eq '0';
	online('a tuple killed', [ 'CREATE EXTENSION pg_surgery', q{SELECT heap_force_kill('patient', ARRAY(SELECT ctid FROM patient WHERE id = 78))} ],
		qr/^tampering\|row_missing\|public.patient\|\{"id": 78\}\|/m);
}
SKIP:
{
	skip 'event_triggers is a setting since 17', 1 if $node->pg_version < 17;
	online('event triggers off for a session', [ q{SET event_triggers = off; ALTER TABLE patient DISABLE TRIGGER ALL; UPDATE patient SET dose = 0 WHERE id = 79;
			ALTER TABLE patient ENABLE TRIGGER ALL; ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_capture"; ALTER TABLE patient ENABLE ALWAYS TRIGGER "!custody_truncate"} ],
		qr/^tampering\|row_changed\|public.patient\|\{"id": 79\}\|/m);
}
is(found('postgres'), '', 'the original is clean');

done_testing();
