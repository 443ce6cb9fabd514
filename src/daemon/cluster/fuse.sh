# Ends what this home's tasks have left running when nobody renews the lease of the machine any more: others may begin
# these tasks then. $1 is the file of the lease: until when it holds, in hundredths of a second since boot, whose fuse
# watches it, and `still` where the trees are stopped. $2 is the home, $3 names this fuse. What a task has detached goes on.
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
