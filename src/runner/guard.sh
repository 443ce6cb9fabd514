# The guard of one program. It starts the program, outlives it, and records how it ended, so that this is known even if
# no daemon runs. The output of the program goes through a pipe into the log, not straight into the file: a program that
# opens /dev/stdout or /dev/stderr would empty the file, but it cannot empty a pipe.
#   $1 folder of the files    $2 boot id    $3 key, which names the files
# They are positional parameters, because a variable of the guard could also be one of the program.
# What the guard adds to a file begins with a newline, because a full disk may have cut the line before short.
# Descriptor 3 leads to the daemon that has launched the guard, or nowhere. The guard writes to it a line with a plus
# and the pid of the program, and a line with an equals sign and its status. Descriptor 4 is a lock that is held while
# the guard lives. 5 is the log, opened for append. 6 becomes the end of the pipe that is read.

# Caught, not ignored: a signal that is ignored stays ignored after exec, one that is caught does not.
trap : HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
umask 077
exec 2>/dev/null
PATH=/usr/bin:/bin

agentctl_carry() {
  cat <&6 >&5 5>&- 6<&- &
}

# Reads the last line of a file of /proc, because the name of the program, which comes first, may contain newlines.
agentctl_read() {
  agentctl_line=
  while read -r agentctl_part; do agentctl_line=$agentctl_part; done <"$1"
  # The name is in parentheses and may contain anything.
  agentctl_line=${agentctl_line##*) }
}

# Prints the wait status of the program $1, which the kernel shows until the guard has waited for the program. Then
# closes its own output, so that the guard waits. Fails while the program lives.
agentctl_tell() {
  [ -z "$agentctl_told" ] || return 0
  agentctl_read "/proc/$1/stat"
  agentctl_exiting=
  if [ -n "$agentctl_line" ]; then
    set -- $agentctl_line
    # PF_EXITING
    [ $(($7 & 4)) -eq 0 ] || agentctl_exiting=1
    # State and number of threads: if the first thread has ended and others have not, the program lives.
    [ "$1 ${18}" = "Z 1" ] || return 1
    echo "${50}"
  fi
  exec >/dev/null
  agentctl_told=1
  [ -z "$BASH_VERSION" ] || kill -CONT $$
}

# The daemon sends USR1 to ask for the status of a program that has ended while another process holds its output. The
# output of the program is in the log once cat waits for more. While cat runs (R), or waits for a disk (D), which it
# also does before its first instruction, it may not be there yet. If cat never waits, another process keeps printing.
agentctl_answer() {
  agentctl_asked=
  agentctl_asks=$((agentctl_asks + 1))
  agentctl_read "/proc/$!/stat"
  case $agentctl_line in
    R* | D*) [ $agentctl_asks -gt 20 ] || return ;;
  esac
  agentctl_tell "$1"
}

# The keeper of the output of the program $4. Carries the output into the log until no process is left that could print,
# and then prints the status.
agentctl_keep() {
  trap agentctl_asked=1 USR1
  agentctl_asks=0
  agentctl_told=
  # If there is no /proc, the guard waits for the program at once.
  [ -r "/proc/$4/stat" ] || exec >/dev/null
  exec 3>&- 4>&- 7>&-
  agentctl_carry
  while :; do
    wait $!
    agentctl_status=$?
    [ $agentctl_status -ne 0 ] || break
    [ -z "$agentctl_asked" ] || agentctl_answer "$4"
    kill -0 $! && continue
    # Unless cat was killed, the disk is full: the program waits until there is space.
    [ $agentctl_status -gt 128 ] || sleep 1 >/dev/null 5>&- 6<&- || return
    agentctl_carry
  done
  exec 5>&- 6<&-
  for agentctl_look in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    agentctl_tell "$4" && return
    [ -n "$agentctl_exiting" ] || break
  done
  # The program has closed its output and still lives. The daemon asks when it ends. Without a daemon there is no hurry.
  until agentctl_tell "$4"; do
    sleep 5 >/dev/null &
    wait $! || kill $!
  done
}

# Most shells put the text of a here-document into a pipe, which costs no process and no file.
exec 6<<end

end
agentctl_pipe=/proc/self/fd/6
if [ -p $agentctl_pipe ]; then
  read -r agentctl_line <&6
else
  agentctl_pipe=$1/$3.out
  mkfifo "$agentctl_pipe" || exit
  # Opened for reading and writing, so that neither end waits for the other.
  exec 7<>"$agentctl_pipe" 6<"$agentctl_pipe" 7>&-
fi
# The program is the subshell whose output is read here, so the guard waits for it only after the keeper has printed.
agentctl_line=$(
  trap : PIPE
  # Finds the pid of this subshell: $$ is the pid of the guard. To read it from a file would take a call for each byte.
  if cd -P /proc/self; then agentctl_line=${PWD##*/}; else agentctl_line=$(exec sh -c 'echo $PPID'); fi
  echo "
#born $3 $2 $agentctl_line $$ ." >>"$1/$3.run"
  echo "+$agentctl_line" >&3
  exec 7>"$agentctl_pipe"
  # The keeper is a grandchild, so that the program has no child that it has not started. It ignores signals from its
  # start, because the program may kill its process group at once.
  (
    trap '' HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
    agentctl_keep "$@" "$agentctl_line" &
  )
  exec >&7 2>&1 6<&- 7>&-
  # bash would collect its child at once, so the guard is stopped until the keeper continues it.
  [ -z "$BASH_VERSION" ] || ! [ -r /proc/self/stat ] || kill -STOP $$
  # Sets the files, environment and words of the program, and ends in its exec. What follows the exec is not read.
  . "$1/$3.run"
  # Somebody has emptied the file, which held the program.
  echo "agentctl: $1/$3.run was emptied or damaged, so the program was not started" >&2
  exit 126
)
agentctl_line=$?${agentctl_line:+/$agentctl_line}
if echo "
#ended $3 $agentctl_line" >>"$1/$3.run"; then
  echo "=$agentctl_line" >&3
  exit
fi
# The disk is full. The daemon that has launched the guard need not wait for space, but a later daemon needs the file.
echo "=$agentctl_line" >&3
agentctl_ended=$(date +%s)
# If the file is gone, the daemon has recorded the status, and nobody needs it any more.
while [ -e "$1/$3.run" ]; do
  echo "
#ended $3 $agentctl_line $agentctl_ended" >>"$1/$3.run" && break
  sleep 1 || break
done
