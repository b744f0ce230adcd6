# A tlog-tiles directory: made, brought up to date, interrupted, refused; read by
# the offline verifier and by a reader in another language.
use strict;
use warnings;

use File::Find;
use lib 'test/t';
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('tiles', conf => "restart_after_crash = on\n");
my $base = $node->basedir;
add_ledger($node);

# Transactions, each a leaf.
sub add_leaves
{
	my ($n) = @_;
	$node->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN 1 .. $n LOOP INSERT INTO t (n) VALUES ('x'); COMMIT; END LOOP; END \$\$");
	return $node->safe_psql('postgres', 'SELECT custody.seal()');
}

sub export
{
	my ($directory, $arguments, $on) = @_;
	return ($on // $node)->safe_psql('postgres', "SELECT custody.export_tiles('$directory'" . ($arguments // '') . ')');
}

# All files below a directory: path => content.
sub files
{
	my ($directory) = @_;
	my %files;
	find({ no_chdir => 1, wanted => sub { $files{ substr($_, length("$directory/")) } = slurp($_) if -f $_ } }, $directory);
	return \%files;
}

my $key;
sub verified
{
	my ($name, $directory, @arguments) = @_;
	command_exit_is([ 'pg_custody_verify', 'tiles', '--key', $key, '--quiet', @arguments, $directory ], 0, "$name: verified offline");
}

sub agrees
{
	my ($name, $directory, @indexes) = @_;
	command_exit_is([ 'python3', '-B', 'test/recompute/tiles.py', $directory, $_, $key ], 0, "$name: leaf $_ in another language")
	  foreach @indexes;
}

# First steps
my $dir = "$base/log";
fails_with($node, "SELECT custody.export_tiles('$dir')", '55000', 'nothing has been sealed', 'no log, no tiles');
ok(!-e $dir, 'and no directory');
my $size = add_leaves(3);
$key = $node->safe_psql('postgres', 'SELECT custody.verifier_key()');
is(export($dir), $size, 'export returns the size');
is_deeply([ sort keys %{ files($dir) } ], [ 'checkpoint', 'keys', "tile/0/000.p/$size" ], 'files of a small log');
is(slurp("$dir/checkpoint"), $node->safe_psql('postgres', 'SELECT custody.checkpoint()') . '', 'the checkpoint')
  or diag('psql and the file differ');
is(slurp("$dir/keys"), "1 $size - $key\n", 'the key history');
verified('small', $dir);
agrees('small', $dir, 0, $size - 1);
is((stat($dir))[2] & 07777, 0700, 'the directory is the server\'s own');
is((stat("$dir/checkpoint"))[2] & 07777, 0644, 'its files may be read by all');
is(export($dir), $size, 'nothing to add');
verified('again', $dir);

# Increments, past the first tile of level 1
my $kept = "$base/kept";
spew($kept, slurp("$dir/checkpoint"));
add_leaves(300);
export($dir);
ok(!-e "$dir/tile/0/000.p", 'a partial tile goes when the full one is there');
verified('second', $dir, '--anchor', $kept);
my $inode = (stat("$dir/tile/0/000"))[1];
add_leaves(17_000) foreach 1 .. 3;
my $middle = $node->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.blocks');
$size = add_leaves(19_000);
cmp_ok($size, '>', 70_000, 'more than 70,000 leaves');
is(export($dir), $size, 'exported');
is((stat("$dir/tile/0/000"))[1], $inode, 'tiles below the old checkpoint are kept');
is(-s "$dir/tile/2/000.p/1", 32, 'a tile of level 2');
verified('increments', $dir, '--anchor', $kept);
agrees('increments', $dir, 0, 255, 256, 65_535, 65_536, $size - 1);

my $fresh = "$base/fresh";
export($fresh);
my %of = %{ files($dir) };
my %again = %{ files($fresh) };
delete $again{$_} foreach grep { exists $of{$_} && $of{$_} eq $again{$_} } keys %again;
is_deeply(\%again, {}, 'a fresh export has the files of the increments');
is_deeply([ grep { /^tile\/0\// && !/\.p\// } sort keys %of ], [ map { sprintf('tile/0/%03d', $_) } 0 .. int($size / 256) - 1 ],
	'paths of level 0');

# The same for a client, whole and since a size
sub rows
{
	my ($arguments, $role) = @_;
	my $role_sql = $role ? "SET ROLE $role;" : '';
	my %rows = map { my ($path, $hex) = split /\|/; ($path => pack('H*', $hex)) }
	  split /\n/, $node->safe_psql('postgres', "$role_sql SELECT path, encode(content, 'hex') FROM custody.tiles($arguments)");
	return \%rows;
}
is_deeply(rows(''), files($fresh), 'custody.tiles() gives the same files');
my $part = "$base/part";
export($part, ", tree_size => $middle");
is_deeply({ %{ files($part) }, %{ rows("since => $middle") } }, { %{ files($part) }, %{ files($fresh) } },
	'what is new since a size completes a directory of that size');
cmp_ok(scalar keys %{ rows("since => $middle") }, '<', 90, 'and is no more than that');
is($node->safe_psql('postgres', 'SELECT path FROM custody.tiles() WITH ORDINALITY AS x (path, content, n) ORDER BY n DESC LIMIT 1'),
	'checkpoint', 'the checkpoint comes last');
my ($script) = slurp('doc/operations.md') =~ /^    (psql [^\n]*custody\.tiles.*?\n    done)\n/ms;
{
	local @ENV{qw(PGHOST PGPORT PGDATABASE SINCE)} = ($node->host, $node->port, 'postgres', 0);
	is(system('bash', '-ec', "cd '$base' && mkdir client && cd client && $script"), 0, 'the script in doc/operations.md');
}
is_deeply(files("$base/client/log"), files($fresh), 'writes the same files');
fails_with($node, "SELECT * FROM custody.tiles(since => $size + 1)", '22023', 'has no tiles since', 'beyond the log');
fails_with($node, 'SELECT * FROM custody.tiles(since => -1)', '22023', 'has no tiles since', 'before the log');
fails_with($node, 'SELECT * FROM custody.tiles(tree_size => 5)', '22023', 'there is no checkpoint of size 5', 'size that was not signed');

# Entry bundles
my $entries = "$base/entries";
export($entries, ", entries => true, tree_size => $middle");
verified('bundles', $entries);
agrees('bundles', $entries, 0, 300, $middle - 1);
export($entries);
ok(-e "$entries/tile/entries/" . sprintf('%03d', $size / 256) . '.p', 'bundles once begun go on');
verified('more bundles', $entries);
agrees('more bundles', $entries, $size - 1);
export($part, ', entries => true');
verified('bundles asked for later', $part);
is_deeply(files($part), { %{ files($part) }, %{ files($entries) } }, 'are all there');

# Interrupted.  A folder stands where a tile should go: an error half way.
my $half = "$base/half";
mkdir $_ foreach $half, "$half/tile", "$half/tile/0", "$half/tile/0/200", "$half/tile/0/200/x";
fails_with($node, "SELECT custody.export_tiles('$half')", '42809', 'could not rename file .*Check permissions', 'an error half way');
ok(-e "$half/tile/0/199" && !-e "$half/checkpoint", 'leaves tiles and no checkpoint');
command_exit_is([ 'pg_custody_verify', 'tiles', '--key', $key, $half ], 2, 'which cannot be checked');
spew("$half/tile/0/100", 'torn');
spew("$half/.writing", 'torn');
rmdir $_ foreach "$half/tile/0/200/x", "$half/tile/0/200";
export($half);
verified('gone on from half way', $half);
is_deeply({ %{ files($half) }, %{ rows('') } }, files($half), 'as if nothing had happened');
my $cancelled = "$base/cancelled";
fails_with($node, "SET statement_timeout = '1ms'; SELECT custody.export_tiles('$cancelled')", '57014', 'canceling statement', 'cancelled');
export($cancelled);
verified('gone on after a cancel', $cancelled);

# Killed while it writes: what has a checkpoint verifies, and the next goes on.
my $killed = "$base/killed";
foreach my $round (
	[ 'the first step', '', 'tile/0/100' ],
	[ 'bundles that catch up', ', entries => true', '.entries/050' ])
{
	my ($name, $arguments, $file) = @$round;
	my ($out, $err) = ('', '');
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \"SELECT pg_backend_pid();\nSELECT custody.export_tiles('$killed'$arguments);\n", '>', \$out, '2>', \$err);
	my $deadline = time + 60;

	until (-e "$killed/$file" || time > $deadline)
	{
		$psql->pump_nb;
	}
	$psql->pump until $out =~ /\n/;
	kill('KILL', $out =~ /(\d+)/);
	$psql->finish;
	ok(-e "$killed/$file", "killed in $name");
	ok($round->[1] ? !-e "$killed/tile/entries" : !-e "$killed/checkpoint", "$name: nothing of it is published");
	$node->poll_query_until('postgres', 'SELECT true');
	verified("killed in $name", $killed) if -e "$killed/checkpoint";
	export($killed);
	verified("gone on after $name", $killed);
}
export($killed, ', entries => true');
verified('gone on', $killed);
is_deeply([ grep { /entries/ } sort keys %{ files($killed) } ], [ grep { /entries/ } sort keys %{ files($part) } ], 'all bundles are there');

# A writer meanwhile
my $writer = "$base/writer";
my ($out, $err) = ('', '');
my $pgbench = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '4', '-f', do { spew("$base/insert.sql", "INSERT INTO t (n) VALUES ('w');\n"); "$base/insert.sql" }, '-h', $node->host, '-p', $node->port, 'postgres' ], '>', \$out, '2>', \$err);
foreach my $round (1 .. 4)
{
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	export($writer);
	verified("round $round beside writers", $writer);
	select(undef, undef, undef, 0.5);
}
$pgbench->finish;
$node->safe_psql('postgres', 'SELECT custody.seal()');

