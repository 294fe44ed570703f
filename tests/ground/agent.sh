#!/usr/bin/busybox sh
# Serves the host over a virtio port, one request a line:
#   run NUMBER USER SESSION SECONDS SCRIPT   runs a shell script as that user, in a session of its own (`own`) or in
#                                            one of those that are kept (`lane-0`)
#   poweroff                                 ends the machine
# Requests run side by side; the host sees to it that they can. The answer to `run` is one line, then exactly that
# many bytes of what the script printed:
#   done NUMBER CODE MILLISECONDS PROCESSES GROUPS BYTES
# PROCESSES (a number) and GROUPS (their paths, with commas between, or `.`) are what the script left behind; it is
# killed and removed.
#
# A suite is hundreds of requests and starting a program is slow on an emulated processor, so this is busybox's
# shell, whose commands are parts of itself, and as few of them as will do.
set -eu
. /ground/sessions.sh

# Whoever makes this folder may answer.
TURN=/run/ground-turn

# Sets `now`, in milliseconds since the machine started.
read_clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}0
}

populated() {
    read -r _ populated <"$1/cgroup.events"
    [ "$populated" = 1 ]
}

# What ends while its session ends may take a moment; what stays longer was left behind.
settle() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        populated "$1" || return 0
        sleep 0.1
    done
}

kill_all() {
    echo 1 >"$1/cgroup.kill"
    while populated "$1"; do
        sleep 0.1
    done
}

# Ends what ran in a session; sets `processes` and `groups` to what it had left behind.
clear_session() {
    processes=0
    groups=
    settle "$session"
    if populated "$session"; then
        processes=$(find "$session" -name cgroup.procs -exec cat {} + | wc -l)
        kill_all "$session"
    fi
    for group in "$session"/*/; do
        [ -d "$group" ] || continue
        group=${group%/}
        [ "${group##*/}" != "$LEAF" ] || continue
        groups=$groups${groups:+,}${group##*/}
        find "$group" -depth -type d -exec rmdir {} \;
    done
}

remove_session() {
    rmdir "$session/$LEAF" 2>/dev/null || true
    rmdir "$session"
}

# Tells the host: one at a time.
answer() {
    until mkdir "$TURN" 2>/dev/null; do
        sleep 0.01
    done
    echo "done $1 $code $((ended - started)) $processes ${groups:-.} $(stat -c %s "$output")" >&3
    cat "$output" >&3
    rmdir "$TURN"
    rm "$output"
}

# The limit is kept from outside of the session, so that nothing in it can end the clock.
# Arguments: number, user, session, seconds, script.
run() {
    output=/run/ground-output-$1
    case "$3" in
        own)
            open_session "$2" "run-$1"
            group=$session
            ;;
        *)
            know_user "$2"
            session=$slice/user@$uid.service/$3.scope
            group=$session/$LEAF
            ;;
    esac
    read_clock
    started=$now
    code=0
    # The port stays with the agent: nothing in a session may speak for it.
    starter="busybox timeout -s KILL $4"
    (enter "$group" "$2" /bin/sh -c "$5") </dev/null >"$output" 2>&1 3>&- || code=$?
    read_clock
    ended=$now
    clear_session
    [ "$3" != own ] || remove_session
    answer "$1"
}

for port in /sys/class/virtio-ports/*; do
    read -r name <"$port/name"
    [ "$name" != agent ] || exec 3<>"/dev/${port##*/}"
done
read_clock
echo "ready $now" >&3
while read -r request number user session seconds script <&3; do
    case "$request" in
        run) run "$number" "$user" "$session" "$seconds" "$script" & ;;
        poweroff) exit 0 ;;
        *) echo "unknown request: $request" >/dev/console; exit 1 ;;
    esac
done
