#!/bin/sh
# scratch
i=0
while [ $i -lt 150 ]; do
 i=$((i+1))
 rm -rf /run/dayfly; rmdir /sys/fs/cgroup/dayfly 2>/dev/null
 ./scratch-run /usr/bin/true >/tmp/out 2>&1 &
 pid=$!
 n=0
 while kill -0 $pid 2>/dev/null && [ $n -lt 80 ]; do sleep 0.1; n=$((n+1)); done
 if kill -0 $pid 2>/dev/null; then
   echo "run $i hangs"
for d in /proc/[0-9]*; do p=${d#/proc/}; read -r c < $d/comm || continue; case $c in scratch*|dayfly*|true|run) echo "== pid $p $c"; grep -E "State|PPid|Threads|NSpid" $d/status ; cat $d/wchan; echo; cat $d/cgroup $d/syscall; ls -l $d/fd; cat $d/stack; cat /proc/$p/fdinfo/* | grep -E 'Pid|clockid|settime|it_value';; esac; done 2>&1
   find /sys/fs/cgroup/dayfly -name cgroup.procs -exec cat {} +; cat /sys/fs/cgroup/dayfly/*/memory.events
   kill -9 $pid
   break
 fi
 wait $pid; c=$?
 [ $c = 0 ] || { echo "run $i code $c"; tail -3 /tmp/out; }
done
echo done $i; cat /proc/uptime