# Two exports at a time
my $lock = IPC::Run::start([ 'flock', $writer, 'sleep', '60' ]);
$node->poll_query_until('postgres', 'SELECT true');
foreach (1 .. 50)
{
	last if system("flock -n '$writer' true") != 0;
	select(undef, undef, undef, 0.1);
}
fails_with($node, "SELECT custody.export_tiles('$writer')", '55006', 'is being written by another export', 'locked');
$lock->kill_kill;

# Directories that are refused
$node->safe_psql('postgres', 'CREATE DATABASE other');
add_ledger($node, 'other');
$node->safe_psql('other', "INSERT INTO t (n) VALUES ('a'); SELECT custody.seal(); SELECT custody.export_tiles('$base/other')");
fails_with($node, "SELECT custody.export_tiles('$base/other')", 'PC401', 'does not hold a part of this log.*Keep it as evidence', 'another log');
mkdir "$base/full";
spew("$base/full/mine", 'x');
my @refused = (
	[ 'other files', "$base/full", 'It holds other files' ],
	[ 'relative', 'log', 'not an absolute path' ],
	[ 'in the data directory', $node->data_dir . '/tiles', 'inside the data directory' ],
	[ 'in the data directory, by another way', $node->data_dir . '/base/../tiles', 'inside the data directory' ],
	[ 'the data directory', $node->data_dir, 'inside the data directory' ],
	[ 'no parent', "$base/none/tiles", 'does not exist' ],
	[ 'too long', "$base/" . ('long/' x 200) . 'x', '\w' ]);
