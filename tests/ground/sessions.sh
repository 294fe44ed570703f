# The three kinds of user, and the control group each of their sessions starts in. Sourced, not run.
#
#   root     everything
#   ground   uid 1000: a delegated subtree with every controller (what systemd's Delegate=yes gives) and subuids
#   plain    uid 1001: neither

GROUPS_ROOT=/sys/fs/cgroup

uid_of() {
    case "$1" in
        root) echo 0 ;;
        ground) echo 1000 ;;
        plain) echo 1001 ;;
        *) echo "no such user in the proving ground: $1" >&2; return 1 ;;
    esac
}

# Makes a group's children have every controller that the group has.
enable_controllers() {
    for controller in $(cat "$1/cgroup.controllers"); do
        echo "+$controller" >"$1/cgroup.subtree_control"
    done
}

# The slices that hold the sessions; all controllers are on down to where sessions are made.
open_slices() {
    mkdir "$GROUPS_ROOT/init.scope" "$GROUPS_ROOT/user.slice"
    for pid in $(cat "$GROUPS_ROOT/cgroup.procs"); do
        echo "$pid" >"$GROUPS_ROOT/init.scope/cgroup.procs" 2>/dev/null || true  # Kernel threads cannot move.
    done
    enable_controllers "$GROUPS_ROOT"
    enable_controllers "$GROUPS_ROOT/user.slice"
    for user in root ground plain; do
        open_slice "$user"
    done
}

open_slice() {
    uid=$(uid_of "$1")
    slice=$GROUPS_ROOT/user.slice/user-$uid.slice
    mkdir "$slice"
    enable_controllers "$slice"
    mkdir -p "/run/user/$uid"
    chown "$uid:$uid" "/run/user/$uid"
    chmod 700 "/run/user/$uid"
    if [ "$1" = ground ]; then
        mkdir "$slice/user@$uid.service"
        delegate "$slice/user@$uid.service" "$uid"
        enable_controllers "$slice/user@$uid.service"
    fi
}

# Gives a group to a user, file by file as systemd does: enough to make and fill groups below, not to raise its limits.
delegate() {
    chown "$2:$2" "$1" "$1/cgroup.procs" "$1/cgroup.threads" "$1/cgroup.subtree_control"
}

# Makes the group of one session and prints its path. Arguments: user, number of the session.
open_session() {
    uid=$(uid_of "$1")
    session=$GROUPS_ROOT/user.slice/user-$uid.slice/session-$2.scope
    if [ "$1" = ground ]; then
        session=$GROUPS_ROOT/user.slice/user-$uid.slice/user@$uid.service/run-$2.scope
    fi
    mkdir "$session"
    if [ "$1" = ground ]; then
        delegate "$session" "$uid"
    fi
    echo "$session"
}

# Becomes a user and runs a program. Arguments: user, program and its arguments.
become() {
    user=$1
    uid=$(uid_of "$user")
    shift
    exec env -i PATH="$PATH" USER="$user" LOGNAME="$user" HOME="$(home_of "$user")" SHELL=/bin/bash LANG=C.UTF-8 \
        XDG_RUNTIME_DIR="/run/user/$uid" TERM="${TERM:-dumb}" \
        setpriv --reuid "$uid" --regid "$uid" --init-groups "$@"
}

home_of() {
    case "$1" in
        root) echo /root ;;
        *) echo "/home/$1" ;;
    esac
}
