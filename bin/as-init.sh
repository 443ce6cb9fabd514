#!/bin/sh
# Runs a command of agentctl as the first process of a container. The kernel makes every orphan a child of that process,
# and one that is never waited for stays a zombie: a shell that waits takes them all, Node only what it started itself.
node -- "$@" <&0 &
command=$!
for signal in HUP INT QUIT TERM USR1 USR2; do
  trap "kill -$signal $command 2>/dev/null" "$signal"
done
# A signal that is handed on ends the wait as well.
wait "$command"
status=$?
while [ "$status" -gt 128 ] && kill -0 "$command" 2>/dev/null; do
  wait "$command"
  status=$?
done
exit "$status"
