#!/usr/bin/perl
#
# Attempts on the ledger through SQL in the server's log, with the session user
# whatever role is in force; silences of the sealer.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('guard', preload => 1, conf => "custody.heartbeat_interval = '1s'\n");
add_ledger($node);
wait_until_sealed($node);
$node->safe_psql('postgres', q{
	CREATE ROLE nurse LOGIN; CREATE ROLE dba LOGIN SUPERUSER; CREATE ROLE other;
	CREATE ROLE auditor LOGIN; SELECT custody.grant_auditor('auditor');
	GRANT other TO nurse;
	CREATE FUNCTION sneak() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
		$$ BEGIN EXECUTE 'DEL' || 'ETE FROM cus' || 'tody.log_anchor'; END $$});

# What a session logs as it tries.
sub logged
{
	my ($sql, $user) = @_;
	my $offset = -s $node->logfile;

	$node->psql('postgres', $sql, extra_params => [ '-U', $user ]);
	return slurp_file($node->logfile, $offset);
}

# PostgreSQL refuses
foreach my $t (
	[ 'a table is read', 'SELECT * FROM custody.log_block', 'nurse' ],
	[ 'a table is written', 'DELETE FROM custody.log_chunk', 'auditor' ],
	[ 'a table named by a search path', 'SET search_path = custody; INSERT INTO log_key VALUES (9, $$x$$)', 'auditor' ],
	[ 'under another role', 'SET ROLE other; SELECT * FROM custody.log_key', 'nurse' ],
	[ 'as another session user', 'SET SESSION AUTHORIZATION other; SELECT * FROM custody.log_key', 'dba' ],
	[ 'a table is emptied', 'TRUNCATE custody.log_leaf', 'auditor' ],
	[ 'a table is dropped', 'DROP TABLE custody.log_tile', 'nurse' ],
	[ 'a table is copied into', 'COPY custody.log_anchor FROM PROGRAM $$true$$', 'nurse' ],
	[ 'a function is called', q{SELECT custody.new_incarnation('x')}, 'auditor' ],
	[ 'the schema is used', 'CREATE TABLE custody.t (id int)', 'auditor' ])
{
	my ($name, $sql, $user) = @$t;
	like(logged($sql, $user), qr/ERROR:.*\n.*DETAIL: .*Refused attempt on the ledger: session user "$user", SQLSTATE 42501\./,
		"$name: refused, with the session user");
}
unlike(logged('SELECT * FROM pg_authid', 'nurse'), qr/Refused attempt/, 'a refusal that is about something else');

# PostgreSQL refuses nothing
foreach my $t (
	[ 'insert', q{INSERT INTO custody.log_anchor VALUES (100000, now())}, 'log_anchor', 'written' ],
	[ 'update', q{UPDATE custody.log_anchor SET tree_size = 100001}, 'log_anchor', 'written' ],
	[ 'delete', q{DELETE FROM custody.log_anchor}, 'log_anchor', 'written' ],
	[ 'copy', q{COPY custody.log_anchor FROM PROGRAM 'true'}, 'log_anchor', 'written' ],
	[ 'truncate', q{TRUNCATE custody.log_anchor}, 'log_anchor', 'emptied' ],
	[ 'alter', q{ALTER TABLE custody.log_anchor SET (fillfactor = 90)}, 'log_anchor', 'altered' ],
	[ 'drop', q{BEGIN; ALTER EXTENSION pg_custody DROP TABLE custody.log_anchor; DROP TABLE custody.log_anchor; ROLLBACK}, 'log_anchor', 'dropped' ],
	[ 'in a function of somebody else', q{SELECT public.sneak()}, 'log_anchor', 'written' ])
{
	my ($name, $sql, $table, $what) = @$t;
	like(logged("SET ROLE postgres; $sql", 'dba'),
		qr/LOG:  ledger relation "custody\.$table" is $what through SQL\n.*DETAIL:  Session user "dba", current user "postgres"\./,
		"$name: logged with the session user");
}
like(logged('GRANT ALL ON custody.log_anchor TO nurse; GRANT USAGE ON SCHEMA custody TO nurse; SET SESSION AUTHORIZATION nurse; DELETE FROM custody.log_anchor;'
		  . ' RESET SESSION AUTHORIZATION; REVOKE ALL ON custody.log_anchor FROM nurse; REVOKE USAGE ON SCHEMA custody FROM nurse', 'dba'),
	qr/written through SQL\n.*DETAIL:  Session user "dba", current user "nurse"\./, 'as another session user: logged with who logged in');

# A change that somebody makes under another name says who logged in.
$node->safe_psql('postgres', 'GRANT INSERT ON t TO nurse');
foreach my $t (
	[ 'as himself', '', 'dba|dba|dba|' ],
	[ 'SET ROLE', 'SET ROLE nurse;', 'dba|nurse|nurse|' ],
	[ 'SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION nurse;', 'nurse|nurse|nurse|login:dba' ],
	[ 'and back', 'SET SESSION AUTHORIZATION nurse; RESET SESSION AUTHORIZATION;', 'dba|dba|dba|' ])
{
	my ($name, $sql, $expected) = @$t;
	$node->safe_psql('postgres', "$sql INSERT INTO t (n) VALUES ('$name')", extra_params => [ '-U', 'dba' ]);
	is($node->safe_psql('postgres', q{SELECT session_user_name, outer_user_name, current_user_names, authenticated_identity
			FROM custody.transactions WHERE txn_no = (SELECT max(txn_no) FROM custody.entries WHERE operation = 'insert')}),
		$expected, "who is behind a change: $name");
}

my $offset = -s $node->logfile;
$node->safe_psql('postgres', q{INSERT INTO t (n) VALUES ('x'); UPDATE t SET n = 'y'; VACUUM FULL custody.log_anchor; SELECT custody.seal(); SELECT count(*) FROM custody.verify()});
wait_until_sealed($node);
unlike(slurp_file($node->logfile, $offset), qr/ledger relation|Refused/, 'the application and the sealer are not logged');

# Silences
my $silences = q{SELECT code, message FROM custody.verify() WHERE code = 'heartbeat_gap'};
sleep 3;
is($node->safe_psql('postgres', $silences), '', 'a heart that beats');
my $memory = ledger_folder($node) . '/signed';
rename $memory, "$memory.aside" or die $!;
sleep 19;
like($node->safe_psql('postgres', $silences), qr/^heartbeat_gap\|nothing has been sealed since block \d+ at /, 'a sealer that cannot work, while it is silent');
rename "$memory.aside", $memory or die $!;
$node->safe_psql('postgres', 'SELECT custody.seal()');
my $found = $node->safe_psql('postgres', $silences);
like($found, qr/^heartbeat_gap\|nothing was sealed between block \d+ at .* and block \d+ at [^\n]*$/, 'and for ever after');
$node->stop;
sleep 19;
$node->start;
$node->poll_query_until('postgres', 'SELECT last_seal > pg_postmaster_start_time() FROM custody.status') or die;
is($node->safe_psql('postgres', $silences), $found, 'a server that was stopped is none');
$node->stop;

done_testing();
