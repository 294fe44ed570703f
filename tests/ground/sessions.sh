# The three kinds of user, and the control group each of their sessions starts in. Sourced, not run.
#
#   root     everything
#   ground   uid 1000: a delegated subtree with every controller (what systemd's Delegate=yes gives) and subuids
#   plain    uid 1001: neither

# The leaf that Dayfly keeps its own processes in, so that it may manage the group above: systemd's DelegateSubgroup=
# starts a service in one.
LEAF=dayfly.supervisor
# The sessions that tests of the delegated user take turns in. They are made before the first test and kept: a test
# that looks at all control groups must not see those of its neighbour come and go.
LANES="lane-0 lane-1"

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
SLICES=/sys/fs/cgroup/user.slice

# Sets `uid`, `home` and `slice` (below which the user's sessions are) for a user.
know_user() {
    case "$1" in
        root) uid=0 home=/root ;;
        ground) uid=1000 home=/home/ground ;;
        plain) uid=1001 home=/home/plain ;;
        *) echo "no such user in the proving ground: $1" >&2; return 1 ;;
    esac
    slice=$SLICES/user-$uid.slice
}

# Makes a group's children have every controller that the group has.
enable_controllers() {
    for controller in $(cat "$1/cgroup.controllers"); do
        echo "+$controller" >"$1/cgroup.subtree_control"
    done
}

# The slices that hold the sessions; all controllers are on down to where sessions are made.
open_slices() {
    mkdir /sys/fs/cgroup/init.scope "$SLICES"
    for pid in $(cat /sys/fs/cgroup/cgroup.procs); do
        echo "$pid" >/sys/fs/cgroup/init.scope/cgroup.procs 2>/dev/null || true  # Kernel threads cannot move.
    done
    enable_controllers /sys/fs/cgroup
    enable_controllers "$SLICES"
    for user in root ground plain; do
        open_slice "$user"
    done
}

open_slice() {
    know_user "$1"
    mkdir "$slice"
    enable_controllers "$slice"
    mkdir -p "$home" "/run/user/$uid"
    chown "$uid:$uid" "$home" "/run/user/$uid"
    chmod 700 "$home" "/run/user/$uid"
    if [ "$1" = ground ]; then
        mkdir "$slice/user@$uid.service"
        delegate "$slice/user@$uid.service"
        enable_controllers "$slice/user@$uid.service"
    fi
}

# Gives a group to the user `uid`, file by file as systemd does: enough to make and fill groups below it, not to
# raise its own limits.
delegate() {
    chown "$uid:$uid" "$1" "$1/cgroup.procs" "$1/cgroup.threads" "$1/cgroup.subtree_control"
}

# Makes the group of one session and sets `session` to its path. Arguments: user, name of the session.
open_session() {
    know_user "$1"
    if [ "$1" = ground ]; then
        session=$slice/user@$uid.service/$2.scope
        mkdir "$session"
        delegate "$session"
    else
        session=$slice/$2.scope
        mkdir "$session"
    fi
}

open_lanes() {
    for lane in $LANES; do
        open_session ground "$lane"
        mkdir "$session/$LEAF"
        delegate "$session/$LEAF"
    done
}

# Enters a session for good and runs a program there, started by the words in `starter` if there are any. Arguments: path
# of the session, user, program and its arguments.
enter() {
    group=$1
    user=$2
    shift 2
    know_user "$user"
    # shellcheck disable=SC2086 # `starter` is several words.
    exec ${starter:-} /ground/enter "$group" "$uid" PATH="$PATH" USER="$user" LOGNAME="$user" HOME="$home" \
        SHELL=/bin/bash LANG=C.UTF-8 TERM="${TERM:-dumb}" XDG_RUNTIME_DIR="/run/user/$uid" -- "$@"
}
