"""Make every classic small change of the reference, and look for a test that notices.

    python conformance/upkeep/sweep core fast/stamp.py [--sample N --seed S] [--jobs N]

Run this (`tox -e sweep -- FILE`) on a module that you have changed. A change that survives
is a missing test, or makes no difference: then it goes into equivalents.toml with the reason.
If nobody maintains this, delete the folder and its tox environment.

First the unit tests that import the module run with the changed module, in a fork of this
process. What they let through is judged by the suite: by the clauses whose tests execute the
changed line, as `tox -e lines` has measured them (for a line outside of functions, those
that execute any line of the file), the most special first. A test that no longer ends notices, too.
"""

import argparse
import ast
import importlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import hypothesis  # noqa: F401 - imported once, before the forks
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.reports import lines
from selftest.builds import REFERENCE, judged, patched
from upkeep.sweep.mutations import Mutation, mutations

HERE = Path(__file__).parent
PACKAGE = REFERENCE / "daemontools"
UNIT_TESTS = REFERENCE / "tests"
UNIT_SECONDS, SUITE_SECONDS = 300, 900
SHORT = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH)
MOST_SPECIAL = 8  # clauses that are asked first


@dataclass(frozen=True)
class Mutant:
    """A mutation of one file."""

    file: str  # below reference/daemontools
    mutation: Mutation

    @property
    def text(self) -> bytes:
        """The text of the unchanged file."""
        return (PACKAGE / self.file).read_bytes()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from others, whatever lines are added elsewhere."""
        return (self.file, self.mutation.function, *self.mutation.shown(self.text))

    def __str__(self) -> str:
        file, function, old, new = self.key
        return f"{file}:{self.mutation.line} {function or 'module'}: {old!r} -> {new!r}"


def mutants(names: Iterable[str]) -> list[Mutant]:
    """The mutants of these files and folders below reference/daemontools."""
    files = [
        file
        for name in names
        for file in ([PACKAGE / name] if name.endswith(".py") else (PACKAGE / name).glob("*.py"))
    ]
    return [
        Mutant(str(file.relative_to(PACKAGE)), mutation)
        for file in sorted(files)
        for mutation in mutations(file.read_bytes())
    ]


def equivalents() -> dict[tuple[str, str, str, str], str]:
    """The mutants that nobody can tell from the original, with the reason."""
    entries = tomllib.loads((HERE / "equivalents.toml").read_text()).get("same", [])
    return {(e["file"], e["function"], e["old"], e["new"]): e["why"] for e in entries}


# Unit tests


def unit_tests(file: str) -> list[str]:
    """The test files that import the module."""
    module = "daemontools." + file.removesuffix(".py").replace("/", ".")
    return [str(test) for test in sorted(UNIT_TESTS.glob("test_*.py")) if module in imports(test)]


def imports(file: Path) -> set[str]:
    """The modules, and what may be modules, that the source imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def past_unit_tests(
    found: list[Mutant], jobs: int, minutes: float = 1e9
) -> tuple[list[Mutant], int]:
    """The mutants that no unit test notices, and how many were tried in these minutes.

    Prints each of the first kind that is a change, since a run takes long.
    """
    running: dict[int, tuple[Mutant, float]] = {}
    left: list[Mutant] = []
    waiting = list(reversed(found))
    last = time.monotonic() + 60 * minutes
    while running or (waiting and time.monotonic() < last):
        while waiting and len(running) < jobs and time.monotonic() < last:
            mutant = waiting.pop()
            running[_forked(mutant)] = (mutant, time.monotonic() + UNIT_SECONDS)
        for pid, (mutant, end) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0)
            if ended:
                del running[pid]
                if status == 0:
                    left.append(mutant)
                    if mutant.mutation.kind != "none":
                        print(f"unit tests pass with {mutant}", flush=True)
        time.sleep(0.05)
    return left, len(found) - len(waiting)


