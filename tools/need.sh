#!/usr/bin/env bash
# need.sh cc|make|redis|spin: makes sure that the machine has it, or says what is missing.
# On Debian and its kin, as root or with sudo, it is installed.
set -euo pipefail

have() {
	case $1 in
	cc) # headers too: a compiler alone does not link a program
		printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
			"$(go env CC)" -x c -o /dev/null - 2>/dev/null
		;;
	make) command -v make >/dev/null ;;
	redis) # the server, and the client that Python programs use
		command -v redis-server >/dev/null && /usr/bin/python3 -c 'import redis' 2>/dev/null
		;;
	spin) command -v spin >/dev/null ;; # the model checker
	*)
		echo "need.sh: \"$1\" is nothing it knows: say cc, make, redis or spin" >&2
		exit 2
		;;
	esac
}

packages() {
	case $1 in
	cc) echo gcc libc6-dev ;;
	make) echo make ;;
	redis) echo redis-server python3 python3-redis ;;
	spin) echo spin ;;
	esac
}

if have "$1"; then
	exit 0
fi
read -r -a names <<<"$(packages "$1")"

as_root=()
if [ "$(id -u)" != 0 ]; then
	as_root=(sudo -n)
fi
if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
	echo "installing ${names[*]}" >&2
	"${as_root[@]}" apt-get update -q >&2 &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${names[@]}" >&2 ||
		true
fi
if ! have "$1"; then
	echo "missing: $1 that works. Install it (on Debian: apt-get install ${names[*]}) and try again." >&2
	exit 1
fi
