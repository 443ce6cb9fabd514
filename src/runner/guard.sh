# The guard of one attempt. It runs the program in the foreground, outlives it, and leaves its status in a file,
# so that the status is known whoever is there to ask. Positional parameters, because a variable of the guard's
# could be one of the program's:
#   $1 file for the program's identity    $2 file for its status    $3 boot id    $4 the program's umask
#   $5 file to read that puts words before the program, or empty    $6 a variable to unset, or empty
#   $7 the word --    $8… the program and its arguments
# Descriptor 3 leads to whoever launched it, and may lead nowhere.

# Caught and not ignored: what is ignored stays so through exec, what is caught does not.
trap : HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
umask 077
exec 4>&2 2>/dev/null
(
  trap : PIPE
  if read -r agentctl_line </proc/self/stat; then
    agentctl_line="$3 $agentctl_line"
    echo "$agentctl_line" >"$1"
  else
    # Without /proc, a child of this subshell knows its pid.
    sh -c 'echo "$0 $PPID"' "$3" >"$1"
    read -r agentctl_line <"$1"
  fi
  echo "$agentctl_line" >&3
  umask "$4"
  [ -z "$6" ] || unset "$6"
  agentctl_line=$5
  shift 7
  [ -z "$agentctl_line" ] || . "$agentctl_line"
  case $1 in
  -*)
    # Some shells take a leading dash for an option of exec, others take -- for the program.
    if (exec -- /bin/sh -c :); then set -- -- "$@"; fi
    ;;
  esac
  # exec, so that no builtin of this shell is meant and the program has this pid.
  exec "$@" 2>&4 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
)
agentctl_line=$?
if ! echo "$agentctl_line" >"$2"; then
  # The disk is full. Whoever launched it need not wait for space; whoever comes later needs the file.
  echo "$agentctl_line" >&3
  PATH=$PATH:/usr/bin:/bin
  agentctl_ended=$(date +%s)
  [ -e "$1" ]
  agentctl_lost=$?
  # Without its file of the program's identity the status was recorded, and nobody asks for it any more.
  while [ "$agentctl_lost" -ne 0 ] || [ -e "$1" ]; do
    echo "$agentctl_line $agentctl_ended" >"$2" && break
    [ -d "${2%/*}" ] || break
    sleep 1
    [ $? -ne 127 ] || break
  done
fi
exit "$agentctl_line"
