#!/usr/bin/perl
#
# Tampering below SQL: files changed while the server is down, with the data
# checksums recomputed, files copied over, single-user mode.  Each move has a
# fresh copy of the data directory.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTamper;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('tamper_disk', conf => "autovacuum = off\n", init => { extra => [ '--encoding=UTF8', '--no-locale', '--data-checksums' ] });
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{
	CREATE EXTENSION pg_custody;
	CREATE TABLE slip (id int PRIMARY KEY, t text);
	INSERT INTO slip SELECT i, 'Patient ' || i FROM generate_series(1, 30) i;
	CREATE TABLE report (id int PRIMARY KEY, body text);
	ALTER TABLE report ALTER body SET STORAGE EXTERNAL;
	INSERT INTO report VALUES (1, repeat('healthy ', 1000));
	SELECT custody.protect('slip'), custody.protect('report');
	CREATE TABLE altered (LIKE slip INCLUDING ALL);
	INSERT INTO altered SELECT id, replace(t, '21', 'xx') FROM slip;
	SELECT custody.seal();
	CHECKPOINT});
my %path = map { $_ => sql("SELECT pg_relation_filepath('$_')") } qw(slip altered pg_trigger custody.log_transaction custody.log_chunk custody.log_leaf);
$path{toast} = sql(q{SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'report'});
my %old = map { $_ => slurp($node->data_dir . "/$path{$_}") } 'slip', 'custody.log_leaf', 'custody.log_transaction';

# Places of tuples, before what hides them
my %place = (deleted => sql('SELECT ctid FROM slip WHERE id = 11'), live => sql('SELECT ctid FROM slip WHERE id = 12'));
sql('DELETE FROM slip WHERE id = 11');
$place{'never committed'} = sql(q{BEGIN; INSERT INTO slip VALUES (900, 'forged'); SELECT ctid FROM slip WHERE id = 900; ROLLBACK});
sql(q{UPDATE slip SET t = 'changed' WHERE id = 13; SELECT custody.seal()});
is(sql('SELECT * FROM custody.verify()'), '', 'clean before');
# Nobody reads the row any more, so nothing beside the commit log says that it was committed.
my $xid = sql(q{BEGIN; INSERT INTO slip VALUES (31, 'committed'); SELECT pg_current_xact_id(); COMMIT});
sql('SELECT custody.seal(); CHECKPOINT');
$node->stop;
my $pristine = $node->basedir . '/pristine';
rename $node->data_dir, $pristine or die $!;

# Bytes of a file, by a sub that changes them
sub edit
{
	my ($file, $change) = @_;
	my $path = $node->data_dir . "/$file";
	my $bytes = slurp($path);
	my $before = $bytes;
	$change->(\$bytes);
	die "nothing changed in $file" if $bytes eq $before;
	spew($path, $bytes);
}

sub replace
{
	my ($file, $from, $to) = @_;
	edit($file, sub { ${ $_[0] } =~ s/$from/$to/g });
}

# Offset of a tuple in its file, and of its line pointer, whose length and flags lie above.
sub tuple_at
{
	my ($bytes, $ctid) = @_;
	my ($block, $item) = $ctid =~ /\((\d+),(\d+)\)/;
	my $pointer = $block * 8192 + 24 + 4 * ($item - 1);
	return ($block * 8192 + (unpack('V', substr($$bytes, $pointer, 4)) & 0x7fff), $pointer);
}

sub set_infomask
{
	my ($ctid, $set, $clear) = @_;
	edit($path{slip}, sub {
		my ($tuple) = tuple_at($_[0], $ctid);
		my $mask = unpack('v', substr(${ $_[0] }, $tuple + 20, 2));
		substr(${ $_[0] }, $tuple + 20, 2) = pack('v', ($mask & ~$clear) | $set);
	});
}

# A transaction's two bits in the commit log
sub abort_transaction
{
	edit(sprintf('pg_xact/%04X', int($xid / (8192 * 4 * 32))), sub {
		my $byte = int($xid / 4) % (8192 * 32);
		vec(${ $_[0] }, $byte, 8) = vec(${ $_[0] }, $byte, 8) & ~(3 << 2 * ($xid % 4)) | 2 << 2 * ($xid % 4);
	});
}

