#!/bin/sh
# PID 1 of the proving ground: makes the machine look like a Debian with systemd where Dayfly could tell the
# difference (mounts, propagation, control groups, sessions), then serves the host through `agent.sh`.
# It must not know anything of Dayfly.
set -eu

. /ground/sessions.sh
export PATH

mount_the_usual() {
    mount -t proc -o nosuid,nodev,noexec proc /proc
    mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
    mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
    mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
    mount --make-rshared /
    ln -snf /proc/self/fd /dev/fd
    ln -snf /proc/self/fd/0 /dev/stdin
    ln -snf /proc/self/fd/1 /dev/stdout
    ln -snf /proc/self/fd/2 /dev/stderr
}

mount_the_workspace() {
    workspace=$(cat /ground/workspace)
    mkdir -p "$workspace"
    mount -t ext4 -o noatime /dev/vdb "$workspace"
}

load_modules() {
    while read -r module; do
        case "$module" in
            '' | '#'*) ;;
            *) modprobe "$module" ;;
        esac
    done </ground/modules
}

mount_the_usual
hostname ground
ip link set lo up
load_modules
mount_the_workspace
open_slices
open_lanes

if grep -q ground.shell= /proc/cmdline; then
    setsid -c sh /ground/shell.sh </dev/ttyS0 >/dev/ttyS0 2>&1 &
else
    busybox sh /ground/agent.sh &
fi
served=$!
# Whatever is orphaned in here becomes a child of PID 1; waiting is what reaps it.
while kill -0 "$served" 2>/dev/null; do
    wait "$served" || true
done
# Nothing is worth writing back, and whatever PID 1 still had to read could be gone.
exec busybox poweroff -f
