#!/usr/bin/perl
#
# 64 sessions with rollbacks, savepoints, prepared transactions, deadlocks and
# cancellations: the entries are exactly the changes that committed.
#
# Every transaction notes each change it makes in a journal of its own, a plain
# table.  What committed is in the journal; the ledger must say the same.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{CUSTODY_STRESS_SECONDS} // 10;
my $clients = 64;

my $node = start_node('concurrency',
	preload => 1,
	conf => "max_connections = 100\nmax_prepared_transactions = 100\n"
	  . "deadlock_timeout = '20ms'\nfsync = off\ncustody.seal_interval = '50ms'\n");
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0, note text);
	CREATE TABLE visit (id bigint GENERATED ALWAYS AS IDENTITY, ward int, note text) PARTITION BY LIST (ward);
	CREATE TABLE visit_0 PARTITION OF visit FOR VALUES IN (0);
	CREATE TABLE visit_1 PARTITION OF visit FOR VALUES IN (1);
	CREATE TABLE sample (tube int, value int);
	INSERT INTO account SELECT i FROM generate_series(1, 60) i;
	INSERT INTO sample SELECT i % 10, 0 FROM generate_series(1, 100) i;
	CREATE TABLE journal (relation text, operation text, n bigint);
	SELECT custody.protect('account'), custody.protect('visit'), custody.protect('sample');

	CREATE FUNCTION note(relation text, operation text, n bigint) RETURNS void LANGUAGE sql AS
	$$ INSERT INTO journal SELECT relation, operation, n WHERE n > 0 $$;

	-- one change of some rows, noted
	CREATE FUNCTION pay(a int, b int) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN
		UPDATE account SET balance = balance - 1, note = repeat('x', a * 30) WHERE id = a;
		PERFORM note('public.account', 'update', 1);
		UPDATE account SET balance = balance + 1 WHERE id = b;
		PERFORM note('public.account', 'update', 1);
	END $$;
	CREATE FUNCTION visits(n int) RETURNS void LANGUAGE plpgsql AS
	$$
	DECLARE changed bigint;
	BEGIN
		INSERT INTO visit (ward, note) SELECT i % 2, repeat('v', i) FROM generate_series(1, n) i;
		PERFORM note('public.visit', 'insert', n);
		WITH moved AS (UPDATE visit SET ward = 1 - ward WHERE id IN
			(SELECT id FROM visit ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED) RETURNING 1)
		SELECT count(*) INTO changed FROM moved;
		PERFORM note('public.visit', 'delete', changed), note('public.visit', 'insert', changed);
		WITH gone AS (DELETE FROM visit WHERE id IN
			(SELECT id FROM visit ORDER BY id LIMIT n FOR UPDATE SKIP LOCKED) RETURNING 1)
		SELECT count(*) INTO changed FROM gone;
		PERFORM note('public.visit', 'delete', changed);
	END $$;
	CREATE FUNCTION samples(t int) RETURNS void LANGUAGE plpgsql AS
	$$
	DECLARE changed bigint;
	BEGIN
		WITH locked AS (SELECT ctid FROM sample WHERE tube = t FOR UPDATE SKIP LOCKED),
			done AS (UPDATE sample SET value = (value + 1) % 3 WHERE ctid IN (SELECT ctid FROM locked) RETURNING 1)
		SELECT count(*) INTO changed FROM done;
		PERFORM note('public.sample', 'update', changed);
	END $$;
	-- errors that are caught take their notes with them
	CREATE FUNCTION retry(a int, b int) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN
		FOR i IN 1..5 LOOP
			BEGIN
				PERFORM pay(a, b);
				IF i % 2 = 0 THEN
					PERFORM 1 / 0;
				END IF;
			EXCEPTION WHEN division_by_zero THEN
				PERFORM samples(i);
			END;
		END LOOP;
	END $$;
});

sub script
{
	my ($name, $text) = @_;
	my $path = $node->basedir . "/$name.sql";
	spew($path, "\\set a random(1, 60)\n\\set b random(1, 60)\n\\set kind random(1, 10)\n$text");
	return $path;
}

