#!/usr/bin/env bash
# What the scripts beside it need of a machine, as functions that do nothing where it is done already. Sourced:
#
#	source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
#	need_ruby
#	need_packages valgrind musl-tools
#	need_bundle                         # or: need_bundle examples/rails_app/Gemfile
#	need_extension
#
# Afterwards the current folder is the checkout. Gems go into vendor/bundle, nothing into the system but Debian's packages.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export BUNDLE_PATH="$PWD/vendor/bundle" BUNDLE_SILENCE_ROOT_WARNING=1

say() { printf '==> %s\n' "$*"; }

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

is_installed() { dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# Installs those of the named Debian packages that are missing.
need_packages() {
	local package missing=()
	command -v dpkg-query >/dev/null || fail "this script installs Debian packages, and this machine is no Debian; it needs: $*"
	for package; do is_installed "$package" || missing+=("$package"); done
	[ ${#missing[@]} -gt 0 ] || return 0

	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		fail "this is neither root nor is there sudo; as root, run: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	quietly as_root apt-get update
	quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
}

# Runs a command and shows what it printed only if it fails.
quietly() {
	local log status=0
	log=$(mktemp)
	"$@" </dev/null >"$log" 2>&1 || status=$?
	[ $status = 0 ] || cat "$log" >&2
	rm -f "$log"
	return $status
}

# A Ruby with its headers, and what compiles an extension. A Ruby that is on the PATH and complete is used as it is.
need_ruby() {
	need_packages ca-certificates gcc g++ make libc6-dev binutils bzip2 xz-utils
	if ! ruby -rrbconfig -e 'exit File.exist?(File.join(RbConfig::CONFIG["rubyhdrdir"], "ruby.h"))' 2>/dev/null; then
		need_packages ruby ruby-dev
	fi
	command -v bundle >/dev/null || need_packages ruby-bundler
}

# The gems of a Gemfile, by default the checkout's. Sets BUNDLE_GEMFILE for what follows. One that is for newer Rubies than
# this is left out aloud; so are the tests that need it.
need_bundle() {
	local said
	export BUNDLE_GEMFILE="$PWD/${1:-Gemfile}"
	said=$(bundle check 2>&1) && return
	if [[ $said == *"Your Ruby version is"* ]]; then
		say "left out ${1:-Gemfile}: $said"
		return
	fi
	# What gems compile against; nokogiri and sqlite3 take Debian's libraries, which is minutes quicker than building theirs.
	need_packages pkg-config zlib1g-dev libxml2-dev libxslt1-dev libyaml-dev libsqlite3-dev
	say "installing the gems of ${1:-Gemfile} into vendor/bundle"
	BUNDLE_BUILD__NOKOGIRI=--use-system-libraries BUNDLE_BUILD__SQLITE3=--enable-system-libraries \
		quietly bundle install --jobs "$(nproc)"
}

# The compiled extension; its private allocator's source comes from where dependencies.yml says.
need_extension() {
	say "compiling the extension"
	BUNDLE_GEMFILE="$PWD/Gemfile" quietly bundle exec rake compile
}
