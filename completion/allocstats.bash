# Completion of allocstats(1) for bash: source this file, or put it as "allocstats" into
# /usr/share/bash-completion/completions.

_allocstats_words() {
	COMPREPLY=($(compgen -W "$1" -- "$current"))
}

# What comes after the last comma of a list.
_allocstats_list() {
	local before=
	[[ $current == *,* ]] && before=${current%,*},
	COMPREPLY=($(compgen -P "$before" -W "$1" -- "${current##*,}"))
}

_allocstats_files() {
	COMPREPLY=($(compgen -f -- "$current"))
}

_allocstats() {
	local commands="exec env versions doctor top bench"
	local allocators="jemalloc mimalloc tcmalloc glibc musl"
	local profiles="low_memory balanced throughput"
	local current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]}
	local i

	if ((COMP_CWORD == 1)); then
		_allocstats_words "$commands help --help --version"
		return
	fi

	# The command that exec and env are given begins behind "--", or with the first word that is no option nor its value.
	if [[ $command == exec || $command == env ]]; then
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			-a | --allocator | -p | --profile | -o | --only | --heap-profile | -f | --format) ((i++)) ;;
			--) ((i++)) && break ;;
			-*) ;;
			*) break ;;
			esac
		done
		if ((i < COMP_CWORD)) || { ((i == COMP_CWORD)) && [[ $current != -* && -n $current ]]; }; then
			if declare -F _command_offset >/dev/null; then
				_command_offset "$i"
			elif ((i == COMP_CWORD)); then
				COMPREPLY=($(compgen -c -- "$current"))
			else
				_allocstats_files
			fi
			return
		fi
	fi

	case $command:$previous in
	bench:-a | bench:--allocator) _allocstats_list "$allocators" ;;
	bench:-p | bench:--profile) _allocstats_list "none $profiles" ;;
	bench:-j | bench:--json | bench:-g | bench:--svg | bench:--paths) _allocstats_files ;;
	bench:-c | bench:--command) COMPREPLY=($(compgen -c -- "$current")) ;;
	exec:-a | exec:--allocator | env:-a | env:--allocator | doctor:--expect) _allocstats_words "$allocators" ;;
	exec:-p | exec:--profile | env:-p | env:--profile) _allocstats_words "$profiles" ;;
	env:-f | env:--format) _allocstats_words "shell docker procfile systemd kubernetes" ;;
	top:-s | top:--sort) _allocstats_words "rss pss live kept growth pid" ;;
	top:-p | *:--pid) COMPREPLY=($(compgen -W "$(ps -A -o pid= 2>/dev/null)" -- "$current")) ;;
	*)
		case $command in
		exec) _allocstats_words "-a --allocator -p --profile -o --only --heap-profile -h --help --" ;;
		env) _allocstats_words "-a --allocator -p --profile -f --format -h --help --" ;;
		versions) _allocstats_words "-j --json -h --help" ;;
		doctor) _allocstats_words "--pid --url --token --expect --wait --purge --json -h --help" ;;
		top) _allocstats_words "-u --url -p --pid -i --interval -s --sort -1 --once -h --help" ;;
		bench)
			local both="-a --allocator -p --profile -r --rounds -j --json -g --svg --progress --no-progress -s --size --settle -h --help"
			if [[ ${COMP_WORDS[2]} == app && $COMP_CWORD -gt 2 ]]; then
				_allocstats_words "$both -c --command -u --url -e --endpoint --pid --paths --header -n --requests --warm-up --intervals --clients --boot"
			elif ((COMP_CWORD == 2)); then
				_allocstats_words "app $both"
			else
				_allocstats_words "$both"
			fi
			;;
		help) _allocstats_words "$commands" ;;
		esac
		;;
	esac
}

complete -F _allocstats allocstats
