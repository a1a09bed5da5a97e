"""Named checks for test scripts: all are made, the script fails at its end if one did."""
import sys

_failures = []


def check(name, condition, detail=""):
    if condition:
        print(f"{name}: passed")
    else:
        _failures.append(name)
        print(f"{name}: failed: {detail}")


def finish():
    sys.exit(1 if _failures else 0)
