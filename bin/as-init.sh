#!/bin/sh
# Runs a command of agentctl as the first process of a container. The kernel makes every orphan a child of that process.
# An orphan that nobody waits for stays a zombie. A waiting shell collects all of them, Node only its own children.
node -- "$@" <&0 &
command=$!
for signal in HUP INT QUIT TERM USR1 USR2; do
  trap "kill -$signal $command 2>/dev/null" "$signal"
done
# A forwarded signal also ends the wait.
wait "$command"
status=$?
while [ "$status" -gt 128 ] && kill -0 "$command" 2>/dev/null; do
  wait "$command"
  status=$?
done
exit "$status"
