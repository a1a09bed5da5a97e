"""What HAKMEM_STATS_FILE may name: regular files, pipes with a reader, terminals, /dev/null. The rest
is refused in one line, at once, and left as it was."""
import os
import pty
import socket
import subprocess
import sys
import tempfile

library, folder = sys.argv[1:3]
failures = 0


def run(path):
    """stdout and stderr of a program that ends with statistics."""
    return subprocess.run(
        ["/bin/true"], capture_output=True, text=True, check=True,
        env={"LD_PRELOAD": library, "HAKMEM_STATS": "on", "HAKMEM_STATS_FILE": path})


def check(name, good, what=""):
    global failures
    if not good:
        failures += 1
        print(f"{name}: {what!r}")


def is_report(text):
    return "statistics, mode" in text and "allocated" in text


def check_refused(name, path):
    made = run(path)
    check(name, made.stderr == f"hakmem: statistics cannot be written to {path}\n", made.stderr)


def read_all(descriptor):
    with os.fdopen(descriptor) as file:
        return file.read()


def all_of_terminal(descriptor):
    text = b""
    while True:
        try:
            text += os.read(descriptor, 1 << 16)
        except OSError:  # what tells its end
            return text.decode()


with tempfile.TemporaryDirectory() as scratch:
    def path_of(name):
        return os.path.join(scratch, name)

    def write(name, text):
        with open(path_of(name), "w") as file:
            file.write(text)
        return path_of(name)

    def text_of(name):
        with open(path_of(name)) as file:
            return file.read()

    run(path_of("new"))
    check("a new file", is_report(text_of("new")), text_of("new"))
    check("its rights", os.stat(path_of("new")).st_mode & 0o111 == 0)
    run(write("old", "x" * 100000))
    check("an old file", is_report(text_of("old")) and "x" * 100 not in text_of("old"))

    os.symlink(write("victim", "precious"), path_of("link"))
    check_refused("a link", path_of("link"))
    check("its target", text_of("victim") == "precious", text_of("victim"))
    os.symlink(path_of("absent"), path_of("dangling"))
    check_refused("a dangling link", path_of("dangling"))
    check("what it names", not os.path.exists(path_of("absent")))

    os.mkfifo(path_of("pipe"))
    check_refused("a pipe without a reader", path_of("pipe"))
    reader = os.open(path_of("pipe"), os.O_RDONLY | os.O_NONBLOCK)
    run(path_of("pipe"))
    check("a pipe with a reader", is_report(read_all(reader)))

    ours, theirs = pty.openpty()
    run(os.ttyname(theirs))
    os.close(theirs)
    check("a terminal", is_report(all_of_terminal(ours)))

    check("/dev/null", run("/dev/null").stderr == "")
    check("/dev/stderr", is_report(run("/dev/stderr").stderr))
    check("/dev/stdout", is_report(run("/dev/stdout").stdout))
    check_refused("a device", "/dev/zero")
    check_refused("a directory", scratch)
    check_refused("a folder that is not there", path_of("absent/file"))
    server = socket.socket(socket.AF_UNIX)
    server.bind(path_of("socket"))
    check_refused("a socket", path_of("socket"))

sys.exit(1 if failures else 0)
