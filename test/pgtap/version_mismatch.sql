-- A library of another version than the extension's scripts refuses to work,
-- says what to do, and no change to a protected table gets past it.
CREATE TABLE t (id int PRIMARY KEY);
DO $$ BEGIN PERFORM custody.protect('t'); END $$;
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pg_custody';
-- A session looks at the version once: have a new one.
\c
SELECT plan(5);
SELECT throws_ok('INSERT INTO t VALUES (1)', 'PC002',
	'extension "pg_custody" has version 0.9, its library has version 1.0',
	'a change is refused');
SELECT throws_ok('SELECT * FROM custody.verify()', 'PC002', NULL, 'so is verify()');
SELECT throws_ok('SELECT custody.seal()', 'PC002', NULL, 'so is seal()');
SELECT is_empty('SELECT * FROM t', 'nothing was changed without its entry');
UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'pg_custody';
SELECT lives_ok('INSERT INTO t VALUES (1)', 'with the right version it works again');
SELECT * FROM finish();
