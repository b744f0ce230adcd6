# demo/lib.sh
#	What demo/run is made of: the page, the throw-away servers, the checks.
#
# The page goes to descriptor 3; everything else a command prints goes to $log.

passed=0
failed=0
step=0
width=88

now() { local t=${EPOCHREALTIME/,/.}; echo "${t/./}"; }		# microseconds
since() { printf '%d.%d s' $((($(now) - $1) / 1000000)) $((($(now) - $1) / 100000 % 10)); }
thousands() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

# --- the page ---------------------------------------------------------------

page() { printf '%s\n' "$*" >&3; }

title()
{
	step=$((step + 1))
	printf '\n%d  %s\n' $step "$*" >&3
	echo "=== $step $*"
	lap=$(now)
}

# One line with a verdict and, when it took a while, the time since the last.
verdict()
{
	local mark=$1 time='' text
	shift
	[ $(($(now) - lap)) -lt 100000 ] || time=$(since "$lap")
	lap=$(now)
	mapfile -t text < <(fold -s -w $((width - 18)) <<<"$*")
	[ -z "$time" ] || printf -v time '%*s' $((width - 10 - ${#text[0]})) "$time"
	printf '   %-7s%s%s\n' "$mark" "${text[0]}" "$time" >&3
	[ ${#text[@]} -eq 1 ] || printf '          %s\n' "${text[@]:1}" >&3
}

ok() { passed=$((passed + 1)); verdict ok "$@"; }
did() { verdict - "$@"; }		# a thing done, not a claim checked
fail() { failed=$((failed + 1)); verdict FAILED "$@"; }
remark() { fold -s -w $((width - 10)) <<<"$*" | sed 's/^/          /; s/ *$//' >&3; }

# expect CONDITION-COMMAND... -- TEXT: one check.
expect()
{
	local condition=()
	while [ "$1" != -- ]; do condition+=("$1"); shift; done
	shift
	if "${condition[@]}"; then ok "$@"; else fail "$@"; fi
}

# --- servers ----------------------------------------------------------------

# Server programs never run as root.
as_server()
{
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

server_start()		# DATA PORT
{
	as_server "$bindir/pg_ctl" -D "$1" -w -l "$1.log" -o "-p $2" start
}

server_stop()		# DATA
{
	[ ! -e "$1/postmaster.pid" ] || as_server "$bindir/pg_ctl" -D "$1" -m "${2:-fast}" -w stop
}

# psql as ROLE, tuples only, tab between columns; stops at the first error.
sql()
{
	local role=$1
	shift
	"$bindir/psql" -XqAt -F $'\t' -v ON_ERROR_STOP=1 -U "$role" "$@"
}

query() { sql postgres -c "$1"; }

# --- findings ---------------------------------------------------------------

# verify FILE [ANCHOR-FILE]: the auditor's check, one finding a line.  FILE.left
# has those that no check has claimed yet.
verify()
{
	sql auditor -v anchor="$([ $# -lt 2 ] || cat "$2")" >"$1" <<-'EOSQL'
		SELECT severity, code, coalesce(relation, ''), coalesce(row_key::text, ''),
			   coalesce(leaf_index::text, ''), translate(message, E'\t\n', '  ')
		FROM custody.verify(anchors => array_remove(ARRAY[:'anchor'], ''));
	EOSQL
	cat "$1"
	cp "$1" "$1.left"
}

# Show a finding in the auditor's words.
show()
{
	local severity code relation key leaf message
	IFS=$'\x1f' read -r severity code relation key leaf message <<<"${1//$'\t'/$'\x1f'}"
	relation=${relation#hospital.}
	remark "> ${relation:-log record $leaf}${key:+ $key}: $message"
}

# Print the findings of FILE.left of that code, relation, row key and leaf ("*":
# any), and leave the others there.
claim()			# FILE CODE RELATION KEY LEAF
{
	local same='($2 == c && (r == "*" || $3 == r) && (k == "*" || $4 == k) && (l == "*" || $5 == l))'
	local vars=(-F '\t' -v "c=$2" -v "r=$3" -v "k=$4" -v "l=$5")
	awk "${vars[@]}" "$same" "$1.left"
	awk "${vars[@]}" "!$same" "$1.left" >"$1.rest"
	mv "$1.rest" "$1.left"
}

# expect_finding FILE CODE RELATION KEY LEAF TEXT: there is exactly this one.
expect_finding()
{
	local lines
	mapfile -t lines < <(claim "${@:1:5}")
	expect test ${#lines[@]} -eq 1 -- "$6"
	[ ${#lines[@]} -eq 0 ] || show "${lines[0]}"
}

# expect_nothing_else FILE TEXT: every finding, of whatever severity, is claimed.
expect_nothing_else()
{
	expect test ! -s "$1.left" -- "$2"
	local line
	while IFS= read -r line; do show "$line"; done < <(head -n 5 "$1.left")
}
