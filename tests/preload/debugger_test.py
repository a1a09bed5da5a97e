"""A debugger gets its memory from the program's malloc: it has to know how that is called. 77: the
debugger is missing, or cannot call functions under libc either."""
import os
import shutil
import subprocess
import sys

library, folder = sys.argv[1:3]


def ask(*settings):
    """What gdb prints of a call with a text that it has to put into the program."""
    command = ["gdb", "-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", *settings,
               "-ex", "break main", "-ex", "run", "-ex", 'print (unsigned long)strlen("twelve bytes")',
               os.path.join(folder, "own_handler")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return run.stdout + run.stderr


if shutil.which("gdb") is None or "$1 = 12" not in ask():
    sys.exit(77)
for mode in ("minimal", "balanced", "research"):
    text = ask("-iex", f"set environment LD_PRELOAD {library}",
               "-iex", f"set environment HAKMEM_MODE {mode}")
    if "$1 = 12" not in text:
        print(f"{mode}: {text}")
        sys.exit(1)
