# Kills the processes of this home's tasks once the lease of the machine is no longer renewed: then other machines may
# start these tasks. Processes that a task has detached go on. $1 is the lease file: when the lease expires, in
# hundredths of a second since boot; the name of the fuse that watches it; and `still` if the trees are stopped. $2 is
# the home, $3 the name of this fuse.
while read -r until fuse state <"$1" && [ "$fuse" = "$3" ]; do
  read -r up rest </proc/uptime
  if [ "$state" != still ] && [ "${up%.*}${up#*.}" -gt "$until" ]; then
    left=
    for file in $(grep -lzxF "AGENTCTL_HOME=$2" /proc/[0-9]*/environ); do
      grep -zqE '^AGENTCTL_(TOKEN|TREE)=' "$file" || continue
      ! grep -zq '^AGENTCTL_DETACHED=' "$file" || continue
      left=1 pid=${file#/proc/}
      kill -9 "${pid%/environ}"
    done
    [ "$left" ] || exit 0
  fi
  sleep 0.3
done 2>/dev/null
