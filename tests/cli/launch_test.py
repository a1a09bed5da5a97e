"""What `hakmem run` leaves alone: the program's process, its signals, its descriptors, its order of
output; and how strict keeps its word."""
import os
import re
import shutil
import signal
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
VERIFIED = re.compile(r"^hakmem: .* \(process (\d+)\) allocates from hakmem [\d.]+, mode (\w+)$",
                      re.M)
STATIC = os.path.join(folder, "static_program")
OWN_MALLOC = os.path.join(folder, "own_malloc")
PIPE = subprocess.PIPE


def start(*words, options=(), **more):
    return subprocess.Popen([command, "run", *options, "--", *words], text=True, **more)


def ended(process):
    """Its outputs and status; one that hangs is killed."""
    try:
        output = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        return *process.communicate(), "hung"
    return *output, process.returncode


def run(*words, **more):
    return ended(start(*words, stdout=PIPE, stderr=PIPE, **more))


def states_in_group(group):
    states = []
    for task in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(task)) == group:
                text = Path("/proc", task, "stat").read_text(encoding="ascii", errors="replace")
                states.append(text.rsplit(")", 1)[1].split()[0])
        except OSError:
            pass
    return states


def ignore_children():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


# The process.
for options in ((), ("--strict",)):
    name = " ".join(("run", *options))
    result = run("sh", "-c", "exit 5", options=options, preexec_fn=ignore_children)
    check(f"{name}: SIGCHLD ignored on entry", result[2] == 5 and VERIFIED.search(result[1]), result)
with start("sh", "-c", "echo $$", stdout=PIPE, stderr=PIPE) as process:
    output, report, _ = ended(process)
    check("the program has the process", int(output) == process.pid, output)
    check("and it is the one reported", int(VERIFIED.search(report)[1]) == process.pid, report)
result = run(sys.executable, "-c", "import os; os.waitpid(-1, os.WNOHANG)")
check("it has no child", result[2] == 1 and "ChildProcessError" in result[1], result)
for name, prepare in (
        ("ordinary", None), ("SIGCHLD ignored", ignore_children),
        ("SIGCHLD blocked", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD]))):
    words = ["grep", "-E", "^(Sig|Shd)", "/proc/self/status"]
    plain = subprocess.run(words, text=True, stdout=PIPE, check=True, preexec_fn=prepare).stdout
    result = run(*words, preexec_fn=prepare)
    check(f"signals as without hakmem: {name}", result[0].replace("SigQ", "") ==
          plain.replace("SigQ", ""), (result, plain))
result = run("/nonexistent")
check("nothing is said of a program that cannot be executed", result[1].count("\n") == 1, result)

for mode, says in (("learning", True), ("research", True), ("fast", False)):
    result = run("true", options=["--mode", mode])
    check(f"mode {mode} says what it does not do", ("does not learn yet" in result[1]) == says
          and VERIFIED.search(result[1]), result)

