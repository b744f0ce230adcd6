# Tables of tampering: what a superuser does, and the findings that must name it.

package CustodyTamper;

use strict;
use warnings;

use CustodyTest;
use Exporter 'import';
use Test::More;

our @EXPORT = qw($asleep $awake $findings unseen found_when found_on_copy);

# Event triggers off and on, as an insider does it.
our $asleep = q{ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER EVENT TRIGGER custody_drop DISABLE; };
our $awake = q{ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS; };

# A finding as a line; the arguments of verify are to be filled in.
our $findings = q{SELECT concat_ws('|', severity, code, relation, row_key, 'leaf ' || leaf_index, message, detail)
	FROM custody.verify(%s)};

my $by_workers = 'SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_maintenance_workers = 2; ';

# Change a table with its triggers off for the moment.
sub unseen
{
	my ($table, $sql) = @_;
	return sprintf(q{ALTER TABLE %1$s DISABLE TRIGGER ALL; %2$s; ALTER TABLE %1$s ENABLE TRIGGER ALL;
		ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "!custody_capture"; ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "!custody_truncate";},
		$table, $sql);
}

# What is done in a transaction that is rolled back, with the event triggers
# asleep: each pattern must match a finding of tampering.  Under 'only', there
# must be no other finding but warnings about the environment; under 'warning',
# the patterns match findings of any severity.  Parallel workers must not change
# a letter.
sub found_when
{
	my ($node, $name, $sql, $patterns, $how) = @_;
	my @wanted = ref $patterns eq 'ARRAY' ? @$patterns : ($patterns);
	my $severity = ($how // '') eq 'warning' ? qr/^\w+/ : qr/^tampering/;
	my ($out, $err) = ('', '');

	$sql = "$asleep$sql; $awake" unless $sql =~ /EVENT TRIGGER/;
	$node->psql('postgres',
		"SET allow_system_table_mods = on; SET session_replication_role = replica;\nBEGIN;\n$sql;\n\\echo FINDINGS\n"
		  . sprintf($findings, '') . ";\n\\echo BY WORKERS\n$by_workers" . sprintf($findings, '') . ";\nROLLBACK;",
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	my ($alone, $together) = $out =~ /FINDINGS\n(.*)BY WORKERS\n(.*)/s ? ($1, $2 eq '' ? '' : "$2\n") : ('', 'none');
	my @found = split /\n/, $alone;
	my @missed = grep { my $p = $_; !grep { /$severity\|.*$p/ } @found } @wanted;
	my @other = ($how // '') ne 'only' ? () : grep { my $f = $_; !grep { $f =~ $_ } @wanted, qr/^warning\|environment_changed\|/ } @found;

	ok(!@missed && !@other && $err eq '', $name)
	  or diag "error: $err\nnot found: @missed\nbesides: @other\nall:\n" . join("\n", @found[ 0 .. ($#found > 20 ? 20 : $#found) ]);
	is($together, $alone, "$name: the same with workers");
}

# What needs commits, on a copy of the database: each step is a session.
sub found_on_copy
{
	my ($node, $name, $steps, $pattern, $args) = @_;

	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE postgres');
	$node->safe_psql('copy', $_) foreach @$steps;
	like($node->safe_psql('copy', sprintf($findings, $args // '')), $pattern, $name);
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}

1;
