"""The hakmem command: what it starts, what it says, how it ends.

Not exercised where it cannot be set up: a setuid program needs root and another user.
"""
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

command, library, folder = sys.argv[1:4]
os.environ.pop("LD_PRELOAD", None)
VERIFIED = re.compile(r"^hakmem: .* \(process \d+\) allocates from hakmem [\d.]+, mode (\w+)$", re.M)


def hakmem(*arguments, env=None, **options):
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False,
                          timeout=60, env={**os.environ, **(env or {})}, **options)


# What is verified, and in which mode.
result = hakmem("run", "--mode", "fast", "--", "sh", "-c", "echo $LD_PRELOAD; exit 3")
check("exit status", result.returncode == 3, result)
check("one line that says so", VERIFIED.fullmatch(result.stderr.strip())
      and VERIFIED.search(result.stderr)[1] == "fast", result)
check("the library preloaded", result.stdout == os.path.realpath(library) + "\n", result)
result = hakmem("run", "--quiet", "true")
check("quiet, and without --", result.returncode == 0 and result.stderr == "", result)
result = hakmem("run", "--", "env", "A=1", "sh", "-c", "exec env B=2 true")
check("through a chain of programs: said once", len(VERIFIED.findall(result.stderr)) == 1, result)
result = hakmem("run", "-q", "echo", "a", "--", "b")
check("a -- behind the program's name is the program's", result.stdout == "a -- b\n", result)
result = hakmem("run", "-q", "--", "echo", "a", "--", "b")
check("and a second one", result.stdout == "a -- b\n", result)
peer = next((str(path) for path in Path("/usr/lib").glob("*/libm.so.6")), None)
result = hakmem("run", "--", "sh", "-c", "echo $LD_PRELOAD", env={"LD_PRELOAD": peer})
check("an existing LD_PRELOAD is kept",
      result.stdout.strip() == f"{os.path.realpath(library)}:{peer}", result)
already = f"{peer}:{os.path.realpath(library)}"
result = hakmem("run", "--", "sh", "-c", "echo $LD_PRELOAD", env={"LD_PRELOAD": already})
check("and not added to twice", result.stdout.strip() == already, result)
result = hakmem("run", "--set", "bigcache=off", "--set", "HAKMEM_LARGE_THRESHOLD=4M", "--", "sh",
                "-c", "echo $HAKMEM_BIGCACHE $HAKMEM_LARGE_THRESHOLD")
check("settings", result.stdout == "off 4M\n", result)

# What does not allocate from hakmem is said, and is an error when strict.
for name, program, reason in (
        ("static", os.path.join(folder, "static_program"), "linked statically"),
        ("own malloc", os.path.join(folder, "own_malloc"), "malloc is that of")):
    result = hakmem("run", "--", program)
    check(f"{name}: said", result.returncode == 0 and "does not allocate from hakmem" in
          result.stderr and reason in result.stderr, result)
    result = hakmem("run", "--strict", "--", program)
    check(f"{name}: strict", result.returncode == 125 and reason in result.stderr, result)
result = hakmem("run", "--", "env", "-u", "LD_PRELOAD", os.path.join(folder, "nothing"))
check("a wrapper that clears the environment is believed for itself",
      len(VERIFIED.findall(result.stderr)) == 1, result)
result = hakmem("run", "--strict", "--", "env", "sh", "-c", "exit 4")
check("strict and verified", result.returncode == 4, result)
loader = subprocess.run(["sh", "-c", "ldd /bin/sh | grep -o '/[^ ]*ld-linux[^ ]*'"], check=True,
                        capture_output=True, text=True).stdout.strip()
result = hakmem("run", "--strict", "--", loader, shutil.which("true"))
check("the loader as the command", result.returncode == 0 and VERIFIED.search(result.stderr),
      result)
with tempfile.TemporaryDirectory() as place:
    os.mkfifo(Path(place, "fifo"), 0o755)
    result = hakmem("run", "--", f"{place}/fifo")
    check("a pipe as the command", result.returncode == 126, result)


