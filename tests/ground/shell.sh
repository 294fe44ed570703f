#!/bin/sh
# The shell of `cargo xtask ground --shell`. Leaving it ends the machine.
. /ground/sessions.sh
cat <<'TEXT'

The proving ground. You are root; `session USER [PROGRAM…]` starts a shell (or a program) as root, ground or plain
in a session of its own, as the suites do. Leave with `exit`.

TEXT
cd "$(cat /ground/workspace)" || exit 1
exec env -i PATH="$(cat /ground/workspace)/target/debug:$PATH" HOME=/root USER=root TERM="${TERM:-linux}" LANG=C.UTF-8 \
    bash --norc -i
