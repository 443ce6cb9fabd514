# Ends what this home's tasks have left running when nobody renews the lease of the machine any more: others may begin
# these tasks then. $1 is the file of the lease: until when it holds, in hundredths of a second since boot, whose fuse
# watches it, and `still` where the trees are stopped. $2 is the home, $3 names this fuse.
while read -r until fuse state <"$1" && [ "$fuse" = "$3" ]; do
  read -r up rest </proc/uptime
  if [ "$state" != still ] && [ "${up%.*}${up#*.}" -gt "$until" ]; then
    for file in /proc/[0-9]*/environ; do
      pid=${file#/proc/}
      grep -zqxF "AGENTCTL_HOME=$2" "$file" 2>/dev/null && grep -zq '^AGENTCTL_TOKEN=' "$file" 2>/dev/null &&
        kill -9 "${pid%/environ}" 2>/dev/null
    done
  fi
  sleep 0.5
done 2>/dev/null
