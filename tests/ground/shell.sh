#!/bin/sh
# The shell of `cargo xtask ground --shell`. Leaving it ends the machine.
cat <<'TEXT'

The proving ground. You are root; `session USER [PROGRAM...]` starts a shell (or a program) as root, ground or plain
in a session of its own, as the suites do. The programs built here are in PATH. Leave with `exit`.

TEXT
workspace=$(cat /ground/workspace)
cd "$workspace" || exit 1
exec env -i PATH="$workspace/target/release:/ground:$PATH" HOME=/root USER=root TERM="${TERM:-linux}" LANG=C.UTF-8 \
    PS1='ground \u:\w\$ ' bash --norc -i
