# bash completion of daemontools-reference: svc, svok, svstat, daemontools.
# A service is a directory; without a slash, one of /service.

_daemontools_services() {
    local word=${COMP_WORDS[COMP_CWORD]}
    mapfile -t COMPREPLY < <(compgen -d -- "$word")
    case $word in
        */*) ;;
        *) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "/service/$word") ;;
    esac
}

_daemontools() {
    local program=${COMP_WORDS[0]##*/} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local words=
    case $program in
        svc) case $word in -*) words='-u -d -o -x -p -c -h -a -i -t -k' ;; esac ;;
        daemontools)
            if [ "$COMP_CWORD" = 1 ]; then
                words='status wait logs check new watch'
            else
                case ${COMP_WORDS[1]}:$word in
                    wait:-*) words='-t -s' ;;
                    wait:*) [ "$before" != wait ] || words='up down steady gone' ;;
                    status:-*) words='--json --prometheus --look' ;;
                    logs:-*) words='--follow --new --local --utc --since --until --grep' ;;
                    check:-*) words='--json' ;;
                    new:-*) words='--user --log-user' ;;
                    watch:-*) words='--every' ;;
                esac
            fi
            ;;
    esac
    if [ -n "$words" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    else
        _daemontools_services
    fi
}

complete -o filenames -F _daemontools svc svok svstat daemontools
