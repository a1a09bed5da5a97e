"""A cache that is filled, emptied but for a few entries, and left alone: resident memory
over time, looked at from outside."""
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from contestants import BUILD, environment

SECONDS_ASLEEP = 2.0
ONE_STAYS_OF = 1000
SAMPLE_SECONDS = 0.02
MARGIN = 1.25
PLOT_COLUMNS = 96
FOLDER = BUILD / "demo"


@dataclass
class Curve:
    """Seconds since the start, MiB resident; when it was full, when emptied."""
    samples: list = field(default_factory=list)
    full: float = 0
    emptied: float = 0

    def at(self, seconds):
        return min(self.samples, key=lambda sample: abs(sample[0] - seconds))[1]

    def last(self):
        return self.samples[-1][1]

    def from_full(self):
        """The same with time beginning where it was full: machines fill at their own pace."""
        return [(seconds - self.full, mebibytes) for seconds, mebibytes in self.samples]


def _record(name, library, mebibytes):
    curve = Curve()
    page = os.sysconf("SC_PAGE_SIZE")
    begin = time.monotonic()
    command = [BUILD / "bin/emptied_cache", "--mebibytes", str(mebibytes),
               "--seconds", str(SECONDS_ASLEEP), "--one-stays-of", str(ONE_STAYS_OF)]
    with subprocess.Popen(command, env=environment(library), stdout=subprocess.PIPE,
                          bufsize=0) as process:
        used = process.stdout.readline().decode().strip()
        if not used or not os.path.samefile(used, library):
            process.kill()
            sys.exit(f"demo: {name} was to be measured, but malloc came from {used or 'nowhere'}")
        os.set_blocking(process.stdout.fileno(), False)
        while process.poll() is None:
            now = time.monotonic() - begin
            statm = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()
            # None left of a process that is about to end.
            if int(statm[1]) > 0:
                curve.samples.append((now, int(statm[1]) * page / 2**20))
            said = process.stdout.read() or b""
            if b"full" in said:
                curve.full = now
            if b"emptied" in said:
                curve.emptied = now
            time.sleep(SAMPLE_SECONDS)
    if process.returncode != 0:
        sys.exit(f"demo: filling a cache ended with status {process.returncode} under {name}")
    return curve


def _at_once(mebibytes):
    """As many as there are processors and room for. Memory is compared, not speed."""
    fields = Path("/proc/meminfo").read_text(encoding="ascii").split()
    available = int(fields[fields.index("MemAvailable:") + 1]) / 1024
    needed = 1.3 * mebibytes
    if available < needed:
        sys.exit(f"demo: {mebibytes} MiB are to be filled, and {available:.0f} MiB are available")
    return max(1, min(len(os.sched_getaffinity(0)), int(available / needed)))


def run(libraries, mebibytes):
    """The curve of each contestant."""
    with ThreadPoolExecutor(_at_once(mebibytes)) as pool:
        return dict(zip(libraries, pool.map(lambda name: _record(name, libraries[name], mebibytes),
                                            libraries)))


def _gnuplot(terminal, curves):
    blocks = "\n".join(
        f"$curve{index} << END\n" + "\n".join(f"{x:.3f} {y:.1f}" for x, y in curve.from_full())
        + "\nEND" for index, curve in enumerate(curves.values()))
    plots = ", ".join(f"$curve{index} with lines linewidth 2 title '{name}'"
                      for index, name in enumerate(curves))
    script = (f"{blocks}\nset terminal {terminal}\nset xlabel 'seconds after it was full'\n"
              f"set ylabel 'MiB'\nset yrange [0:*]\nset xrange [-0.5:*]\nset key outside right\n"
              f"plot {plots}\n")
    return subprocess.run(["gnuplot"], input=script, capture_output=True, text=True,
                          check=True).stdout


def show(curves, mebibytes):
    print(f"\nA cache of {mebibytes} MiB (two threads, entries of 32 bytes to 64 KiB), emptied but for "
          f"one entry of {ONE_STAYS_OF},\nthen left alone. Resident memory:\n")
    if shutil.which("gnuplot"):
        print(_gnuplot(f"dumb size {PLOT_COLUMNS},22", curves).strip("\f\n"))
        FOLDER.mkdir(parents=True, exist_ok=True)
        picture = FOLDER / "resident.svg"
        picture.write_text(_gnuplot("svg size 900,480 background 'white'", curves), encoding="utf-8")
        print(f"\nThe same as a picture: {picture}")
    else:
        print("The plot is left out: gnuplot is not installed on this machine")
    print(f"\n  {'MiB':10}{'full':>10}{'emptied':>10}{f'{SECONDS_ASLEEP:g} s later':>12}")
    for name, curve in curves.items():
        print(f"  {name:10}{curve.at(curve.full):10,.0f}{curve.at(curve.emptied):10,.0f}"
              f"{curve.last():12,.0f}")
    print("\n" + _verdict(curves))


def _verdict(curves):
    ours = curves["hakmem"].last()
    name, least = min(((name, curve.last()) for name, curve in curves.items() if name != "hakmem"),
                      key=lambda pair: pair[1])
    if least > MARGIN * ours:
        return (f"Verdict: hakmem gave the memory back while the program slept. The leanest of the "
                f"others, {name},\nkeeps {least / ours:.0f} times as much.")
    if ours > MARGIN * least:
        return (f"Verdict: hakmem keeps {ours / least:.1f} times as much as the leanest of the others, "
                f"{name}.")
    return f"Verdict: hakmem keeps about as much as the leanest of the others, {name}."
