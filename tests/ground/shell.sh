#!/bin/sh
# The shell of `cargo xtask ground --shell`. Leaving it ends the machine.
size=$(sed 's/.*ground\.shell=\([0-9x]*\).*/\1/' /proc/cmdline)
stty rows "${size%x*}" cols "${size#*x}"
cat <<'TEXT'

The proving ground. You are root; `session USER [PROGRAM...]` starts a shell (or a program) as root, ground or plain
in a session of its own, as the suites do. `dayfly` is in the path. Leave with `exit`.

TEXT
workspace=$(cat /ground/workspace)
cd "$workspace" || exit 1
# What is started in the background ignores interrupts; a shell must not.
exec env --default-signal -i PATH="/ground:$PATH" HOME=/root USER=root TERM="${TERM:-linux}" LANG=C.UTF-8 \
    PS1='ground \u:\w\$ ' bash --norc -i
