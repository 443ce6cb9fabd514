#!/bin/sh
# Runs many prompts with a coding agent overnight. The file has one prompt a line; each gets its own git worktree:
#   examples/night.sh start prompts.txt --agent claude --max-turns 100
# Shows the results in the morning:
#   examples/night.sh report
set -eu
label="night=$(date +%F)"
case ${1-} in
start)
  prompts=$2
  shift 2
  agentctl queue set night --slots 2 >&2
  agentctl run "$@" --worktree -q night --label "$label" --each "@$prompts"
  ;;
report)
  label=${2-$label}
  agentctl list --all --label "$label" --json |
    node -e 'for (const { id } of JSON.parse(require("node:fs").readFileSync(0, "utf8"))) console.log(id)' |
    while read -r id; do
      agentctl show "$id" --format '## {id} {state}: {prompt}'
      agentctl diff "$id" --stat 2>&1 || true
    done
  agentctl usage --since 24h
  ;;
*)
  echo "usage: $0 start <prompts> --agent <name> [option]... | report [label]" >&2
  exit 2
  ;;
esac