fails_with($node, "SELECT custody.export_tiles('$_->[1]')", '22023', $_->[2], $_->[0]) foreach @refused;
symlink($node->data_dir . '/base', "$base/link");
fails_with($node, "SELECT custody.export_tiles('$base/link')", '22023', 'inside the data directory', 'a link into the data directory');
fails_with($node, "SELECT custody.export_tiles('$base/link/x')", '22023', 'inside the data directory', 'a folder behind the link');
fails_with($node, "SELECT custody.export_tiles('$dir', tree_size => $middle)", '22023', 'take its checkpoint back', 'a smaller size');
my $altered = slurp("$part/checkpoint");
my $root = (split /\n/, $altered)[2];
spew("$part/checkpoint", $altered =~ s/\Q$root\E/'A' x 43 . '='/er);
fails_with($node, "SELECT custody.export_tiles('$part')", 'PC401', 'another origin or root', 'a checkpoint of another root');
spew("$part/checkpoint", 'no note');
fails_with($node, "SELECT custody.export_tiles('$part')", 'PC401', 'holds no checkpoint', 'an unreadable checkpoint');
is($node->safe_psql('postgres', 'SELECT custody.export_tiles(NULL) IS NULL'), 't', 'no directory');

# Rights
$node->safe_psql('postgres', q{
	CREATE ROLE auditor; SELECT custody.grant_auditor('auditor');
	CREATE ROLE exporter IN ROLE pg_write_server_files; SELECT custody.grant_auditor('exporter');
	CREATE ROLE writer IN ROLE pg_write_server_files; GRANT USAGE ON SCHEMA custody TO writer;
	CREATE ROLE nobody});
