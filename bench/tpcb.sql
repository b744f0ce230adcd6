-- TPC-B inside one server process: no client, no protocol, one commit per transaction.

CREATE PROCEDURE tpcb(transactions int, scale int, seed double precision) LANGUAGE plpgsql AS $$
DECLARE
    a int;
    t int;
    b int;
    d int;
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. transactions LOOP
        a := 1 + floor(random() * 100000 * scale);
        t := 1 + floor(random() * 10 * scale);
        b := 1 + floor(random() * scale);
        d := floor(random() * 10001) - 5000;
        UPDATE pgbench_accounts SET abalance = abalance + d WHERE aid = a;
        PERFORM abalance FROM pgbench_accounts WHERE aid = a;
        UPDATE pgbench_tellers SET tbalance = tbalance + d WHERE tid = t;
        UPDATE pgbench_branches SET bbalance = bbalance + d WHERE bid = b;
        INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (t, b, a, d, CURRENT_TIMESTAMP);
        COMMIT;
    END LOOP;
END
$$;