def _forked(mutant: Mutant) -> int:
    """Run the unit tests on the mutant in a child; it exits 0 if they pass. Returns its id."""
    tests = unit_tests(mutant.file)
    if pid := os.fork():
        return pid
    os.setpgid(0, 0)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 32, 1 << 32))
            os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
            silence = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(silence, fd)
            _load(mutant)
            options = ["-xq", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
            options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is here
            code = int(pytest.main([*options, *tests])) if tests else 0
        except BaseException:
            code = 1
    os._exit(code)


def _load(mutant: Mutant) -> None:
    """Make the changed module the one that everybody imports."""
    name = "daemontools." + mutant.file.removesuffix(".py").replace("/", ".")
    parent = importlib.import_module(name.rpartition(".")[0])
    module = ModuleType(name)
    module.__file__ = str(PACKAGE / mutant.file)
    sys.modules[name] = module
    setattr(parent, name.rpartition(".")[2], module)
    text = mutant.mutation.applied(mutant.text)
    exec(compile(text, module.__file__, "exec"), module.__dict__)


# The suite


def questions(mutant: Mutant, measured: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Which tests to ask, as options of the suite, run by run.

    If nothing was measured, the clauses of the programs that import the module.
    """
    if not measured:
        programs = (file for file in sorted(PACKAGE.glob("programs/*.py")) if _needs(file, mutant))
        return [[word for program in programs for word in ("--program", program.stem)]]
    executed = {
        clause: lines.numbers(files[mutant.file])
        for clause, files in measured.items()
        if mutant.file in files
    }
    if mutant.mutation.function:
        executed = {c: found for c, found in executed.items() if mutant.mutation.line in found}
    clauses = sorted(executed, key=lambda clause: sum(map(len, measured[clause].values())))
    asked = filter(None, (clauses[:MOST_SPECIAL], clauses[MOST_SPECIAL:]))
    return [[word for clause in run for word in ("--clause", clause)] for run in asked]


def _needs(file: Path, mutant: Mutant) -> bool:
    """Does the source import the module, even indirectly?"""
    seen: set[Path] = set()
    left = [file]
    while left:
        seen.add(here := left.pop())
        named = (name.removeprefix("daemontools.").replace(".", "/") for name in imports(here))
        left += [f for name in named if (f := PACKAGE / f"{name}.py").exists() and f not in seen]
    return PACKAGE / mutant.file in seen


def survives(mutant: Mutant, measured: Mapping[str, Mapping[str, str]]) -> str:
    """What was asked in vain; "" if a clause notices the mutant."""
    asked = questions(mutant, measured)
    for options in asked:
        with tempfile.TemporaryDirectory(prefix="mutant") as scratch:
            Path(scratch).chmod(0o755)  # other users run the programs too
            programs = patched(Path(scratch) / "mutant")
            file = Path(scratch) / "mutant/library/daemontools" / mutant.file
            file.write_bytes(mutant.mutation.applied(mutant.text))
            report = Path(scratch) / "report"
            try:
                _, seen = judged(
                    f"reference={programs}", report, "-x", *options, workers=2, within=SUITE_SECONDS
                )
            except AssertionError as error:  # the run wrote no report
                return f"the suite failed: {str(error).splitlines()[0]}"
        if any(seen.outcome(clause) in SHORT for clause in seen.clauses):
            return ""
    return " ".join(word for options in asked for word in options if word[:2] != "--") or "no test"


def in_a_namespace() -> None:
    """Start again where a process that kills -1, as a mutant may, finds nobody else."""
    if os.getpid() > 2:
        own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        fork = ["--pid", "--fork", "--mount-proc", "--kill-child"]
        os.execvp("unshare", ["unshare", *own, *fork, sys.executable, *sys.argv])


def main() -> int:
    """Print each mutant that survives; 1 if there is any that nobody has explained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="+", metavar="FILE|FOLDER", help="such as core/match.py")
    parser.add_argument("--sample", type=int, default=0, help="try so many, drawn by --seed")
    parser.add_argument("--minutes", type=float, default=1e9, help="and begin none after these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--units", action="store_true", help="do not ask the suite")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, help=f"mutants at a time ({jobs})")
    given = parser.parse_args()
    in_a_namespace()
    return swept(given)


def swept(given: argparse.Namespace) -> int:
    """Try the mutants, and print what became of them."""
    found, known = mutants(given.names), equivalents()
    drawn = [mutant for mutant in found if mutant.key not in known]
    random.Random(given.seed).shuffle(drawn)  # so that the first ones are a fair sample
    files = sorted({mutant.file for mutant in drawn})
    same = [Mutant(file, Mutation("none", "", 1, 0, 0, b"#\n")) for file in files]
    unchanged, _ = past_unit_tests(same, given.jobs)
    if broken := {mutant.file for mutant in same} - {mutant.file for mutant in unchanged}:
        print(f"unit tests fail without a change of {', '.join(sorted(broken))}", file=sys.stderr)
        return 2
    left, tried = past_unit_tests(drawn[: given.sample or None], given.jobs, given.minutes)
    print(f"{tried - len(left)} of {tried} are noticed by unit tests", flush=True)
    survivors = len(left)
    for mutant, asked in _asked(left, given.jobs, is_suite=not given.units):
        survivors -= not asked
        print(f"SURVIVED {mutant} ({asked})" if asked else f"noticed  {mutant}", flush=True)
    print(
        f"{tried - survivors} of {tried} mutants noticed, {survivors} survived;"
        f" {len(found)} in all, {len(found) - len(drawn)} of them make no difference"
    )
    return 1 if survivors or not tried else 0


def _asked(left: list[Mutant], jobs: int, *, is_suite: bool) -> Iterator[tuple[Mutant, str]]:
    """The mutants with what they survived."""
    if not is_suite:
        yield from ((mutant, "unit tests") for mutant in left)
        return
    measured = lines.measured()["clauses"]
    with ThreadPoolExecutor(jobs) as pool:
        yield from zip(left, pool.map(lambda mutant: survives(mutant, measured), left), strict=True)


if __name__ == "__main__":
    sys.exit(main())
