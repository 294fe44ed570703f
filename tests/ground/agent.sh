#!/bin/sh
# Serves the host over a virtio port, one request a line:
#   run USER SECONDS SCRIPT    runs a shell script as that user in a session of its own
#   poweroff                   ends the machine
# The answer to `run` is one line, then exactly that many bytes of what the script printed:
#   done CODE MILLISECONDS PROCESSES GROUPS BYTES
# PROCESSES and GROUPS are what the script left behind; it is killed and removed.
set -eu
. /ground/sessions.sh

PORT=/dev/vport1p1
OUTPUT=/run/ground-output
number=0

milliseconds() {
    read -r uptime _ </proc/uptime
    echo "${uptime%.*}${uptime#*.}0"
}

populated() {
    grep -q '^populated 1$' "$1/cgroup.events"
}

# What ends while its session ends may take a moment; what stays longer was left behind.
settle() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        populated "$1" || return 0
        sleep 0.1
    done
}

# Ends a session; sets `processes` and `groups` to what it had left behind.
close_session() {
    settle "$1"
    processes=$(find "$1" -name cgroup.procs -exec cat {} + | wc -l)
    groups=$(find "$1" -mindepth 1 -type d | wc -l)
    echo 1 >"$1/cgroup.kill"
    while populated "$1"; do
        sleep 0.1
    done
    find "$1" -depth -type d -exec rmdir {} +
}

# The limit is kept from outside of the session, so that nothing in it can end the clock.
run() {
    number=$((number + 1))
    session=$(open_session "$1" "$number")
    started=$(milliseconds)
    code=0
    timeout --foreground --signal KILL "$2" sh -c '
        echo 0 >"$1/cgroup.procs"
        . /ground/sessions.sh
        become "$2" sh -c "$3"
    ' session "$session" "$1" "$3" </dev/null >"$OUTPUT" 2>&1 || code=$?
    ended=$(milliseconds)
    close_session "$session"
    echo "done $code $((ended - started)) $processes $groups $(stat -c %s "$OUTPUT")" >&3
    cat "$OUTPUT" >&3
}

exec 3<>"$PORT"
read -r uptime _ </proc/uptime
echo "ready $uptime" >&3
while read -r request rest <&3; do
    case "$request" in
        run)
            user=${rest%% *}
            rest=${rest#* }
            run "$user" "${rest%% *}" "${rest#* }"
            ;;
        poweroff) exit 0 ;;
        *) echo "unknown request: $request" >/dev/console; exit 1 ;;
    esac
done
