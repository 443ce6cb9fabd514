#!/bin/sh
# Counts the words of many files, and shows how a shell script can support pausing:
#
#     agentctl run --follow examples/words.sh docs/*.md
#     DELAY=1 agentctl run examples/words.sh docs/*.md      is slow enough to pause it by hand
#
# It keeps its counts so far in one file. That file is its checkpoint, and the next attempt finds it at
# $AGENTCTL_CHECKPOINT. As the script saves one at the start, a pause asks for a checkpoint and does not freeze it.
set -eu
counts=${AGENTCTL_TASK_DIR:?is set by agentctl: agentctl run $0 <file>...}/counts
cat "${AGENTCTL_CHECKPOINT:-/dev/null}" >"$counts"

save() {
  agentctl checkpoint save --label "$1" "$counts" >/dev/null
}

# A pause sends TERM only to this shell. The shell lets the running command end before it runs the trap.
asked=no
trap 'asked=yes' TERM

counted=$(wc -l <"$counts")
[ "$counted" -eq 0 ] || echo "going on after $counted of $# files"
save start

n=0
for file in "$@"; do
  n=$((n + 1))
  [ "$n" -gt "$counted" ] || continue
  if [ "$asked" = yes ]; then
    save pause
    exit 75
  fi
  sleep "${DELAY:-0}"
  printf '%7d %s\n' "$(wc -w <"$file")" "$file" >>"$counts"
  tail -n 1 "$counts"
  # After a crash, the next attempt counts the files since the last save again.
  [ $((n % 20)) -ne 0 ] || save "$n files"
done

echo "the most words:"
sort -rn "$counts" | head -n 3
awk '{ words += $1 } END { print words + 0, "words in", NR, "files" }' "$counts"
