# Completion of allocstats(1) for fish: put this file into ~/.config/fish/completions.

set -l allocators jemalloc mimalloc tcmalloc glibc musl
set -l profiles low_memory balanced throughput

function __allocstats_command --description 'whether the command is one of these'
    set -l words (commandline -opc)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

function __allocstats_app --description 'whether an application is measured'
    set -l words (commandline -opc)
    test (count $words) -gt 2; and test "$words[2] $words[3]" = 'bench app'
end

function __allocstats_list --description 'what comes after the last comma of a list'
    set -l before (string match -r '.*,' -- (commandline -ct))
    printf '%s\n' $before$argv
end

function __allocstats_started --description 'completes the command that exec and env are given'
    set -l words (commandline -opc)
    set -e words[1..2]
    while set -q words[1]
        switch $words[1]
            case -a --allocator -p --profile -o --only --heap-profile -f --format
                set -e words[1]
                set -e words[1]
            case --
                set -e words[1]
                break
            case '-*'
                set -e words[1]
            case '*'
                break
        end
    end
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

complete -c allocstats -f
complete -c allocstats -n __fish_use_subcommand -a exec -d 'run a command under an allocator'
complete -c allocstats -n __fish_use_subcommand -a env -d 'print what sets it, for a shell, a Dockerfile, a Procfile, ...'
complete -c allocstats -n __fish_use_subcommand -a versions -d 'list the allocators that are here, and where each came from'
complete -c allocstats -n __fish_use_subcommand -a doctor -d 'say what is wrong with a process\'s memory, and what mends it'
complete -c allocstats -n __fish_use_subcommand -a top -d 'watch the memory of workers or processes'
complete -c allocstats -n __fish_use_subcommand -a bench -d 'measure allocators and profiles against each other'
complete -c allocstats -n __fish_use_subcommand -l version -d 'print the version'
complete -c allocstats -s h -l help -d 'print what there is'

complete -c allocstats -n '__allocstats_command exec env' -s a -l allocator -x -a "$allocators" -d 'the allocator'
complete -c allocstats -n '__allocstats_command exec env' -s p -l profile -x -a "$profiles" -d 'what it is told'
complete -c allocstats -n '__allocstats_command exec' -s o -l only -x -d 'the programs that it is meant for'
complete -c allocstats -n '__allocstats_command exec' -l heap-profile -r -d 'write a heap profile at the end'
complete -c allocstats -n '__allocstats_command env' -s f -l format -x -a 'shell docker procfile systemd kubernetes' -d 'for which place'
complete -c allocstats -n '__allocstats_command exec env' -a '(__allocstats_started)'

complete -c allocstats -n '__allocstats_command versions' -s j -l json -d 'as JSON'

complete -c allocstats -n '__allocstats_command doctor' -l pid -x -a '(__fish_complete_pids)' -d 'another process of this machine'
complete -c allocstats -n '__allocstats_command doctor' -l url -x -d 'a process behind an endpoint'
complete -c allocstats -n '__allocstats_command doctor' -l token -x -d 'opens that endpoint'
complete -c allocstats -n '__allocstats_command doctor' -l expect -x -a "$allocators" -d 'find it wrong when another one runs'
complete -c allocstats -n '__allocstats_command doctor' -l wait -x -d 'take two readings, so many seconds apart'
complete -c allocstats -n '__allocstats_command doctor' -l purge -d 'purge between them'
complete -c allocstats -n '__allocstats_command doctor' -l json -d 'as JSON'

complete -c allocstats -n '__allocstats_command top' -s u -l url -x -d 'an endpoint\'s address'
complete -c allocstats -n '__allocstats_command top' -s p -l pid -x -a '(__fish_complete_pids)' -d 'a process of this machine'
complete -c allocstats -n '__allocstats_command top' -s i -l interval -x -d 'seconds between two readings'
complete -c allocstats -n '__allocstats_command top' -s s -l sort -x -a 'rss pss live kept growth pid' -d 'by which column'
complete -c allocstats -n '__allocstats_command top' -s 1 -l once -d 'print one table and end'

complete -c allocstats -n '__allocstats_command bench; and not __allocstats_app' -a app -d 'measure an application'
complete -c allocstats -n '__allocstats_command bench' -s a -l allocator -x -a "(__allocstats_list $allocators)" -d 'allocators'
complete -c allocstats -n '__allocstats_command bench' -s p -l profile -x -a "(__allocstats_list none $profiles)" -d 'profiles'
complete -c allocstats -n '__allocstats_command bench' -s r -l rounds -x -d 'of all configurations, in turn'
complete -c allocstats -n '__allocstats_command bench' -s j -l json -r -F -d 'write what was measured'
complete -c allocstats -n '__allocstats_command bench' -s g -l svg -r -F -d 'draw it'
complete -c allocstats -n '__allocstats_command bench' -l progress -d 'say what is under way'
complete -c allocstats -n '__allocstats_command bench' -l no-progress -d 'say nothing of what is under way'
complete -c allocstats -n '__allocstats_command bench' -s s -l size -x -d 'share of the size'
complete -c allocstats -n __allocstats_app -s c -l command -x -d 'starts the server'
complete -c allocstats -n __allocstats_app -s u -l url -x -d 'where it listens'
complete -c allocstats -n __allocstats_app -s e -l endpoint -x -d 'of allocstats in it'
complete -c allocstats -n __allocstats_app -l pid -x -a '(__fish_complete_pids)' -d 'of a server that runs'
complete -c allocstats -n __allocstats_app -l paths -r -F -d 'a file or a list'
complete -c allocstats -n __allocstats_app -l header -x -d 'for each request'
complete -c allocstats -n __allocstats_app -s n -l requests -x -d 'after the warm-up'
complete -c allocstats -n __allocstats_app -l warm-up -x -d 'requests before'
complete -c allocstats -n __allocstats_app -l intervals -x -d 'they are divided into'
complete -c allocstats -n __allocstats_app -l clients -x -d 'at the same time'
complete -c allocstats -n '__allocstats_command bench' -l settle -x -d 'seconds of rest'
complete -c allocstats -n __allocstats_app -l boot -x -d 'seconds to answer in'
