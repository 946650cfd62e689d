# What the lines `by hand` of the clauses take for granted; specification/index.md says it.
# $1 is the clause, $2 the line, $3 what is typed in a second terminal.
# It says what is to be typed, with ids for the roles, and becomes the shell that reads it.
# This is the first process but one of a new root: test_by_hand.py calls it.

set -m # as in a shell at a terminal: no job ignores INT and QUIT
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p /typed /service && chmod 755 /typed && cd /typed || exit 99
rm -rf /etc/service && ln -s /service /etc/service # which Debian's svscanboot scans
typed="$2; $3"
uses() { [[ $typed =~ $1 ]]; }

service() { # make one
    mkdir -p "$1"
    printf '#!/bin/sh\nexec sleep 1000\n' > "$1/run"
    chmod 755 "$1/run"
}

runs() { # wait for it
    until svok "$1"; do sleep 0.05; done
}

for name in e env; do
    uses "mkdir $name( |;|$)" || mkdir $name
done
service /service/clock
printf '#!/bin/sh\nwhile date; do sleep 1; done\n' > /service/clock/run
service /service/clock/log
printf '#!/bin/sh\nexec multilog t ./main\n' > /service/clock/log/run
service /service/a
service /etc/new
if uses 'SUPERVISE|(svc|svok|svstat|supervise).*\b(s|clock)\b|\b(s|clock)\b.*(svc|svok|svstat|supervise)'; then
    for name in s clock sub/s; do
        uses "mkdir (-p )?$name( |;|$)" || service $name
    done
fi

case $1 in
svscan/* | svscanboot/* | tree/*)
    if uses 'SVSCAN|SUPERVISE|(pidof|pgrep -x) svscan' || ! uses '(^|[^-] |bin/)svscan(boot)?( [^-]|;|$)'; then
        if [[ $1 = svscanboot/* ]]; then
            svscanboot &
        else
            svscan /service &
        fi
        runs /service/clock/log && runs /service/clock && runs /service/a
    fi
    in=clock
    ;;
*)
    if uses '/service' && ! uses 'svscan /service'; then
        svscan /service &
        runs /service/clock/log && runs /service/clock && runs /service/a
    fi
    if uses 'svc|svok|svstat|s/supervise|SUPERVISE' && ! uses '(^|[^-] )supervise [a-z]'; then
        for name in s clock sub/s; do
            if [ -x $name/run ] && uses "\b$name\b|SUPERVISE" && ! uses "mkdir -p $name/"; then
                supervise $name &
                runs $name
            fi
        done
    fi
    in=s
    ;;
esac
sleep 0.3

pid() { pgrep -o -f -x "$1"; }
roles() { # with the process ids that the line needs
    sed -e "s/\bSUPERVISE-LOG\b/$LOG/g; s/\bRUN-OF-LOG\b/$RUN_OF_LOG/g" \
        -e "s/\bSVSCAN\b/$SVSCAN/g; s/\bREADPROCTITLE\b/$READPROCTITLE/g" \
        -e "s/\bSUPERVISE\b/$SUPERVISE/g; s/\bRUN\b/$RUN/g" <<< "$1"
}
# To look through all processes takes longer than most lines, of which few name one.
if uses '\b(SVSCAN|READPROCTITLE|SUPERVISE|RUN)\b'; then
    SVSCAN=$(pid '(/usr/bin/)?svscan( /etc/service| /service)?')
    READPROCTITLE=$(pgrep -o readproctitle) SUPERVISE=$(pid "supervise $in")
    RUN=$([ "$SUPERVISE" ] && pgrep -P "$SUPERVISE") LOG=$(pid 'supervise log')
    RUN_OF_LOG=$([ "$LOG" ] && pgrep -P "$LOG")
    set -- "$1" "$(roles "$2")" "$(roles "$3")"
fi
if [ "$3" ]; then
    (sleep 1 && bash -c "$3") &
fi
echo "type: $2"
PS1='ready> ' exec bash --norc --noediting -i
