-- This database as the witness of two logs of others: what it cosigns, what it
-- refuses and why, what it remembers.
--
-- The logs were made from fixed seeds: log.example/a has the leaves "leaf 0" to
-- "leaf 7"; its fork has others from leaf 4 on.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA cosign;
SET search_path = cosign;

CREATE TABLE request (name text, body text);
INSERT INTO request VALUES
('first', 'old 0

log.example/a
3
1Pksj7uJcg6ztVZ3x9fvrd/rENEaGoSguo8aIzN/qpU=

— log.example/a YdQMsVCvYIlov2ykVVCZaXHiQz0HgRLsT7qb2W1qGwbnn4oxm3+pCSyQ1tgKbkY0/kb6qQZ4wgA/kWQDMB6mdEkC6Qo=
'),
('growth', 'old 3
qze6NNHf4pAV3nF6bVdkqPsCnDp6D1tkuTtUNRiFv3w=
WL0UluFoSqySAcLmh+565PUclqiw2B7zWDYouT0800U=
/F9riP+FVPdbsvnm85wxsZNtRLaSdu33sSBalVuXYeM=
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=

log.example/a
5
NBUVmC1lDiNSDb1U1/zwr6G3DMOhakEdRk3JwayWwwE=

— log.example/a YdQMsbzEcsF90aHfO/Qh1Yvt0Ent1i4pCDNsjRl4ZWtBiwDDQbabEAmo2C+J0HMTLNI+wL2OpmZ+f2JmeH2Bp3SVLAk=
'),
('same', 'old 5

log.example/a
5
NBUVmC1lDiNSDb1U1/zwr6G3DMOhakEdRk3JwayWwwE=

— log.example/a YdQMsbzEcsF90aHfO/Qh1Yvt0Ent1i4pCDNsjRl4ZWtBiwDDQbabEAmo2C+J0HMTLNI+wL2OpmZ+f2JmeH2Bp3SVLAk=
'),
('fork', 'old 5

log.example/a
5
H/3I/zEPhg95Vr6qt0ccdbPHZ01EcqSS8HtLLF/EYfA=

— log.example/a YdQMsRLyyUMdmx74QRBN5qSgontd3tvSxBHcPTj+rZ/H2Yp59yFjbarL2KqV1oAoqb2UJXuVQ4UREO/5QJdzmDwUhQE=
'),
('fork with growth', 'old 5
y0M8qXprB81vJrA1VFEJwdXQn01aaEMfdZhWeShLOB8=
NLvLIYPsSqbk7ZI33WOOrvD8MzBGXgmLSP7tm/P8i+Q=
s2g+U+IovDtqjLxXf3YkjduqisO/DkNkZnwspk5kA9c=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
7
ziVKIk3DgDuXBQVbOEqLA8GZrsF2zClX3n9Q2qXgT7c=

— log.example/a YdQMsePGAdmBPQCum9TATaOblYcpsaxKoTcWaBHDFVuRijmKIFks+wCT3s7VBUAw9i1zvXkkuNBUCgcoQvQmLW0IoAI=
'),
('wrong proof', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
7m56ECTToCSRiN+BsAWs8XSytuRQ/WBcOkaeELem3EM=
UUlhNmoIkkq+ckP7QGw6R0321+npCUIwBt2UkbS8CpQ=
qocRQKVNHGDqJtWbwaA7RCXzLxmRBQS1l2jGYQJn+Ys=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a YdQMscIGx3655V5b6XSiaP16DwKZBeNKvSlfZT8sSTkMj8lDnQDwm4Is6lEOm1yqCMvn97axhU2wknLXmOERfwdYFAQ=
'),
('short proof', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
la3xW37122c4aouvvv7k0UVmKvpFB0DhhoVT6DSO06A=
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a YdQMscIGx3655V5b6XSiaP16DwKZBeNKvSlfZT8sSTkMj8lDnQDwm4Is6lEOm1yqCMvn97axhU2wknLXmOERfwdYFAQ=
'),
('no proof', 'old 5

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a YdQMscIGx3655V5b6XSiaP16DwKZBeNKvSlfZT8sSTkMj8lDnQDwm4Is6lEOm1yqCMvn97axhU2wknLXmOERfwdYFAQ=
'),
('proof for the same size', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
la3xW37122c4aouvvv7k0UVmKvpFB0DhhoVT6DSO06A=
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
5
NBUVmC1lDiNSDb1U1/zwr6G3DMOhakEdRk3JwayWwwE=

— log.example/a YdQMsbzEcsF90aHfO/Qh1Yvt0Ent1i4pCDNsjRl4ZWtBiwDDQbabEAmo2C+J0HMTLNI+wL2OpmZ+f2JmeH2Bp3SVLAk=
'),
('conflict', 'old 3
qze6NNHf4pAV3nF6bVdkqPsCnDp6D1tkuTtUNRiFv3w=
WL0UluFoSqySAcLmh+565PUclqiw2B7zWDYouT0800U=
/F9riP+FVPdbsvnm85wxsZNtRLaSdu33sSBalVuXYeM=
AVcbVXvHBnJlDUZ8e62DN+CafzVKcgUfI7Q6eCwPSOY=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a YdQMscIGx3655V5b6XSiaP16DwKZBeNKvSlfZT8sSTkMj8lDnQDwm4Is6lEOm1yqCMvn97axhU2wknLXmOERfwdYFAQ=
'),
('conflict with nothing seen', 'old 0

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a YdQMscIGx3655V5b6XSiaP16DwKZBeNKvSlfZT8sSTkMj8lDnQDwm4Is6lEOm1yqCMvn97axhU2wknLXmOERfwdYFAQ=
'),
('rollback', 'old 3
qze6NNHf4pAV3nF6bVdkqPsCnDp6D1tkuTtUNRiFv3w=
WL0UluFoSqySAcLmh+565PUclqiw2B7zWDYouT0800U=
/F9riP+FVPdbsvnm85wxsZNtRLaSdu33sSBalVuXYeM=

log.example/a
4
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

— log.example/a YdQMseX1GadoEMJJE0XyjbxgGr4OfTf549RWBC0n6i6EuvowP5UDMfXvzN07Hame/fJcFi1IDBGLluc09WwzULN0Jww=
'),
('rollback to nothing', 'old 0

log.example/a
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

— log.example/a YdQMsfAYK+yoibxNFiiquZ17RZyBthIEPILJCmV8h5DGXNQIH/MPk5Cto4l4+1ZP4jILutbGokl1UkiICxEvQ29lbwQ=
'),
('old size greater', 'old 7

log.example/a
5
NBUVmC1lDiNSDb1U1/zwr6G3DMOhakEdRk3JwayWwwE=

— log.example/a YdQMsbzEcsF90aHfO/Qh1Yvt0Ent1i4pCDNsjRl4ZWtBiwDDQbabEAmo2C+J0HMTLNI+wL2OpmZ+f2JmeH2Bp3SVLAk=
'),
('stranger', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
la3xW37122c4aouvvv7k0UVmKvpFB0DhhoVT6DSO06A=
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a Ts8RkzR5W02GA7AnwCTqogXj48Ggy6rz3wu+xxd3JWvst7+jzEneXpmhPifbFLTFnQpLV4oLgt33P29iKaiuHvTzQwI=
'),
('wrong signature', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
la3xW37122c4aouvvv7k0UVmKvpFB0DhhoVT6DSO06A=
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a YdQMscMGx3655V5b6XSiaP16DwKZBeNKvSlfZT8sSTkMj8lDnQDwm4Is6lEOm1yqCMvn97axhU2wknLXmOERfwdYFAQ=
'),
('second key', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
la3xW37122c4aouvvv7k0UVmKvpFB0DhhoVT6DSO06A=
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a si1Ix1184Ukx5Sd8nZgspc8LPYRTDZtvR9s9hqABZ9H0JHGaS+Djn9STxtebI+YyIJIhZUF0MkcGkEGYTj8hbIoCQAs=
'),
('strangers beside', 'old 5
gxFfiUeVX6/cKifn9MCFS72Nonuxs+NAXbVxya+Nvho=
la3xW37122c4aouvvv7k0UVmKvpFB0DhhoVT6DSO06A=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
6
g2PDghzkHrtGIiEWpCzIPbp1OYSyPPyiaqrQpoZzNuo=

— log.example/a Ts8Rk/TuxSIH7hFT/PIuSYq8pAS/A1xxa9FIOMZla9oG2XoJigYaol0iuK4oG7EqHdQPB+pFIFM+p7nrMMG2uf9PEAs=
— log.example/a YdQMsSMoAxJ7oGhvspbagMo5Dc2wl/vW5aqs3x6zZkHwPJbdlxL5IfZTNlwELqCYqj8uFDQkanDx2dm5iiegDOf98QM=
— witness.example/w YWJjZHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==
'),
('both keys, one wrong', 'old 7
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
S0cR0FayJ4OSwjH9QYWK3qjKiTrQxwSPV9omggAoRf4=
dauSgmjIb0TaXUJBGI7XHkqrLU131tUBF9rZSoQu3gM=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
8
xcLIIO00L92ozolra5z1uMAKIcxLIHFMxuXTwFw1JAs=

— log.example/a YdQMsXUJNBRPmdz5QDnTKzc3mmcP+PdKb6zlzraJGn4HSsjXOaRTned9to4fORwtTZSLrVp812Of9m6D1g566E+kbgI=
— log.example/a si1Ix2WkbI52lVhOa2ao+nMTdrVZ6q3D+hOj00xO7qHHHOI7NJ94M2GEoql+Q4HQG+md/5JM10c47g2gXqIFKotluQw=
'),
('b: proof from nothing', 'old 0
G7l9zCFjXUfiZj79/QoXRobZjdcBNS3SzQbotD/T0wU=

log.example/b
2
/F9riP+FVPdbsvnm85wxsZNtRLaSdu33sSBalVuXYeM=

— log.example/b 1FRfAL9FmKGkFvv/aFI6gu95JlVN3OqIda9L+gxcmP9F7qOXNFIsDqkFXSSAQm62JEy0PBvZcJrKsBaVPUHN5wmElgE=
'),
('b: size 0, wrong root', 'old 0

log.example/b
0
G7l9zCFjXUfiZj79/QoXRobZjdcBNS3SzQbotD/T0wU=

— log.example/b 1FRfAC0VYGBb/pOxGAIwyCoR7e7fj8j+LTBRfWgcl8nTsF6EkWGsompo4QU4j2lllJRWh0QflpKbdduxPeQtDQonQwA=
'),
('b: size 0', 'old 0

log.example/b
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

— log.example/b 1FRfALj/WeCk4QDMhFc24T5jKewpTcxLr5kkPyBy1BgN3P3SZWxC+Zj73Q/Z8rHpDk1b0sK/feINI7HFcMBKft5PVQM=
'),
('b: first', 'old 0

log.example/b
1
G7l9zCFjXUfiZj79/QoXRobZjdcBNS3SzQbotD/T0wU=

— log.example/b 1FRfAAKYd1jgDzEMV0gMUyEVQz9sP9xIORVEWmhRXYk52yUX7JgSFN68B9MYZ57z7Bo0P9RbcUR660HDazB8BiElWg8=
');

CREATE FUNCTION complaint(command text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format(E'%s: %s\n%s\n%s', state, message, detail, hint);
END $$;

-- The answer to a request: what is wrong with it, or "cosigned" for one line of
-- the witness's key, made just now.
CREATE FUNCTION ask(asked text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE request text; complaint text; line text; key text[]; signature bytea;
BEGIN
	SELECT body INTO STRICT request FROM request WHERE name = asked;
	BEGIN
		line := custody.cosign_checkpoint(request);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS complaint = PG_EXCEPTION_DETAIL;
		RETURN SQLSTATE || ': ' || SQLERRM || E'\n' || complaint;
	END;
	key := string_to_array(custody.witness_key(), '+');
	IF line !~ ('^— ' || key[1] || ' [A-Za-z0-9+/=]+\n$') THEN
		RETURN 'not a line of the witness: ' || line;
	END IF;
	signature := decode(split_part(rtrim(line, E'\n'), ' ', 3), 'base64');
	IF length(signature) <> 4 + 8 + 64 OR substr(signature, 1, 4) <> decode(key[2], 'hex') THEN
		RETURN 'not a cosignature: ' || line;
	END IF;
	IF abs(extract(epoch FROM now()) - ('x' || encode(substr(signature, 5, 8), 'hex'))::bit(64)::bigint) > 600 THEN
		RETURN 'not made now: ' || line;
	END IF;
	RETURN 'cosigned';
END $$;

-- The witness's key is made once.
SELECT custody.witness_key() = custody.witness_key() AS same;
SELECT split_part(custody.witness_key(), '+', 1) = split_part(custody.verifier_key(), '+', 1) || '/witness' AS name,
	get_byte(decode(substr(custody.witness_key(), strpos(custody.witness_key(), '+') + 10), 'base64'), 0) AS type;

-- Nobody is known.
SELECT ask('first');
SELECT custody.trust_log('log.example/a+61d40cb1+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd');
SELECT custody.trust_log('log.example/b+d4545f00+AS3wQSXwAVr7R86FOu+HcglP+UmMFMsbnhKXPCkn2g+m');
SELECT complaint($$SELECT custody.trust_log('log.example/a+61d40cb1+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd')$$);
SELECT complaint($$SELECT custody.trust_log('log.example/a+549e32f6+BK8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd')$$);
SELECT complaint($$SELECT custody.trust_log('log.example/a')$$);
SELECT complaint($$SELECT custody.trust_log('log.example/a+61d40cb2+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd')$$);
SELECT complaint($$SELECT custody.trust_log('lög.example/a+210e89da+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd')$$);
SELECT complaint($$SELECT custody.distrust_log('log.example/a+b22d48c7+AduZX+JRadFByrm7upK6oB+fLh7OffTLKsBRkPN/zB+d', 'key retired')$$);
SELECT complaint($$SELECT custody.distrust_log('log.example/a', '')$$);
SELECT custody.trust_log(NULL);
SELECT custody.cosign_checkpoint(NULL);
SELECT * FROM custody.trusted_logs ORDER BY 2;

-- A log grows.
SELECT ask('first');
SELECT ask('growth');
-- The same again, as often as one likes
SELECT ask('same');
SELECT ask('same');
SELECT origin, size, encode(root, 'base64') AS root, "time" <= now() + interval '1 min' AS past, convert_from(note, 'UTF8') AS note FROM custody.cosigned;
SELECT origin, tree_size FROM custody.log_cosigned ORDER BY 1, 2;

-- What is no request; line ends of another world are read as one's own.
SELECT body AS growth FROM request WHERE name = 'growth' \gset
SELECT n, complaint(format('SELECT custody.cosign_checkpoint(%L)', body))
FROM (VALUES
	(1, ''),
	(2, 'old'),
	(3, 'good morning'),
	(4, replace(:'growth', 'old 3', 'old 03')),
	(5, replace(:'growth', 'old 3', 'old -3')),
	(6, replace(:'growth', 'old 3', 'new 3')),
	(7, replace(:'growth', 'old 3', 'old 9223372036854775808')),
	(8, replace(:'growth', 'old 3', ' old 3')),
	(9, replace(:'growth', E'\n\n', E'\n')),
	(10, replace(:'growth', 'log.example/a', 'log example')),
	(11, replace(:'growth', '—', '-')),
	(12, replace(:'growth', E'\n5\n', E'\n5 \n')),
	(13, regexp_replace(:'growth', '—.*', '')),
	(14, replace(:'growth', E'old 3\n', E'old 3\n' || repeat(E'qze6NNHf4pAV3nF6bVdkqPsCnDp6D1tkuTtUNRiFv3w=\n', 60))),
	(15, replace(:'growth', E'\n5\n', E'\n5\nextension\n')),
	(16, repeat(:'growth', 1000))) AS v(n, body)
ORDER BY n;
INSERT INTO request SELECT 'same, from elsewhere', replace(body, E'\n', E'\r\n') || E'\n\n' FROM request WHERE name = 'same';
INSERT INTO request SELECT 'same, cut', rtrim(body, E'\n') FROM request WHERE name = 'same';
SELECT ask('same, from elsewhere');
SELECT ask('same, cut');

-- What a witness is for
SELECT name, ask(name) FROM request
WHERE name IN ('fork', 'fork with growth', 'wrong proof', 'short proof', 'no proof', 'proof for the same size',
	'conflict', 'conflict with nothing seen', 'rollback', 'rollback to nothing', 'old size greater',
	'stranger', 'wrong signature', 'second key') ORDER BY name COLLATE "C";
-- and it remembers nothing of it
SELECT ask('same');
SELECT ask('strangers beside');
SELECT convert_from(note, 'UTF8') AS note FROM custody.cosigned;

-- The log changes its key.
SELECT custody.trust_log('log.example/a+b22d48c7+AduZX+JRadFByrm7upK6oB+fLh7OffTLKsBRkPN/zB+d');
UPDATE request SET body = $r$old 6
dauSgmjIb0TaXUJBGI7XHkqrLU131tUBF9rZSoQu3gM=
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
7
WmH8K1T5z6cXdPJDIUPdQMbLKxGUf69lp9PaXLZRmcg=

— log.example/a si1Ix1184Ukx5Sd8nZgspc8LPYRTDZtvR9s9hqABZ9H0JHGaS+Djn9STxtebI+YyIJIhZUF0MkcGkEGYTj8hbIoCQAs=
$r$ WHERE name = 'second key';
SELECT ask('second key');
SELECT ask('both keys, one wrong');
SELECT custody.distrust_log('log.example/a+61d40cb1+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd', 'key retired');
SELECT custody.distrust_log('log.example/a+b22d48c7+AduZX+JRadFByrm7upK6oB+fLh7OffTLKsBRkPN/zB+d', 'key retired');
SELECT ask('same');
SELECT verifier_key, statement, trusted, reason FROM custody.log_trusted_log ORDER BY 1, 2;
SELECT * FROM custody.trusted_logs ORDER BY 2;
SELECT custody.trust_log('log.example/a+61d40cb1+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd');
-- What was cosigned stays remembered.
SELECT ask('first');

-- From nothing on
SELECT name, ask(name) FROM request WHERE name LIKE 'b: %, wrong root' OR name LIKE 'b: proof%' ORDER BY name COLLATE "C";
SELECT ask('b: size 0');
SELECT ask('b: size 0');
SELECT ask('b: first');
SELECT origin, size FROM custody.cosigned;

-- A transaction that is rolled back takes nothing back.
DELETE FROM request WHERE name = 'second key';
INSERT INTO request VALUES ('eight', $r$old 7
+3+GnOi3tR/fcZ/IwhpHNsmMwWCoJWBqgfeKf00iYdk=
S0cR0FayJ4OSwjH9QYWK3qjKiTrQxwSPV9omggAoRf4=
dauSgmjIb0TaXUJBGI7XHkqrLU131tUBF9rZSoQu3gM=
T2MQhKFXxU9U/Psj/164ZQxLoWDClbsTqYMrEJ1SZ34=

log.example/a
8
xcLIIO00L92ozolra5z1uMAKIcxLIHFMxuXTwFw1JAs=

— log.example/a YdQMsXUJNBRPmdz5QDnTKzc3mmcP+PdKb6zlzraJGn4HSsjXOaRTned9to4fORwtTZSLrVp812Of9m6D1g566E+kbgI=
$r$);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM custody.cosigned;
SELECT ask('eight');
ROLLBACK;
SELECT origin, size FROM custody.cosigned;
SELECT ask('conflict');
BEGIN READ ONLY;
SELECT ask('eight');
COMMIT;

-- It is all in the ledger.
SELECT custody.seal() > 0 AS sealed;
SELECT operation, count(*), bool_and(leaf_index IS NOT NULL) AS sealed FROM custody.entries
WHERE operation IN ('cosigned', 'trusted log', 'witness key') GROUP BY 1 ORDER BY 1;
SELECT severity, code, message FROM custody.verify() WHERE code <> 'capture_gap';
-- and changing it is found.
CREATE FUNCTION found(change text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
BEGIN
	BEGIN
		EXECUTE change;
		RETURN QUERY SELECT severity || ' ' || code || ': ' || message FROM custody.verify() WHERE code <> 'capture_gap';
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		NULL;
	END;
	RETURN;
END $$;
SELECT change, found(change) FROM (VALUES
	($$DELETE FROM custody.log_cosigned WHERE tree_size = 5$$),
	($$DELETE FROM custody.log_cosigned WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET tree_size = 9 WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET origin = 'log.example/c' WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET root = '' WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET cosigned_at = cosigned_at + interval '1 s' WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET cosigned_at = cosigned_at + interval '1 us' WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET cosigned_at = '-infinity' WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned SET note = set_byte(note, length(note) - 5, get_byte(note, length(note) - 5) # 1) WHERE tree_size = 8$$),
	($$UPDATE custody.log_cosigned x SET note = y.note FROM custody.log_cosigned y WHERE x.tree_size = 8 AND y.tree_size = 7$$),
	($$INSERT INTO custody.log_cosigned SELECT origin, 100, root, cosigned_at, note FROM custody.log_cosigned WHERE tree_size = 8$$),
	($$DELETE FROM custody.log_trusted_log WHERE verifier_key LIKE 'log.example/b%'$$),
	($$UPDATE custody.log_trusted_log SET trusted = true WHERE NOT trusted$$),
	($$INSERT INTO custody.log_trusted_log VALUES ('log.example/a+61d40cb1+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd', 4, false, '')$$),
	($$UPDATE custody.log_trusted_log SET verifier_key = 'x' WHERE verifier_key LIKE 'log.example/b%'$$),
	($$UPDATE custody.log_trusted_log SET reason = 'other' WHERE NOT trusted AND verifier_key LIKE '%+b22d48c7+%'$$),
	($$DELETE FROM custody.log_witness_key$$),
	($$UPDATE custody.log_witness_key SET verifier_key = 'log.example/a+549e32f6+BK8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd'$$)) AS v(change);
SELECT severity, code, message FROM custody.verify() WHERE code <> 'capture_gap';

-- Who may ask: whoever was granted it, and no more.
CREATE ROLE regress_hospital;
SET ROLE regress_hospital;
SELECT custody.cosign_checkpoint('x');
RESET ROLE;
SELECT custody.grant_witness_client('regress_hospital');
GRANT USAGE ON SCHEMA cosign TO regress_hospital;
GRANT SELECT ON request TO regress_hospital;
SET ROLE regress_hospital;
SELECT ask('eight');
SELECT custody.trust_log('log.example/a+b22d48c7+AduZX+JRadFByrm7upK6oB+fLh7OffTLKsBRkPN/zB+d');
SELECT custody.distrust_log('log.example/a+61d40cb1+Aa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd', 'key retired');
SELECT custody.seal();
SELECT * FROM custody.cosigned;
SELECT * FROM custody.trusted_logs;
RESET ROLE;
SELECT custody.grant_auditor('regress_hospital');
SET ROLE regress_hospital;
SELECT origin, size FROM custody.cosigned;
SELECT origin FROM custody.trusted_logs ORDER BY 1;
RESET ROLE;
DROP OWNED BY regress_hospital;
DROP ROLE regress_hospital;

RESET search_path;
DROP SCHEMA cosign CASCADE;