is_deeply(rows('', 'auditor'), rows(''), 'an auditor gets the tiles');
fails_with($node, "SET ROLE auditor; SELECT custody.export_tiles('$base/auditor')", '42501', 'pg_write_server_files.*custody.tiles', 'but writes no files');
is($node->safe_psql('postgres', "SET ROLE exporter; SELECT custody.export_tiles('$base/exporter') > 0"), 't', 'who may do both exports');
fails_with($node, "SET ROLE writer; SELECT custody.export_tiles('$base/writer2')", '42501', 'permission denied for function export_tiles', 'who may only write files does not');
fails_with($node, 'SET ROLE writer; SELECT * FROM custody.tiles()', '42501', 'permission denied for function tiles', 'nor gets tiles');
fails_with($node, 'SET ROLE nobody; SELECT * FROM custody.tiles()', '42501', 'permission denied for schema', 'nor does anybody else');

# What is not there cannot be exported.
$size = $node->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.blocks');
foreach my $damage (
	[ 'a tile', 'DELETE FROM custody.log_tile WHERE level = 0 AND tile_index = 7', 'tile 7 of level 0 is missing or altered', '' ],
	[ 'a tile cut short', "UPDATE custody.log_tile SET hashes = substr(hashes, 1, 8000) WHERE level = 0 AND tile_index = 7", 'tile 7 of level 0 is missing or altered', '' ],
	[ 'a tile with another hash', "UPDATE custody.log_tile SET hashes = set_byte(hashes, 100, get_byte(hashes, 100) # 1) WHERE level = 0 AND tile_index = 9", 'tile 9 of level 0 is missing or altered', '' ],
	[ 'a tile of level 1 with another hash', "UPDATE custody.log_tile SET hashes = set_byte(hashes, 100, get_byte(hashes, 100) # 1) WHERE level = 1 AND tile_index = 0", 'tile 3 of level 0 is missing or altered', '' ],
	[ 'a leaf', "DELETE FROM custody.log_leaf WHERE leaf_index = $size - 1", 'leaf \d+ of the log is missing', '' ],
	[ 'a leaf hash', "UPDATE custody.log_leaf SET leaf_hash = sha256('') WHERE leaf_index = $size - 1", 'do not lead to the checkpoint', '' ],
	[ 'a record', 'DELETE FROM custody.log_transaction WHERE txn_no = (SELECT txn_no FROM custody.log_leaf WHERE leaf_index = 300)', 'bytes of leaf 300 are missing', ', entries => true' ],
	[ 'a block', 'DELETE FROM custody.log_block WHERE block_no = 0', 'bytes of leaf 0 are missing|block 0', ', entries => true' ],
	[ 'a key', 'DELETE FROM custody.log_key', 'verifier key of epoch 1', '' ])
{
	my ($what, $sql, $pattern, $arguments) = @$damage;
	fails_with($node, "BEGIN; $sql; SELECT custody.export_tiles('$base/damage' $arguments)", 'PC301', "(?:$pattern)", "$what is damaged");
	verified("$what is damaged: what was published", "$base/damage") if -e "$base/damage/checkpoint";
}
cmp_ok(slurp("$base/damage/checkpoint") =~ s/.*?\n(\d+)\n.*/$1/sr, '<', $size, 'no damage was published');
is(export("$base/damage"), $size, 'what was begun is made good');
verified('made good', "$base/damage");

