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
remark() { fold -s -w $((width - 12)) <<<"$*" | sed 's/^/          /' >&3; }

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

# verify FILE [ANCHOR-FILE]: the auditor's check, one finding a line.
verify()
{
	sql auditor -v anchor="$([ $# -lt 2 ] || cat "$2")" >"$1" <<-'EOSQL'
		SELECT severity, code, coalesce(relation, ''), coalesce(row_key::text, ''),
			   coalesce(leaf_index::text, ''),
			   translate(message, E'\t\n', '  '), translate(coalesce(detail, ''), E'\t\n', '  ')
		FROM custody.verify(anchors => array_remove(ARRAY[:'anchor'], ''));
	EOSQL
	cat "$1"
}

tampering() { awk -F '\t' '$1 == "tampering"' "$1"; }

# Show a finding as the auditor reads it.
show()
{
	local severity code relation key leaf message detail
	IFS=$'\x1f' read -r severity code relation key leaf message detail <<<"${1//$'\t'/$'\x1f'}"
	remark "> ${relation:-ledger}${key:+ $key}${leaf:+, log record $leaf}: $message${detail:+ ($detail)}"
}

# expect_row FILE RELATION KEY TEXT: exactly that row is accused.
expect_row()
{
	local line
	line=$(awk -F '\t' -v r="$2" -v k="$3" '$1 == "tampering" && $3 == r && $4 == k' "$1" | head -n 1)
	expect test -n "$line" -- "$4"
	[ -z "$line" ] || show "$line"
}

# expect_leaf FILE LEAF TEXT: exactly that transaction is accused.
expect_leaf()
{
	local line
	line=$(awk -F '\t' -v l="$2" '$1 == "tampering" && $5 == l' "$1" | head -n 1)
	expect test -n "$line" -- "$3"
	[ -z "$line" ] || show "$line"
}

# expect_clean FILE TEXT: nothing is accused.
expect_clean()
{
	local first
	first=$(tampering "$1" | head -n 1)
	expect test -z "$first" -- "$2"
	[ -z "$first" ] || show "$first"
}

# expect_no_row_but FILE REGEX TEXT: no accused row whose "relation key" does
# not match.
expect_no_row_but()
{
	local first
	first=$(tampering "$1" | awk -F '\t' -v re="$2" '$3 != "" && ($3 " " $4) !~ re' | head -n 1)
	expect test -z "$first" -- "$3"
	[ -z "$first" ] || show "$first"
}

# Findings that are no accusation: capture was off for a while, and the like.
mention_warnings()
{
	local n
	n=$(awk -F '\t' '$1 != "tampering"' "$1" | wc -l)
	[ "$n" -eq 0 ] ||
		remark "also on record, without accusation ($n in all): $(awk -F '\t' '$1 != "tampering" {print $6; exit}' "$1")"
}