def as_user(*words, no_new_privileges=False):
    """Without root's rights; the files may be somebody's."""
    return subprocess.run(["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups",
                           *(["--no-new-privs"] if no_new_privileges else []), command, "run",
                           *words], capture_output=True, text=True, timeout=60, check=False)


if os.geteuid() == 0:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        privileged = shutil.copy(shutil.which("true"), place)
        os.chown(privileged, 65534, 65534)
        os.chmod(privileged, 0o4755)
        result = hakmem("run", "--", privileged)
        check("setuid: said", "setuid" in result.stderr and result.returncode == 0, result)
        script = Path(place, "script")
        script.write_text(f"#!{privileged}\n", encoding="ascii")
        script.chmod(0o755)
        result = hakmem("run", "--", str(script))
        check("setuid interpreter: said", "setuid" in result.stderr, result)
        script.write_text("#!/bin/sh\n", encoding="ascii")
        os.chown(script, 65534, 65534)
        script.chmod(0o4755)
        result = hakmem("run", "--strict", "--", str(script))
        check("a setuid script is not run as another", result.returncode == 0, result)
        reachable = as_user("--quiet", "--", "true") if shutil.which("setpriv") else None
        if reachable and reachable.returncode == 0 and reachable.stderr == "":
            result = as_user("--strict", "--", privileged)
            check("setuid: strict", result.returncode == 125 and "setuid" in result.stderr, result)
            result = as_user("--strict", "--", privileged, no_new_privileges=True)
            check("setuid under no_new_privs is nothing", result.returncode == 0
                  and VERIFIED.search(result.stderr), result)
            # struct vfs_cap_data: revision 2; effective, permitted, inheritable: CAP_NET_RAW.
            for name, words, status in (("permitted", (0x02000000, 1 << 13, 0, 0, 0), 125),
                                        ("effective", (0x02000001, 1 << 13, 0, 0, 0), 125),
                                        ("inheritable", (0x02000000, 0, 1 << 13, 0, 0), 0)):
                capable = shutil.copy(shutil.which("true"), place)
                os.chown(capable, 0, 0)
                os.chmod(capable, 0o755)
                try:
                    os.setxattr(capable, "security.capability", struct.pack("<5I", *words))
                except OSError as error:
                    print(f"capabilities: skipped, {error}")
                    break
                result = as_user("--strict", "--", capable)
                check(f"{name} capabilities", result.returncode == status
                      and (status == 0 or "capabilities" in result.stderr), result)
                result = hakmem("run", "--strict", "--", capable)
                check(f"{name} capabilities for root", result.returncode == 0, result)
        else:
            print(f"as another user: skipped: {reachable}")
else:
    print("setuid: skipped, needs root")

# Signals and endings.
for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
    result = hakmem("run", "--", "sh", "-c", f"kill -{int(number)} $$")
    check(f"ends by the program's {number.name}", result.returncode == -number, result)