sub single_user
{
	my ($sql) = @_;
	my @command = ('postgres', '--single', '-j', '-D', $node->data_dir, 'postgres');
	my ($out, $err) = ('', '');
	IPC::Run::run(\@command, '<', \"$sql\n\n", '>', \$out, '2>', \$err) or die $err;
	die $err if $err =~ /ERROR/;
}

# Name, what is done to the files, the finding; under 'sealed' after a block that says so.
my @moves = (
	[ 'a value kept apart', sub { replace($path{toast}, 'healthy', 'wealthy') }, qr/^tampering\|row_changed\|public.report\|\{"id": 1}.*recorded: body\|/m ],
	[ 'a deleted row brought back', sub { set_infomask($place{deleted}, 0x0800, 0x0400) }, qr/^tampering\|row_extra\|public.slip\|\{"id": 11}/m ],
	[ 'a row marked as deleted', sub { set_infomask($place{live}, 0x0200, 0x0100) }, qr/^tampering\|row_missing\|public.slip\|\{"id": 12}/m ],
	[ 'a row that was rolled back, made valid', sub { set_infomask($place{'never committed'}, 0x0b00, 0x0400) }, qr/^tampering\|row_extra\|public.slip\|\{"id": 900}/m ],
	[ 'a line pointer killed', sub { edit($path{slip}, sub { my (undef, $p) = tuple_at($_[0], $place{live}); substr(${ $_[0] }, $p, 4) = pack('V', 3 << 15) }) },
		qr/^tampering\|row_missing\|public.slip\|\{"id": 12}/m ],
	[ 'a transaction aborted after the fact', \&abort_transaction, qr/^tampering\|row_missing\|public.slip\|\{"id": 31}/m ],
	[ 'a file of an earlier day', sub { spew($node->data_dir . "/$path{slip}", $old{slip}) }, qr/^tampering\|row_\w+\|public.slip\|\{"id": 13}/m ],
	[ 'a file of another table', sub { spew($node->data_dir . "/$path{slip}", slurp($node->data_dir . "/$path{altered}")) }, qr/^tampering\|row_changed\|public.slip\|\{"id": 21}/m ],
	[ 'a file emptied', sub { spew($node->data_dir . "/$path{slip}", '') }, qr/^tampering\|row_missing\|public.slip\|\{"id": 1}/m ],
	[ 'a trigger off in its page', sub { edit($path{pg_trigger}, sub { ${ $_[0] } =~ s/(!custody_capture\0.{53})A/${1}D/sg }) },
		qr/^tampering\|trigger_disabled\|public.slip\|/m ],
	[ 'the leaves of an earlier day', sub { spew($node->data_dir . "/$path{'custody.log_leaf'}", $old{'custody.log_leaf'}) }, qr/^tampering\|leaf_missing\|/m ],
	[ 'the transactions of an earlier day', sub { spew($node->data_dir . "/$path{'custody.log_transaction'}", $old{'custody.log_transaction'}) }, qr/^tampering\|transaction_missing\|/m ],
	[ 'an edit in single-user mode, and what it leaves', sub { single_user(q{SET session_replication_role = replica; ALTER TABLE slip DISABLE TRIGGER ALL; DELETE FROM slip WHERE id = 15;
			ALTER TABLE slip ENABLE TRIGGER ALL; ALTER TABLE slip ENABLE ALWAYS TRIGGER "!custody_capture"; ALTER TABLE slip ENABLE ALWAYS TRIGGER "!custody_truncate"}) },
		qr/^tampering\|capture_gap\|public.slip\|/m, 'sealed' ],
);

foreach my $move (@moves)
{
	my ($name, $change, $pattern, $sealed) = @$move;
	PostgreSQL::Test::RecursiveCopy::copypath($pristine, $node->data_dir);
	chmod 0700, $node->data_dir or die $!;
	PostgreSQL::Test::Utils::system_or_bail('pg_checksums', '--disable', '--no-sync', '-D', $node->data_dir) unless $sealed;
	$change->();
	PostgreSQL::Test::Utils::system_or_bail('pg_checksums', '--enable', '--no-sync', '-D', $node->data_dir) unless $sealed;
	$node->start;
	sql('SELECT custody.seal()') if $sealed;
	like(sql(sprintf($findings, '')), $pattern, $name);
	$node->stop('immediate');
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $node->data_dir);
}

done_testing();
