#!/usr/bin/env bash
# Boots the Rails application of examples/rails_app on Puma and ends it, for the scripts that show it. To be sourced after
# setup.sh, with $package set to Debian's package of an allocator to preload, or to nothing:
#
#	trap stop_shop EXIT
#	start_shop WEB_CONCURRENCY=2    # variables for the server; sets $url
#	ask /allocator
#
# The server listens on 127.0.0.1 alone, on a port that the kernel chooses. It runs in production, where the endpoint is
# open to who has the token, which is another one each time.

shop=$PWD/examples/rails_app
folder=$(mktemp -d)
log=$folder/puma.log
server=''
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# Puma ends what it is serving before it goes; it gets ten seconds for that.
stop_server() {
	[ -n "$server" ] || return 0
	kill -TERM "$server" 2>/dev/null || true
	for _ in $(seq 100); do
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	server=''
}

stop_shop() {
	stop_server
	rm -rf "$folder"
}

# The shared object that Debian's package brought, wherever this architecture keeps it.
library_of() { dpkg-query --listfiles "$1" | grep -E '/lib(jemalloc|mimalloc)\.so\.[0-9]+$' | head -n 1; }

start_shop() {
	local preload=''
	[ -z "$package" ] || preload=$(library_of "$package")
	say "booting Rails on Puma${preload:+ (LD_PRELOAD=$preload)}${*:+ with $*}"

	# Only the server's process gets the preload, and none but this one.
	cd "$shop"
	env -u LD_PRELOAD ${preload:+LD_PRELOAD="$preload"} RAILS_ENV=production PORT=0 ALLOCSTATS_CHANGE_TOKEN="$token" "$@" bundle exec puma -C config/puma.rb >"$log" 2>&1 &
	server=$!
	cd - >/dev/null

	for _ in $(seq 600); do
		url=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$log" || true)
		[ -z "$url" ] || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	cat "$log" >&2
	fail "the server did not start"
}

# ask PATH [OPTIONS OF CURL]
ask() { curl --silent --show-error --fail --noproxy '*' --header "Authorization: Bearer $token" "${@:2}" "$url$1"; }

# As whoever has no token; what is refused is no failure here.
ask_as_a_stranger() { curl --silent --show-error --noproxy '*' "$url$1"; }