with subprocess.Popen([command, "run", "--", "sh", "-c",
                       "trap 'echo got it; exit 9' USR1; echo ready; while :; do sleep 0.05; done"],
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
    process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    output = process.stdout.read()
    check("signals are passed on", process.wait(20) == 9 and output == "got it\n", output)
ignored = hakmem("run", "--", "sh", "-c", "kill -INT $$; echo still here", preexec_fn=lambda:
                 signal.signal(signal.SIGINT, signal.SIG_IGN))
check("ignored signals stay ignored", ignored.stdout == "still here\n", ignored)
result = hakmem("run", "--", "sh", "-c", "ls -l /proc/self/fd | wc -l")
plain = subprocess.run(["sh", "-c", "ls -l /proc/self/fd | wc -l"], capture_output=True, text=True,
                       check=True)
check("no descriptor is left in the program", result.stdout == plain.stdout, result)

# Errors of its own.
for arguments, status, words in (
        (["run", "--", "/nonexistent"], 127, "No such file"),
        (["run", "--", "nonexistent-program"], 127, "No such file"),
        (["run", "--", "/etc/passwd"], 126, "Permission denied"),
        (["run", "--"], 125, "no command"),
        (["run", "--mode", "wild", "--", "true"], 125, "minimal|fast|balanced"),
        (["run", "--nonsense", "--", "true"], 125, "--nonsense"),
        (["run", "--library", "/nonexistent.so", "--", "true"], 125, "/nonexistent.so"),
        (["run", "--library", "/etc/passwd", "--", "true"], 125, "not a libhakmem.so"),
        (["run", "--library", peer, "--", "true"], 125, "not a libhakmem.so"),
        (["config", "--set", "colour=red"], 2, "colour"),
        (["config", "--set", "thp=perhaps"], 2, "off|auto|on|learned"),
        (["config", "--set", "thp"], 2, "NAME=VALUE"),
        (["config", "--", "more"], 2, "more"),
        (["nonsense"], 2, "hakmem --help"),
        ([], 2, "subcommand")):
    result = hakmem(*arguments)
    check(f"status {status} of {' '.join(arguments) or 'no argument'}",
          result.returncode == status and words in result.stderr and result.stdout == "", result)

# What cannot be written.
for name, redirection in (("full", "2>/dev/full"), ("closed", "2>&-"), ("closed altogether",
                                                                      "<&- >&- 2>&-")):
    for options in ("", "--strict "):
        result = subprocess.run(["sh", "-c", f"{command} run {options}-- sh -c 'exit 3' {redirection}"],
                                timeout=60, check=False)
        check(f"{options}standard error is {name}", result.returncode == 3, result)
reader, writer = os.pipe()
os.close(reader)
result = subprocess.run([command, "run", "--", os.path.join(folder, "static_program")],
                        stderr=writer, timeout=60, check=False)
check("standard error has no reader", result.returncode == 0, result)
result = subprocess.run([command, "run", "--", "/nonexistent"], stderr=writer, timeout=60,
                        check=False)
check("and nobody hears of an error", result.returncode == 127, result)
os.close(writer)
result = hakmem("run", "--", "sh", "-c", "ls /proc/$$/fd", preexec_fn=lambda: os.close(0))
check("what was closed is closed in the program", "0" not in result.stdout.split()
      and "1" in result.stdout.split(), result)
for arguments in (["version"], ["config"], ["--help"], ["run", "--help"]):
    for redirection in (">/dev/full", ">&-"):
        result = subprocess.run(["sh", "-c", f"{command} {' '.join(arguments)} {redirection}"],
                                capture_output=True, text=True, timeout=60, check=False)
        check(f"{' '.join(arguments)} {redirection}", result.returncode == 1
              and "cannot write" in result.stderr, result)

# Its own words.
result = hakmem("config", env={"HAKMEM_COMMAND_PRELOADED": "1"})
check("config under somebody else's variable", "mode balanced" in result.stdout, result)
result = hakmem("config", "--mode", "fast", "--set", "BIGCACHE=0")
check("config", "mode fast" in result.stdout and re.search(r"bigcache +off +environment",
                                                           result.stdout), result)
result = hakmem("version")
check("version", re.fullmatch(rf"hakmem [\d.]+\nlibrary {re.escape(os.path.realpath(library))}\n",
                              result.stdout), result)
check("--version", hakmem("--version").stdout == result.stdout)
result = hakmem("run", "--help")
check("usage of run", re.search(r"^Usage: hakmem run \[OPTIONS\] -- COMMAND \[ARGUMENT\.\.\.\]$",
                                result.stdout, re.M), result)
# A server that goes on is reported while it runs.
with subprocess.Popen([command, "run", "--", "sleep", "30"], stderr=subprocess.PIPE,
                      text=True) as process:
    line = process.stderr.readline()
    check("reported while it runs", VERIFIED.match(line) and process.poll() is None, line)
    process.terminate()
    check("ended by the signal", process.wait(20) == -signal.SIGTERM)
with subprocess.Popen([command, "run", "--", os.path.join(folder, "static_program"), "wait"],
                      stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
    line = process.stderr.readline()
    check("silence is reported while it runs", "does not allocate" in line
          and process.poll() is None, line)
    process.kill()
    time.sleep(0.1)
finish()
