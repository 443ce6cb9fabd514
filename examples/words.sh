#!/bin/sh
# Counts the words of many files, and shows how a shell script takes part in pausing:
#
#     agentctl run --follow examples/words.sh docs/*.md
#     DELAY=1 agentctl run examples/words.sh docs/*.md      slow enough to be paused by hand
#
# Its progress is one file, the counts so far. It is the checkpoint, and the next attempt finds it in
# $AGENTCTL_CHECKPOINT. Because a checkpoint is saved at the start, a pause asks for one instead of freezing the script.
set -eu
counts=${AGENTCTL_TASK_DIR:?is set by agentctl: agentctl run $0 <file>...}/counts
cat "${AGENTCTL_CHECKPOINT:-/dev/null}" >"$counts"

save() {
  agentctl checkpoint save --label "$1" "$counts" >/dev/null
}

# A pause sends TERM to this shell alone. The command that runs is not cut, the trap comes after it.
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
  # What was counted since the last save is counted again after a crash.
  [ $((n % 20)) -ne 0 ] || save "$n files"
done

echo "the most words:"
sort -rn "$counts" | head -n 3
awk '{ words += $1 } END { print words + 0, "words in", NR, "files" }' "$counts"
