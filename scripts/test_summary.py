"""What ctest found, in one line over all presets: test_summary.py VERDICT PRESET…

Reads build/PRESET/tests.xml. Above the line, which starts with the verdict: tests that failed or were
skipped, with their reason."""
import re
import sys
import xml.etree.ElementTree as ElementTree


def last_words(case):
    """What a skipped test says of itself."""
    output = case.findtext("system-out") or ""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"skip", line, re.IGNORECASE)
            and not re.match(r"\[ *SKIPPED|\[  PASSED", line)]
    # GoogleTest puts the reason below the place.
    below = [after for line, after in zip(lines, lines[1:]) if re.search(r": Skipped$", line)]
    return re.sub(r"^skipped: ", "", (below or told or ["not possible here"])[0])


parts = []
verdict, *presets = sys.argv[1:]
for preset in presets:
    try:
        cases = ElementTree.parse(f"build/{preset}/tests.xml").getroot().findall("testcase")
    except (OSError, ElementTree.ParseError):
        cases = []
    by_status = {}
    for case in cases:
        by_status.setdefault(case.get("status"), []).append(case)
    for case in by_status.get("fail", []):
        print(f"{preset}: {case.get('name')}: failed")
    for case in by_status.get("notrun", []) + by_status.get("disabled", []):
        print(f"{preset}: {case.get('name')}: skipped: {last_words(case)}")
    passed, failed = len(by_status.get("run", [])), len(by_status.get("fail", []))
    skipped = len(cases) - passed - failed
    parts.append(f"{preset} {passed} passed, {failed} failed, {skipped} skipped" if cases
                 else f"{preset} none")
print(f"{verdict}: {'; '.join(parts)}")
