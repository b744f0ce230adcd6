#!/usr/bin/perl
#
# Another library under the same name, and an update of the extension: each is
# an entry with what was before.  In an installation of its own.

use strict;
use warnings;

use File::Basename;
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use Digest::SHA;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A copy of the server: it finds its files relative to its programs.
my %dir = map { $_ => (run_command([ 'pg_config', "--$_" ]))[0] } qw(bindir pkglibdir sharedir);
my $root = PostgreSQL::Test::Utils::tempdir;
my $prefix = dirname($dir{bindir});
foreach (values %dir)
{
	my $parent = "$root" . dirname($_);
	system_or_bail('mkdir', '-p', $parent);
	system_or_bail('cp', '-a', $_, $parent);
}
my $library = "$root$dir{pkglibdir}/pg_custody.so";
my $scripts = "$root$dir{sharedir}/extension";

my $node = PostgreSQL::Test::Cluster->new('module', install_path => "$root$prefix");
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_custody'\ncustody.seal_interval = '1h'\n");
$node->start;
add_ledger($node);
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('first'); SELECT custody.seal()");

sub digest { return Digest::SHA->new(256)->addfile($_[0], 'b')->hexdigest; }

# Put another file in the place of the library, as a package would.
sub replace_library
{
	my ($bytes) = @_;
	spew("$library.new", $bytes);
	chmod 0755, "$library.new" or die $!;
	rename("$library.new", $library) or die $!;
}

sub changes
{
	my ($since, @names) = @_;
	my $names = join ', ', map { "'$_'" } @names;
	return $node->safe_psql('postgres', "SELECT name, before, after FROM custody.environment_changes WHERE number > $since AND name IN ($names) ORDER BY number");
}

sub last_change { return $node->safe_psql('postgres', 'SELECT max(number) FROM custody.environment_changes'); }

# Altered: a byte more at its end, which the loader passes over.
my $genuine = slurp($library);
my $first = digest($library);
my $last = last_change();
like($node->safe_psql('postgres', "SELECT definition FROM custody.environment WHERE name = 'module'"), qr/sha256:$first$/, 'the library is recorded');
replace_library("$genuine\0");
my $altered = digest($library);
isnt($altered, $first, 'another file');
$node->safe_psql('postgres', 'SELECT custody.seal()');
my ($version) = $node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'pg_custody'});
is(changes($last, 'module'), "module|version $version sha256:$first|version $version sha256:$altered",
	'a library altered while the server runs is an entry, with both digests');
$node->restart;
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('altered'); SELECT custody.seal()");
is(changes($last, 'module'), "module|version $version sha256:$first|version $version sha256:$altered", 'and once');
replace_library($genuine);
$node->restart;
$node->safe_psql('postgres', 'SELECT custody.seal()');
like(changes($last, 'module'), qr/^module\|version \Q$version\E sha256:$altered\|version \Q$version\E sha256:$first$/m, 'so it is when it is put back');
verifies_clean($node, 'with the genuine library again');

# The next version: its library, built from these sources, its scripts, the command.
(my $next = $version) =~ s/(\d)$/$1 == 9 ? 8 : $1 + 1/e;
my $build = "$root/next";
mkdir $build or die $!;
system_or_bail('cp', '-a', "$FindBin::RealBin/../../$_", $build) foreach 'src', 'control', 'Makefile';
mkdir "$build/test" or die $!;
system_or_bail('cp', '-a', "$FindBin::RealBin/../$_", "$build/test") foreach 'check.mk', 'scripts.mk';
# What was built here before has the version of these sources.
system_or_bail('find', $build, '-name', '*.[od]', '-delete');
system_or_bail('make', '-s', '-C', $build, 'with_llvm=no', "EXTVERSION=$next", 'COPT=-O0', 'pg_custody.so');
replace_library(slurp("$build/pg_custody.so"));
spew("$scripts/pg_custody--$version--$next.sql", "COMMENT ON SCHEMA custody IS 'updated';\n");
$last = last_change();
$node->restart;
fails_with($node, "INSERT INTO t (n) VALUES ('between')", 'PC002', '', 'between library and update capture fails closed');
$node->safe_psql('postgres', "ALTER EXTENSION pg_custody UPDATE TO '$next'");
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('updated'); SELECT custody.seal()");
my $updated = digest($library);
like(changes($last, 'module'), qr/^module\|version \Q$version\E sha256:$first\|version \Q$next\E sha256:$updated$/, 'the new library is an entry');
is(changes($last, 'extension pg_custody'), "extension pg_custody|version $version owner postgres|version $next owner postgres", 'so is the update');
verifies_clean($node, 'updated');

done_testing();
