"""Measure which lines of the reference each clause executes.

    python conformance/upkeep/lines [OPTION ...]    options of the suite: -n 4, --program svc ...

Run this (`tox -e lines`) before a release. A failure means that nothing was measured.
A new line on the page of lines that no clause executes means that a test is missing,
or a reason in why.toml. If nobody maintains this, delete the folder, reports/lines.py
and what `explain` and the site show from it.

The suite runs on a copy of the reference that notes what it executes (tracer.py).
Only tests that pass count for their clauses. The result is `build/results/lines.json`
(its shape: daemontools_conformance/reports/lines.py), which `daemontools-conformance explain`
reads. `python docs/build.py --write` keeps in docs/data/lines.json what the page of lines that
no clause executes needs. A run of some clauses replaces only theirs, as long as the sources of
the others are unchanged.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemontools_conformance.contract.outcomes import Outcome, named
from daemontools_conformance.reports.lines import MAP, digest, measured
from daemontools_conformance.reports.results import Report, read
from selftest.builds import patched
from upkeep.lines.hook import FOLDER
from upkeep.lines.tracer import IS_FUNCTION

HERE = Path(__file__).parent
TELLS = (Outcome.PASS, Outcome.VARIANT)

Executed = dict[str, set[int]]  # file -> its lines


def sources(package: Path) -> dict[str, Path]:
    """The source files of the programs, by their names below the package."""
    found = [
        file
        for part in ("core", "fast", "programs", "unix")
        for file in (package / part).glob("*.py")
    ]
    return {file.relative_to(package).as_posix(): file for file in sorted(found)}


def lines_of_functions(code: CodeType) -> set[int]:
    """The lines with code in the functions of a module, each function's first line included."""
    found = set()
    if code.co_flags & IS_FUNCTION:
        found = {line for _, _, line in code.co_lines() if line} | {code.co_firstlineno}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= lines_of_functions(constant)
    return found


def as_ranges(chosen: set[int], lines: Iterable[int]) -> str:
    """The chosen lines as "3-5,9". A range may span numbers that are not in `lines`."""
    ranges: list[list[int]] = []
    goes_on = False
    for line in sorted(lines):
        if line in chosen:
            ranges[-1:] = [[ranges[-1][0], line]] if goes_on else [*ranges[-1:], [line, line]]
        goes_on = line in chosen
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)


def install(scratch: Path, notes: Path) -> tuple[Path, dict[str, int]]:
    """Make launchers of a traced copy; where each file begins in the notes."""
    programs, library = patched(scratch / "x"), scratch / "x/library"
    places, size = {}, 0
    for name, file in sources(library / "daemontools").items():
        places[name] = size
        size += len(file.read_text().splitlines()) + 1
    (notes / "size").write_text(str(size))
    first = {str(library / "daemontools" / name): place for name, place in places.items()}
    values = f"NOTES = {str(notes)!r}\nFIRST = {first!r}\nbegin()\n"
    (library / "tracer.py").write_text((HERE / "tracer.py").read_text() + values)
    for launcher in programs.iterdir():
        head, main, tail = launcher.read_text().partition("    from daemontools.programs")
        launcher.write_text(f"{head}    import tracer\n{main}{tail}")
    return programs, places


def run(programs: Path, scratch: Path, notes: Path, options: list[str]) -> Report:
    """Run the suite on the traced programs, and read its report. Raises BrokenReport."""
    # -I ignores PYTHONPATH; the hook must be importable all the same.
    begin = f"import sys; sys.path.append({str(HERE.parents[1])!r})"
    suite = [sys.executable, "-I", "-c", f"{begin}; import daemontools_conformance.__main__"]
    suite += ["--implementation", f"reference={programs}", "--report", str(scratch / "report")]
    environment = {**os.environ, FOLDER: str(notes)}
    subprocess.run([*suite, "-p", "upkeep.lines.hook", *options], env=environment, check=False)
    return read(scratch / "report")


def by_clause(notes: Path, report: Report, places: Mapping[str, int]) -> dict[str, Executed]:
    """The lines that passing tests executed, by clause."""
    clauses = {t["test"]: t["clause"] for t in report.tests if named(t["outcome"]) in TELLS}
    found: dict[str, Executed] = {}
    for name in notes.glob("name.*"):
        if clause := clauses.get(name.read_text()):
            lines = by_file((notes / name.name.removeprefix("name.")).read_bytes(), places)
            for file, more in lines.items():
                found.setdefault(clause, {}).setdefault(file, set()).update(more)
    return found


def by_file(notes: bytes, places: Mapping[str, int]) -> Executed:
    """The noted lines of each file that has any."""
    ends = [*list(places.values())[1:], len(notes)]
    spans = zip(places, places.values(), ends, strict=True)
    found = {file: {n for n in range(end - at) if notes[at + n]} for file, at, end in spans}
    return {file: lines for file, lines in found.items() if lines}


def as_map(
    found: Mapping[str, Executed], package: Path, before: Mapping[str, Any]
) -> dict[str, Any]:
    """The map to write: these clauses, and those of `before` if its sources are the same."""
    files, code = {}, {}
    for name, file in sources(package).items():
        code[name] = lines_of_functions(compile(file.read_bytes(), file, "exec"))
        ranges = as_ranges(code[name], range(max(code[name], default=0) + 1))
        files[name] = {"digest": digest(file), "lines": ranges}
    clauses = dict(before["clauses"]) if before.get("files") == files else {}
    for clause, executed in found.items():
        clauses[clause] = {file: as_ranges(executed[file], code[file]) for file in sorted(executed)}
    return {"files": files, "clauses": dict(sorted(clauses.items()))}


def as_text(result: Mapping[str, Mapping[str, Any]]) -> str:
    """The map as JSON, with a line for each file and each clause."""
    parts = []
    for key, entries in result.items():
        lines = [f"{json.dumps(name)}:{json.dumps(entry)}" for name, entry in entries.items()]
        parts.append(f"{json.dumps(key)}:{{\n" + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(parts) + "}\n"


def main() -> int:
    """Measure and write; 1 if nothing was measured."""
    # Not below /tmp: a test in its own root shares what is a separate mount.
    shared = "/dev/shm" if os.path.ismount("/dev/shm") else None
    with TemporaryDirectory() as place, TemporaryDirectory(dir=shared) as noted:
        scratch, notes = Path(place), Path(noted)
        scratch.chmod(0o755)  # other users run the programs too
        notes.chmod(0o777)
        programs, places = install(scratch, notes)
        report = run(programs, scratch, notes, sys.argv[1:])
        found = by_clause(notes, report, places)
        lost = [file.read_text() for file in notes.glob("lost.*")]
        result = as_map(found, scratch / "x/library/daemontools", measured())
    if not found:
        return 1
    MAP.parent.mkdir(parents=True, exist_ok=True)
    MAP.write_text(as_text(result))
    silent = sorted({test["clause"] for test in report.tests} - set(found))
    print("".join(lost), end="")
    print(f"clauses whose tests did not pass or run no program: {' '.join(silent) or 'none'}")
    print(f"{len(found)} clauses measured, {len(result['clauses'])} in all")
    print(f"{len(lost)} processes could not be attributed to a test")
    return 0


if __name__ == "__main__":
    sys.exit(main())