# Signals.
COUNT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("TERM", flush=True))
signal.signal(signal.SIGRTMIN, lambda *_: sys.exit(7))
print("ready", flush=True)
while True: time.sleep(0.05)
"""
for options in ((), ("--strict",)):
    name = " ".join(("run", *options))
    with start(sys.executable, "-c", COUNT, options=options, stdout=PIPE, stderr=PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGRTMIN)
        check(f"{name}: a real-time signal arrives", ended(process)[2] == 7)
    with start("sh", "-c", "echo ready; exec sleep 60", options=options, stdout=PIPE,
               process_group=0) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        # A group without a parent in its session is not stopped by the kernel.
        if os.WIFSTOPPED(status):
            states = states_in_group(process.pid)
            check(f"{name}: stops", set(states) <= {"T", "t"}, states)  # t: a traced one
        process.send_signal(signal.SIGCONT)
        process.kill()
        check(f"{name}: SIGKILL leaves no program behind", process.stdout.read() == "")
with start(sys.executable, "-c", COUNT, stdout=PIPE, stderr=PIPE, process_group=0) as process:
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGTERM)
    process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGRTMIN)
    check("a signal for the group arrives once", process.stdout.read() == "")

# Descriptors.
with start("sh", "-c", "echo out; exec >&-; read line", stdin=PIPE, stdout=PIPE,
           stderr=PIPE) as process:
    check("standard output is the program's alone", process.stdout.read() == "out\n"
          and process.poll() is None)
    process.stdin.close()
reader, writer = os.pipe()
with start("bash", "-c", f"exec {writer}>&-; read line", stdin=PIPE, stderr=PIPE,
           pass_fds=[writer]) as process:
    os.close(writer)
    check("and so is what else it inherits", os.read(reader, 1) == b"" and process.poll() is None)
    process.stdin.close()
os.close(reader)

# The report's place.
with tempfile.TemporaryDirectory() as place:
    file = Path(place, "output")
    seen = []
    for words, line in ((["echo", "out"], r"hakmem: echo .* allocates from .*\nout\n"),
                        ([STATIC], r"hakmem: .* does not allocate .* statically\n"),
                        ([OWN_MALLOC, "say"], r"hakmem: .* its malloc is that of .*\nbegun\n")):
        for _ in range(20):
            with file.open("w", encoding="ascii") as output:
                start(*words, stdout=output, stderr=output).wait(30)
            text = file.read_text(encoding="ascii")
            if not re.fullmatch(line, text):
                seen.append(text)
    check("the report comes first, and before the end", not seen, seen)
with start("sh", "-c", f"trap '' INT; echo ready; read line; exec {OWN_MALLOC}", stdin=PIPE,
           stdout=PIPE, stderr=PIPE, process_group=0) as process:
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.stdin.write("\n")
    process.stdin.flush()
    output = ended(process)
    check("another program in the process is reported, whatever the terminal sent",
          VERIFIED.search(output[1]) and "malloc is that of" in output[1], output)
with tempfile.TemporaryDirectory() as place:
    # What a script's script runs is not looked up beforehand.
    inner, outer = Path(place, "inner"), Path(place, "outer")
    inner.write_text(f"#!{STATIC}\n", encoding="ascii")
    outer.write_text(f"#!{inner}\n", encoding="ascii")
    inner.chmod(0o755)
    outer.chmod(0o755)
    with start(str(outer), stdin=PIPE, stderr=PIPE) as process:
        line = process.stderr.readline()
        check("silence is reported while the program runs", "was not loaded" in line
              and process.poll() is None, line)
        process.stdin.close()
    for name, prepare in (("", None), (", SIGTERM ignored", lambda: signal.signal(
            signal.SIGTERM, signal.SIG_IGN))):
        with start(str(outer), options=["--strict"], stdin=PIPE, stderr=PIPE,
                   preexec_fn=prepare) as process:
            line = process.stderr.readline()
            check(f"strict: silence ends it{name}", process.wait(30) == 125
                  and "was not loaded" in line, line)

# Strict: not a step into main.
for name, words in (("", [OWN_MALLOC, "say"]),
                    (" by a program executed later", ["env", OWN_MALLOC, "say"])):
    result = run(*words, options=["--strict"], preexec_fn=lambda: signal.signal(signal.SIGTERM,
                                                                                signal.SIG_IGN))
    check(f"strict: refused before main{name}", result[0] == "" and result[2] == 125
          and "malloc is that of" in result[1], result)

# Strict: what the process becomes, until its end.
WRAPPER = os.path.join(folder, "static_wrapper")
NOTHING = os.path.join(folder, "nothing")
without = ["env", "-u", "LD_PRELOAD"]
with tempfile.TemporaryDirectory() as place:
    script = Path(place, "script")
    script.write_text(f"#!/bin/sh\nexec env -i {NOTHING}\n", encoding="ascii")
    script.chmod(0o755)
    for words in ([*without, NOTHING], ["env", "-i", NOTHING], [*without, "sh", "-c", "exit 0"],
                  ["sh", "-c", f"unset LD_PRELOAD; exec {NOTHING}"], ["sh", "-c", f"exec {STATIC}"],
                  ["sh", "-c", f"LD_PRELOAD= exec {sys.executable} -c 'import time; time.sleep(20)'"],
                  ["nohup", *without, NOTHING], [str(script)], [STATIC], [WRAPPER, STATIC],
                  [WRAPPER, *without, NOTHING], ["nice", "env", "-i", "env", NOTHING]):
        result = run(*words, options=["--strict"], stdin=subprocess.DEVNULL)
        last = result[1].splitlines()[-1] if result[1] else ""
        check(f"strict: lost by {' '.join(words)}", result[2] == 125
              and "does not allocate from hakmem" in last, result)
def last_verdict(result):
    lines = [line for line in result[1].splitlines() if line.startswith("hakmem:")]
    return lines[-1] if lines else ""


def kept(words, options, status=0):
    result = run(*words, options=options, stdin=subprocess.DEVNULL)
    check(f"{' '.join(options)}: kept by {' '.join(words)}", result[2] == status
          and VERIFIED.search(last_verdict(result)), result)


def lost(words, options):
    result = run(*words, options=options, stdin=subprocess.DEVNULL)
    check(f"{' '.join(options)}: lost by {' '.join(words)}", result[2] == 125
          and "does not allocate from hakmem" in last_verdict(result), result)


def there(*names):
    """Whether the machine has them all; who is missing is said."""
    missing = [name for name in names if shutil.which(name) is None]
    for name in missing:
        print(f"by way of {name}: skipped, not installed")
    return not missing


for words, status in (([*without, *without, "env", f"LD_PRELOAD={library}", NOTHING], 0),
                      (["env", "A=1", "nohup", "nice", "sh", "-c", f"exec {NOTHING}"], 0),
                      (["env", "-S", f"A=1 {NOTHING}"], 0), (["bash", "-c", f"exec -a x {NOTHING}"], 0),
                      ([WRAPPER, NOTHING], 0), ([WRAPPER, WRAPPER, "sh", "-c", "exit 7"], 7),
                      (["sh", "-c", f"for i in 1 2 3; do {STATIC}; done; exit 3"], 3),
                      (["xargs", "env", "-i", NOTHING], 0), (["sh", "-c", "kill -TERM $$"], -15),
                      (["setpriv", "--no-new-privs", NOTHING], 0), (["stdbuf", "-oL", NOTHING], 0),
                      (["setarch", os.uname().machine, NOTHING], 0), (["prlimit", "--core=0", NOTHING], 0),
                      (["taskset", "-p", "1"], 0), (["setsid", NOTHING], 0)):
    kept(words, ["--strict"], status)
if os.geteuid() == 0:
    kept(["chroot", "/", NOTHING], ["--strict"])
    kept(["unshare", "--mount", NOTHING], ["--strict"])
    kept(["setpriv", "--reuid=65534", "--clear-groups", "/bin/true"], ["--strict"])
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        shutil.copy(STATIC, Path(place, "program"))
        lost(["chroot", place, "/program"], ["--strict"])
        privileged = Path(place, "privileged")
        shutil.copy(NOTHING, privileged)
        os.chown(privileged, 65534, 65534)
        privileged.chmod(0o4755)
        for words in ([str(privileged)], ["sh", "-c", f"exec {privileged}"]):
            lost(words, ["--strict"])
        check("its sentence is about rights", "setuid" in run(str(privileged))[1])
else:
    print("chroot, setuid: skipped, they need root")

# Followed: what the descendants execute.
FORK = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], env={}).returncode)"
with tempfile.TemporaryDirectory() as place:
    Path(place, "a").touch()
    Path(place, "Makefile").write_text(f"all:\n\t@{NOTHING} > out\n\t@{NOTHING}\n", encoding="ascii")
    find = ["find", place, "-name", "a", "-exec"]
    follow = ["--strict", "--follow"]
    # dash, bash and python run what they start by fork and by vfork, timeout with a handler of signals.
    for start_by in (["xargs"], ["timeout", "20"], ["sh", "-c", '"$@"; exit $?', "sh"],
                     ["bash", "-c", '"$@" & wait $!', "bash"], ["sh", "-c", 'sh -c "$*"; exit $?', "sh"],
                     ["flock", place], ["python3", "-c", FORK.replace(", env={}", "")]):
        if there(start_by[0]):
            kept([*start_by, NOTHING], follow)
            lost([*start_by, "env", "-i", NOTHING], follow)
            lost([*start_by, STATIC], follow)
    kept([*find, NOTHING, ";"], follow)
    lost([*find, "env", "-i", NOTHING, ";"], follow)
    lost(["python3", "-c", FORK, NOTHING], follow)
    if there("make"):
        kept(["make", "-s", "-C", place], follow)
    if os.geteuid() == 0 and there("su"):
        # su opens a session for what it starts.
        kept(["su", "nobody", "-s", "/bin/sh", "-c", "/bin/true"], follow)
        lost(["su", "-", "nobody", "-s", "/bin/sh", "-c", "/bin/true"], follow)
    if os.geteuid() == 0 and there("sudo"):
        lost(["sudo", NOTHING], follow)
        kept(["sudo", "-E", f"LD_PRELOAD={library}", NOTHING], follow)
    result = run("sh", "-c", f"{NOTHING}; env -i {STATIC}; {NOTHING}", options=["--follow"],
                 stdin=subprocess.DEVNULL)
    lines = result[1].splitlines()
    check("follow alone reports each program once, and ends nothing", result[2] == 0 and len(lines) == 4
          and sum("does not allocate" in line for line in lines) == 1, result)
    result = run("sh", "-c", "kill -9 $$", options=["--follow"])
    check("followed: ends as the program does", result[2] == -9, result)
    with start("sh", "-c", f"{STATIC} & echo ready; wait", options=["--strict", "--follow"], stdout=PIPE,
               stderr=PIPE, stdin=PIPE) as process:
        out, said, status = ended(process)
        check("followed: a child that runs on is ended with the rest", status == 125
              and "statically" in said, (out, said, status))

# Without strict the same is reported as long as it runs.
for words, sentence in (
        (["env", "-u", "LD_PRELOAD", "sleep", "20"], "sleep .* does not allocate from hakmem: the library"),
        (["sh", "-c", f"exec {STATIC} wait"], "static_program .* linked statically")):
    with start(*words, stdin=PIPE, stderr=PIPE) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        process.kill()
        check(f"reported while it runs: {' '.join(words)}", VERIFIED.search(lines[0])
              and re.search(sentence, lines[1]), lines)
finish()
