# A guard. It runs programs one after the other, each in the foreground, outlives them, and writes down the status of
# each, so that the status is known whoever is there to ask. Its stdin gives it a key a line, which names the file of
# an attempt; with the end of stdin it ends, so that a daemon that dies leaves no guards but those with a program.
# Positional parameters, because a variable of the guard's could be one of the program's:
#   $1 folder of the files    $2 boot id
# What it adds to a file begins with a newline, because the line before may have been cut short by a full disk.
# Descriptor 3 leads to whoever launched it, and may lead nowhere. It gets a line each for the program's pid, behind a
# plus, for its status, and a dash when the next key may come.

# Caught and not ignored: what is ignored stays so through exec, what is caught does not.
trap : HUP INT QUIT ABRT ALRM PIPE TERM USR1 USR2 XCPU XFSZ VTALRM PROF
umask 077
exec 2>/dev/null
while read -r agentctl_key; do
  (
    trap : PIPE
    # The pid of this subshell, for which $$ is that of the guard: to read it out of a file takes a call for each byte.
    if cd -P /proc/self; then agentctl_line=${PWD##*/}; else agentctl_line=$(exec sh -c 'echo $PPID'); fi
    echo "
#born $agentctl_key $2 $agentctl_line $$ ." >>"$1/$agentctl_key.run"
    echo "+$agentctl_line" >&3
    # Puts the program's files, environment and words in place, and ends in its exec; what follows that is not read.
    . "$1/$agentctl_key.run"
  )
  agentctl_line=$?
  if echo "
#ended $agentctl_key $agentctl_line" >>"$1/$agentctl_key.run"; then
    echo "$agentctl_line
-" >&3
  else
    # The disk is full. Whoever launched it need not wait for space; whoever comes later needs the file.
    echo "$agentctl_line" >&3
    PATH=/usr/bin:/bin
    agentctl_ended=$(date +%s)
    # Without its file the status was recorded, and nobody asks for it any more.
    while [ -e "$1/$agentctl_key.run" ]; do
      echo "
#ended $agentctl_key $agentctl_line $agentctl_ended" >>"$1/$agentctl_key.run" && break
      sleep 1
      [ $? -ne 127 ] || break
    done
    echo - >&3
  fi
done
