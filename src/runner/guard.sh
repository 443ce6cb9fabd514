# The guard of one program. It starts the program, outlives it, and writes down how it ended, so that this is known
# whoever is there to ask. What the program prints goes through a pipe into the log, and not straight into the file: a
# program that opens /dev/stdout or /dev/stderr would empty the file, and cannot empty a pipe.
#   $1 folder of the files    $2 boot id    $3 key, which names the files
# Positional parameters, because a variable of the guard's could be one of the program's.
# What it adds to a file begins with a newline, because the line before may have been cut short by a full disk.
# Descriptor 3 leads to whoever launched it, and may lead nowhere. It gets a line each for the program's pid, behind a
# plus, and for its status, behind an equals sign. Descriptor 4 is a lock that is held while the guard lives, 5 the log,
# opened for append, and 6 becomes the end of the pipe that is read.

# Caught and not ignored: what is ignored stays so through exec, what is caught does not.
trap : HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
umask 077
exec 2>/dev/null
PATH=/usr/bin:/bin

agentctl_carry() {
  cat <&6 >&5 5>&- 6<&- &
}

# Reads the last line of a file of /proc: the name of a program, which comes before, may have newlines in it.
agentctl_read() {
  agentctl_line=
  while read -r agentctl_part; do agentctl_line=$agentctl_part; done <"$1"
  # That name is in parentheses and may hold anything.
  agentctl_line=${agentctl_line##*) }
}

# Prints the wait status of the program $1 as the kernel shows it until the guard has waited for it, and lets the guard
# do so by closing its output. Fails while the program lives.
agentctl_tell() {
  [ -z "$agentctl_told" ] || return 0
  agentctl_read "/proc/$1/stat"
  agentctl_exiting=
  if [ -n "$agentctl_line" ]; then
    set -- $agentctl_line
    # PF_EXITING
    [ $(($7 & 4)) -eq 0 ] || agentctl_exiting=1
    # State and number of threads: where the first thread has ended and others have not, the program lives.
    [ "$1 ${18}" = "Z 1" ] || return 1
    echo "${50}"
  fi
  exec >/dev/null
  agentctl_told=1
  [ -z "$BASH_VERSION" ] || kill -CONT $$
}

# The daemon asks with USR1 for the status of a program that has ended while something else holds its output. What the
# program printed is in the log when cat waits for more. While it is running (R), or waits for a disk (D), which it also
# does before its first instruction, it may not be; one that never waits carries the output of something that prints on.
agentctl_answer() {
  agentctl_asked=
  agentctl_asks=$((agentctl_asks + 1))
  agentctl_read "/proc/$!/stat"
  case $agentctl_line in
    R* | D*) [ $agentctl_asks -gt 20 ] || return ;;
  esac
  agentctl_tell "$1"
}

# The keeper of the output of the program $4. Carries it into the log until nobody is left who could print, and then
# tells the status.
agentctl_keep() {
  trap agentctl_asked=1 USR1
  agentctl_asks=0
  agentctl_told=
  # Where there is no /proc, the guard waits for the program at once.
  [ -r "/proc/$4/stat" ] || exec >/dev/null
  exec 3>&- 4>&- 7>&-
  agentctl_carry
  while :; do
    wait $!
    agentctl_status=$?
    [ $agentctl_status -ne 0 ] || break
    [ -z "$agentctl_asked" ] || agentctl_answer "$4"
    kill -0 $! && continue
    # The disk is full, unless cat was killed: the program waits until there is space.
    [ $agentctl_status -gt 128 ] || sleep 1 >/dev/null 5>&- 6<&- || return
    agentctl_carry
  done
  exec 5>&- 6<&-
  for agentctl_look in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    agentctl_tell "$4" && return
    [ -n "$agentctl_exiting" ] || break
  done
  # It has closed its output and lives on. The daemon asks when it ends; without one there is no hurry.
  until agentctl_tell "$4"; do
    sleep 5 >/dev/null &
    wait $! || kill $!
  done
}

# The text of a here-document is in a pipe in most shells, which costs no process and no file.
exec 6<<end

end
agentctl_pipe=/proc/self/fd/6
if [ -p $agentctl_pipe ]; then
  read -r agentctl_line <&6
else
  agentctl_pipe=$1/$3.out
  mkfifo "$agentctl_pipe" || exit
  # Opened for both, no end of it waits for the other one.
  exec 7<>"$agentctl_pipe" 6<"$agentctl_pipe" 7>&-
fi
# The program is the subshell whose output is read here, so the guard waits for it only when the keeper has told.
agentctl_line=$(
  trap : PIPE
  # The pid of this subshell, for which $$ is that of the guard: to read it out of a file takes a call for each byte.
  if cd -P /proc/self; then agentctl_line=${PWD##*/}; else agentctl_line=$(exec sh -c 'echo $PPID'); fi
  echo "
#born $3 $2 $agentctl_line $$ ." >>"$1/$3.run"
  echo "+$agentctl_line" >&3
  exec 7>"$agentctl_pipe"
  # A grandchild, so that the program has no child that it did not make. It ignores signals from its first moment, in
  # which the program may kill its group.
  (
    trap '' HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
    agentctl_keep "$@" "$agentctl_line" &
  )
  exec >&7 2>&1 6<&- 7>&-
  # bash would wait for its child at once, whatever it does itself.
  [ -z "$BASH_VERSION" ] || ! [ -r /proc/self/stat ] || kill -STOP $$
  # Puts the program's files, environment and words in place, and ends in its exec; what follows that is not read.
  . "$1/$3.run"
  # Whoever emptied the file has taken the program out of it.
  echo "agentctl: $1/$3.run has lost what starts this program; it did not run" >&2
  exit 126
)
agentctl_line=$?${agentctl_line:+/$agentctl_line}
if echo "
#ended $3 $agentctl_line" >>"$1/$3.run"; then
  echo "=$agentctl_line" >&3
  exit
fi
# The disk is full. Whoever launched it need not wait for space; whoever comes later needs the file.
echo "=$agentctl_line" >&3
agentctl_ended=$(date +%s)
# Without its file the status was recorded, and nobody asks for it any more.
while [ -e "$1/$3.run" ]; do
  echo "
#ended $3 $agentctl_line $agentctl_ended" >>"$1/$3.run" && break
  sleep 1 || break
done