# A leaf longer than a bundle can hold: no context makes one, six hundred roles do.
fails_with($node, "LOAD 'pg_custody'; SET custody.context_extra = '\"" . ('x' x 8191) . "\"'", '22023', 'the limit is 8192', 'too long a context');
fails_with($node, "SELECT custody.set_context(reason => repeat('x', 2049))", '22023', 'the limit is 2048', 'too long a reason');
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA custody TO PUBLIC; GRANT INSERT ON t TO PUBLIC;'
	. join('', map { my $name = sprintf('%s%03d', '""' x 60, $_); "CREATE ROLE \"$name\";" } 1 .. 600));
$node->safe_psql('postgres', 'BEGIN;'
	. join('', map { my $name = sprintf('%s%03d', '""' x 60, $_); "SET ROLE \"$name\"; INSERT INTO t (n) VALUES ('long');" } 1 .. 600) . 'COMMIT');
$size = $node->safe_psql('postgres', 'SELECT custody.seal()');
fails_with($node, "SELECT custody.export_tiles('$entries')", '54000', 'is too long for an entry bundle', 'too long a leaf');
verified('after a refusal', $entries);
is(export($dir), $size, 'without bundles it is exported');
verified('with a long leaf', $dir);

# A standby, and a restore that lost leaves
$node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 5\n");
$node->restart;
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('tiles_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(export("$base/standby", '', $standby), $size, 'exported on a standby');
export("$base/primary");
is_deeply(files("$base/standby"), files("$base/primary"), 'the same files as on the primary');
is(export("$base/primary", '', $standby), $size, 'a directory may be continued by either');
$standby->stop;

my $before = $size;
my $last = slurp("$base/standby/checkpoint");
$size = add_leaves(10);
export("$base/primary");
$node->stop;
my $restored = PostgreSQL::Test::Cluster->new('tiles_restored');
$restored->init_from_backup($node, 'backup');
$restored->start;
fails_with($restored, "SELECT custody.export_tiles('$base/primary')", 'PC401', 'which this ledger did not sign.*rolled back or restored', 'a restored log does not continue a longer one');
$restored->safe_psql('postgres', "SELECT custody.new_incarnation('restored from backup')");
$restored->safe_psql('postgres', "INSERT INTO t (n) VALUES ('after')");
$size = $restored->safe_psql('postgres', 'SELECT custody.seal()');
export("$base/standby", '', $restored);
my ($first, $second) = map { $restored->safe_psql('postgres', "SELECT custody.verifier_key($_)") } 1, 2;
like(slurp("$base/standby/keys"), qr/^1 \d+ $before \Q$first\E\n2 \d+ - \Q$second\E\n\z/, 'key history of two epochs');
is(slurp("$base/standby/checkpoints/$before"), $last, 'the last checkpoint of the first');
spew($kept, $last);
$key = $second;
verified('two epochs', "$base/standby", '--key', $first, '--anchor', $kept);
agrees('two epochs', "$base/standby", 0, $size - 1);
($out, $err) = run_command([ 'pg_custody_verify', 'tiles', '--key', $second, "$base/standby" ]);
like($out, qr/^notice: the key of epoch 1, id [0-9a-f]{8}, which signed from size \d+ on, is not among the trusted ones\nverified: .* 2 keys, 2 checkpoints, /m,
	'a key that is not trusted is shown');
$key = $first;
command_exit_is([ 'pg_custody_verify', 'tiles', '--key', $first, '--anchor', "$base/primary/checkpoint", "$base/primary" ], 0, 'the longer log is still evidence');
command_exit_is([ 'pg_custody_verify', 'tiles', '--key', $first, '--key', $second, '--anchor', "$base/primary/checkpoint", "$base/standby" ], 1, 'against the restored one');

$restored->stop;
done_testing();