my %scripts = (
	commit => 'SELECT pay(:a, :b);',
	mixed => q{
		BEGIN;
		SELECT pay(:a, :b);
		SAVEPOINT s;
		SELECT visits(:kind);
		\if :kind < 4
		ROLLBACK TO s;
		\elif :kind < 6
		RELEASE s;
		\endif
		SELECT samples(:kind);
		\if :kind = 10
		ROLLBACK;
		\else
		COMMIT;
		\endif
	},
	prepared => q{
		BEGIN;
		SELECT pay(:a, :b);
		SELECT visits(3);
		PREPARE TRANSACTION 'p:client_id';
		\if :kind < 4
		ROLLBACK PREPARED 'p:client_id';
		\else
		COMMIT PREPARED 'p:client_id';
		\endif
	},
	deadlock => q{
		BEGIN;
		SELECT pay(:a, :b), pay(:b, :a);
		SELECT retry(:b, :a);
		COMMIT;
	},
	serializable => q{
		BEGIN ISOLATION LEVEL SERIALIZABLE;
		SELECT samples(:kind);
		SELECT pay(:a, :b);
		COMMIT;
	},
);

# pgbench goes on after deadlocks and serialization failures, but ends a client
# whose statement was cancelled: those are psql's.
my $cancelled = 8;
my $canceller = $node->basedir . '/cancel.sql';
spew($canceller, q{
	BEGIN;
	SELECT set_config('statement_timeout', (1 + random() * 20)::int::text, true);
	SELECT visits(100);
	SELECT retry((1 + random() * 59)::int, (1 + random() * 59)::int);
	COMMIT;
} x 20_000);
my @sessions;
foreach (1 .. $cancelled)
{
	push @sessions, IPC::Run::start(
		[ 'timeout', $seconds, 'psql', '-qX', '-f', $canceller, $node->connstr('postgres') ],
		'>', '/dev/null', '2>', '/dev/null');
}
my @command = ('pgbench', '-n', '-c', $clients - $cancelled, '-j', 2, '-T', $seconds, '--max-tries=1');
push @command, '-f', script($_, $scripts{$_}) foreach sort keys %scripts;
my ($out, $err) = ('', '');
IPC::Run::run([ @command, '-h', $node->host, '-p', $node->port, 'postgres' ], '>', \$out, '2>', \$err);
IPC::Run::finish($_) foreach @sessions;
note($out);
note(substr($err, 0, 2000));
my ($done) = $out =~ /number of transactions actually processed: (\d+)/;
cmp_ok($done // 0, '>', 100, 'transactions were made');
unlike($err, qr/aborted/, 'no client gave up');
my $log = slurp_file($node->logfile);
ok($log =~ /deadlock detected/, 'some met in deadlocks');
ok($log =~ /canceling statement due to statement timeout/, 'some were cancelled');
# Backends of killed sessions may still be at work.
$node->poll_query_until('postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()})
  or die 'timed out waiting for sessions to end';

# What a client left prepared when it was stopped.
foreach my $gid (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'))
{
	$node->safe_psql('postgres', "COMMIT PREPARED '$gid'");
}

wait_until_sealed($node);
my $journal = $node->safe_psql('postgres',
	'SELECT relation, operation, sum(n) FROM journal GROUP BY 1, 2 ORDER BY 1, 2');
my $ledger = $node->safe_psql('postgres',
	q{SELECT relation, operation, count(*) FROM custody.entries
	  WHERE operation IN ('insert', 'update', 'delete') GROUP BY 1, 2 ORDER BY 1, 2});
is($ledger, $journal, 'the entries are exactly the changes that committed');
sealed_once($node, 'under load');
verifies_clean($node, 'under load');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (TABLE account EXCEPT SELECT * FROM custody.as_of(NULL::account, 'infinity')) x}),
	0, 'the accounts are as the ledger has them');

done_testing();
