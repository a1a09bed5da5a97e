"""redis-server under load: one server per contestant, all alive, loaded in turn."""
import contextlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contestants import environment, require, status_mib

WARM_UP_ROUNDS = 2
TESTS = ("set", "get", "lpush")
LOAD = ["-t", ",".join(TESTS), "-r", "100000", "-d", "256", "-P", "8", "--csv"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name, library, folder):
        self.name = name
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--daemonize", "no", "--dir", folder, "--logfile", str(Path(folder, name))],
            env=environment(library), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_until_open(self):
        for _ in range(500):
            if self.process.poll() is not None:
                sys.exit(f"demo: redis-server ended at its start with status "
                         f"{self.process.returncode} ({self.name})")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.02)
        sys.exit("demo: redis-server did not open its port within 10 seconds")

    def load(self, requests):
        """Requests a second, and the server's CPU time for each in nanoseconds."""
        before = self._cpu_nanoseconds()
        output = subprocess.run(["redis-benchmark", "-p", str(self.port), *LOAD,
                                 "-n", str(requests)],
                                capture_output=True, text=True, check=True).stdout
        spent = self._cpu_nanoseconds() - before
        header, *rows = [line.replace('"', "").split(",") for line in output.splitlines()]
        rates = [float(dict(zip(header, row))["rps"]) for row in rows]
        return {"requests/s": statistics.harmonic_mean(rates),
                "CPU ns/request": spent / (requests * len(TESTS))}

    def _cpu_nanoseconds(self):
        """Of its main thread, which answers (proc_pid_schedstat(5))."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii").split()[0])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run(libraries, rounds, requests):
    """By contestant: what each round measured, and MiB resident at the end."""
    for name, library in libraries.items():
        require(["redis-server", "--version"], name, library)
    measurements = {name: [] for name in libraries}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        servers = []
        for name, library in libraries.items():
            servers.append(Server(name, library, folder))
            running.callback(servers[-1].stop)
        for server in servers:
            server.wait_until_open()
        for round_number in range(WARM_UP_ROUNDS + rounds):
            for server in random.Random(round_number).sample(servers, len(servers)):
                measured = server.load(requests)
                if round_number >= WARM_UP_ROUNDS:
                    measurements[server.name].append(measured)
        resident = {server.name: status_mib(server.process.pid, "VmRSS") for server in servers}
    return measurements, resident
