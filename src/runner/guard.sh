# The guard of one program. It starts the program, outlives it, and writes down how it ended, so that this is known
# whoever is there to ask. What the program prints goes through a pipe into the log, and not straight into the file:
# a program that opens /dev/stdout or /dev/stderr would empty the file, and cannot empty a pipe.
#   $1 folder of the files    $2 boot id    $3 key, which names the files    $4 log
# Positional parameters, because a variable of the guard's could be one of the program's.
# What it adds to a file begins with a newline, because the line before may have been cut short by a full disk.
# Descriptor 3 leads to whoever launched it, and may lead nowhere. It gets a line each for the program's pid, behind a
# plus, and for its status.

# Caught and not ignored: what is ignored stays so through exec, what is caught does not.
trap : HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
umask 077
exec 2>/dev/null
PATH=/usr/bin:/bin

# Takes the pid of the program behind the four parameters. Carries into the log what is printed, until nobody is left
# who could print; then prints the program's wait status as the kernel shows it. A shell cannot tell `exit 137` from a
# death by signal 9; the kernel can, until the guard has waited for its child, which it does when this one has ended.
agentctl_keep() {
  trap '' HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
  exec <"$1/$3.out" 4>>"$4" 5>&-
  # Where there is no /proc, the guard waits for its child at once.
  [ -r "/proc/$5/stat" ] || exec >/dev/null
  # A full disk ends cat, and is waited out: the program waits meanwhile.
  until cat >&4 3>&- 4>&-; do sleep 1 3>&- 4>&- || break; done
  exec </dev/null 4>&-
  while read -r agentctl_line <"/proc/$5/stat"; do
    # The name of the program, in parentheses, may hold anything.
    set -- "$1" "$2" "$3" "$4" "$5" ${agentctl_line##*) }
    # State, number of threads, wait status: where the first thread has ended and others have not, it lives.
    [ "$6 ${23}" != "Z 1" ] || break
    # It has closed its output and lives on, unless it is just ending (PF_EXITING).
    [ $((${12} & 4)) -ne 0 ] || sleep 1 3>&- || break
  done
  [ "$6" != Z ] || echo "${55}"
  [ -z "$BASH_VERSION" ] || kill -CONT $$
}

mkfifo "$1/$3.out" || exit
# The program is the subshell whose output is read here, so the guard waits for it only when the keeper has ended.
agentctl_line=$(
  trap : PIPE
  # The pid of this subshell, for which $$ is that of the guard: to read it out of a file takes a call for each byte.
  if cd -P /proc/self; then agentctl_line=${PWD##*/}; else agentctl_line=$(exec sh -c 'echo $PPID'); fi
  echo "
#born $3 $2 $agentctl_line $$ ." >>"$1/$3.run"
  echo "+$agentctl_line" >&3
  # Opened for both, no end of the pipe waits for the other one.
  exec 5<>"$1/$3.out"
  # A grandchild, so that the program has no child that it did not make.
  (agentctl_keep "$@" "$agentctl_line" &)
  exec >"$1/$3.out" 2>&1 5>&-
  # bash would wait for its child at once, whatever it does itself.
  [ -z "$BASH_VERSION" ] || kill -STOP $$
  # Puts the program's files, environment and words in place, and ends in its exec; what follows that is not read.
  . "$1/$3.run"
)
agentctl_line=$?${agentctl_line:+/$agentctl_line}
# Without its pipe the end was recorded, and nobody asks for it any more.
if ! [ -e "$1/$3.out" ] || echo "
#ended $3 $agentctl_line" >>"$1/$3.run"; then
  echo "=$agentctl_line" >&3
  exit
fi
# The disk is full. Whoever launched it need not wait for space; whoever comes later needs the file.
echo "=$agentctl_line" >&3
agentctl_ended=$(date +%s)
while [ -e "$1/$3.out" ]; do
  echo "
#ended $3 $agentctl_line $agentctl_ended" >>"$1/$3.run" && break
  sleep 1 || break
done
