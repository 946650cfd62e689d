"""Make every classic small change of the reference, and look for a test that notices.

    python conformance/upkeep/sweep core fast/stamp.py [--sample N --seed S] [--jobs N]

Run this (`tox -e sweep -- FILE`) on a module that you have changed. A change that survives
is a missing test, or makes no difference: then it goes into equivalents.toml with the reason.
If nobody maintains this, delete the folder and its tox environment.

First the unit tests run with the changed module: those that run its line, as one run without
a change has shown, and those that start processes. These see the change, too: it is also made on
disk, in a mount namespace. What they let through is judged by the suite: by up to 50 tests of
the clauses that execute the changed line, as `tox -e lines` has measured them (for a line outside
of functions, those that execute any line of the file), or, without that measurement, by those of
the programs that import the module.

build/results/sweep.jsonl remembers what was noticed. A later run does not try that again,
as long as the module is unchanged. `--record` counts what is known of each folder named, and
writes its row of the table in docs/explain/mutants.md; with --sample, its row of the other table,
in which a survivor counts as one even if a test that came later notices it.
"""

import argparse
import ast
import ctypes
import hashlib
import importlib
import json
import math
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import takewhile
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Never

import pytest
from hypothesis import Phase, settings

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemontools_conformance.reports import committed, lines
from daemontools_conformance.running import needs
from daemontools_conformance.selection.tests import TESTS
from selftest.builds import REFERENCE, patched
from upkeep.lines.__main__ import lines_of_functions
from upkeep.sweep.executed import Executed
from upkeep.sweep.mutations import Mutation, mutations
from upkeep.sweep.warm import Loop

HERE = Path(__file__).parent
PACKAGE = REFERENCE / "daemontools"
UNIT_TESTS = REFERENCE / "tests"
KNOWN = lines.MAP.with_name("sweep.jsonl")
PAGE = REFERENCE.parent / "docs/explain/mutants.md"
_CLONE_NEWNS = 0x20000
MOST_TESTS = 50  # of the suite that are asked about a mutant
SLOWEST = "test_whatever_call_of_multilog_finds_no_memory_no_line_is_lost"  # half a minute
MEMORY, FILE_SIZE = 2 << 30, 1 << 32  # that a unit test may need


@dataclass(frozen=True)
class Mutant:
    """A mutation of one file."""

    file: str  # below reference/daemontools
    mutation: Mutation

    @property
    def module(self) -> str:
        """The name of the module."""
        name = self.file.removesuffix(".py").removesuffix("/__init__")
        return "daemontools." + name.replace("/", ".")

    @property
    def text(self) -> bytes:
        """The text of the unchanged file."""
        return source(self.file)

    @property
    def changed(self) -> bytes:
        """The text of the changed file."""
        return self.mutation.applied(self.text)

    @property
    def line(self) -> int:
        """The line that runs when the changed one does: that one, unless it has no code."""
        return max(n for n in lines_with_code(self.file) if n <= self.mutation.line)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from others, whatever lines are added elsewhere."""
        return (self.file, self.mutation.function, *self.mutation.shown(self.text))

    @property
    def digest(self) -> str:
        """What tells this version of the file from others."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def place(self) -> list[object]:
        """What tells it from all others of this version of the file."""
        at = self.mutation
        return [self.file, self.digest, at.start, at.end, at.new.decode()]

    def __str__(self) -> str:
        file, function, old, new = self.key
        return f"{file}:{self.mutation.line} {function or 'module'}: {old!r} -> {new!r}"


@cache
def source(file: str) -> bytes:
    """The text of a file of the package, from before anything was changed."""
    return (PACKAGE / file).read_bytes()


@cache
def lines_with_code(file: str) -> set[int]:
    """The lines of functions, and 0."""
    return {0} | lines_of_functions(compile(source(file), file, "exec"))


Tell = Callable[[Mutant, str], None]  # a mutant, and the test that noticed it, or ""


def mutants(names: Iterable[str]) -> list[Mutant]:
    """The mutants of these files and folders below reference/daemontools."""
    files = [
        file for name in names for file in sorted((PACKAGE / name).glob("*.py")) or [PACKAGE / name]
    ]
    return [
        Mutant(str(file.relative_to(PACKAGE)), mutation)
        for file in dict.fromkeys(files)
        for mutation in mutations(source(str(file.relative_to(PACKAGE))))
    ]


def equivalents() -> dict[tuple[str, str, str, str], str]:
    """The mutants that nobody can tell from the original, with the reason."""
    entries = tomllib.loads((HERE / "equivalents.toml").read_text()).get("same", [])
    return {(e["file"], e["function"], e["old"], e["new"]): e["why"] for e in entries}


class Copy:
    """A copy of the package in which one file at a time is changed."""

    def __init__(self, package: Path, found: list[Mutant]) -> None:
        self.package = package
        files = {mutant.file for mutant in found}
        self.times = {file: (package / file).stat().st_mtime_ns for file in files}

    def change(self, mutant: Mutant | None) -> None:
        """Undo the last change, and make this one."""
        for file, time_of_file in self.times.items():
            self._write(file, source(file), time_of_file)
        if mutant:
            never_compiled = time.time_ns() // 1_000_000 % (1 << 31) * 1_000_000_000
            self._write(mutant.file, mutant.changed, never_compiled)

    def _write(self, file: str, text: bytes, at: int) -> None:
        (self.package / file).write_bytes(text)
        os.utime(self.package / file, ns=(at, at))  # by which a compiled file is known


# Unit tests


def past_unit_tests(found: list[Mutant], tell: Tell) -> None:
    """Tell what the unit tests notice: those in the test files that `_is_about` the module."""
    modules = {mutant.module for mutant in found}
    tests = {*UNIT_TESTS.glob("test_*.py")} - {UNIT_TESTS / "test_deb.py"}  # half an hour
    tests = {test for test in tests if any(_is_about(test, module) for module in modules)}
    once = settings(database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
    settings.register_profile("sweep", once)  # it does not look for the smallest example
    settings.load_profile("sweep")  # the tests' own profile begins as a copy

    files = {mutant.file: PACKAGE / mutant.file for mutant in found}

    @cache
    def executed(item: pytest.Item) -> Executed:  # noqa: ARG001
        return Executed(files)

    @cache
    def lines_of(item: pytest.Item, file: str) -> set[int]:
        return executed(item).lines(file)

    def asked(mutant: Mutant, item: pytest.Item) -> float:
        if _is_in(lines_of(item, mutant.file), mutant):
            return 1
        is_blind = not imports(item.path) & {"companion", "subprocess"}  # for what it starts
        return 0 if is_blind else 30 * _is_about(item.path, mutant.module)

    options = ["-c", str(REFERENCE.parent / "pyproject.toml"), "-p", "no:cacheprovider"]
    options += ["-k", f"not {SLOWEST}"]
    options += map(str, sorted(tests) or [UNIT_TESTS / "test_shape.py"])  # asked about nothing
    copy = Copy(PACKAGE, found) if _puts_a_copy_in_place() else None

    def change(mutant: Mutant | None) -> None:
        if copy:
            copy.change(mutant)
        load(mutant)

    loop = Loop(found, change, asked, tell, watch=lambda item: executed(item).begin)
    pytest.main(options, plugins=[loop])


def _puts_a_copy_in_place() -> bool:
    """Mount a copy of the package over it, for this process and its children, if possible."""
    if ctypes.CDLL(None).unshare(_CLONE_NEWNS):
        return False
    copy = Path(tempfile.gettempdir(), "package")
    shutil.copytree(PACKAGE, copy)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", copy, PACKAGE], check=True)
    return True


def _is_about(test: Path, module: str) -> bool:
    """Does the file of tests import the module, or is it named for its folder?"""
    return module in imports(test) or module.split(".")[1] in test.stem


def _is_in(executed: Collection[int], mutant: Mutant) -> bool:
    """Do these lines include the changed one? Any does for a change outside of functions."""
    return mutant.line in executed if mutant.mutation.function else bool(executed)


@cache
def imports(file: Path) -> set[str]:
    """The modules, and what may be modules, that the source imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def load(mutant: Mutant | None) -> None:
    """Change the module in this process, in which others have imported its names already."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    if mutant is None:
        return
    old, new = importlib.import_module(mutant.module), ModuleType(mutant.module)
    exec(compile(mutant.changed, str(PACKAGE / mutant.file), "exec"), new.__dict__)
    for name in vars(old).keys() | vars(new).keys():
        before, value = vars(old).get(name), vars(new).get(name)
        if (name.startswith("__") and name != "__all__") or _has_new_code(before, value):
            continue
        if name not in vars(new):
            delattr(old, name)
        elif value != before:
            for module in list(sys.modules.values()):
                if vars(module).get(name) is before:
                    setattr(module, name, value)


def _has_new_code(old: object, new: object) -> bool:
    """Give the function, or the methods of the class, the code of the other; False without any."""
    if isinstance(old, FunctionType) and isinstance(new, FunctionType):
        old.__code__, old.__defaults__ = new.__code__, new.__defaults__
        old.__kwdefaults__ = new.__kwdefaults__
    elif isinstance(old, type) and isinstance(new, type):
        for name, value in vars(new).items():
            _has_new_code(vars(old).get(name), value)
    return isinstance(old, FunctionType | type)


# The suite


def past_suite(found: list[Mutant], tell: Tell) -> None:
    """Tell what the tests of the suite notice: those whose clauses execute the changed line."""
    measured = lines.measured()
    library = Path(tempfile.gettempdir(), "mutant/library/daemontools")
    programs = patched(library.parents[1])
    copy = Copy(library, found)

    @cache
    def clause_of(item: pytest.Item) -> str:
        for mark in item.iter_markers("needs"):
            needs.missing(mark.args[0])  # else each fork would find out again
        return str(item.get_closest_marker("clause").args[0])  # type: ignore[union-attr]

    @cache
    def lines_of(clause: str) -> int:
        return sum(map(len, measured["clauses"].get(clause, {}).values())) or 1

    def asked(mutant: Mutant, item: pytest.Item) -> float:
        clause = clause_of(item)
        return lines_of(clause) if _executes(clause, mutant, measured) else 0

    options = ["-c", str(TESTS / "pytest.ini"), "--rootdir", str(TESTS.parent), str(TESTS)]
    options += ["-p", "daemontools_conformance.plugin", "-n0"]
    options += ["--implementation", f"reference={programs}"]
    seconds = dict(committed.durations())
    loop = Loop(found, copy.change, asked, tell, most=MOST_TESTS, seconds=seconds)
    pytest.main(options, plugins=[loop])


def _executes(clause: str, mutant: Mutant, measured: Mapping[str, Any]) -> bool:
    """Do the clause's tests execute the changed line, or, if nothing was measured, may they?"""
    if not measured["clauses"]:
        return _needs(PACKAGE / f"programs/{clause.partition('/')[0]}.py", mutant.file)
    executed = lines.numbers(measured["clauses"].get(clause, {}).get(mutant.file, ""))
    is_as_measured = measured["files"].get(mutant.file, {}).get("digest") == mutant.digest
    return _is_in(executed, mutant) if is_as_measured else bool(executed)


@cache
def _needs(file: Path, name: str) -> bool:
    """Does the source import this module, even indirectly?"""
    seen: set[Path] = set()
    left = [file]
    while left:
        seen.add(here := left.pop())
        if here.exists():
            named = (name.removeprefix("daemontools.").replace(".", "/") for name in imports(here))
            left += [f for one in named if (f := PACKAGE / f"{one}.py") not in seen]
    return PACKAGE / name in seen


# What is known


def known(*, first: bool = False) -> dict[str, str]:
    """What noticed each mutant at the last try, or the first: "units TEST", "clauses TEST", ""."""
    entries = KNOWN.read_text().splitlines() if KNOWN.exists() else []
    return {json.dumps(place): by for place, by in map(json.loads, entries[:: -1 if first else 1])}


def count(found: list[Mutant], tried: Mapping[str, str]) -> list[int]:
    """Of the mutants: all, equivalent, noticed by units, by clauses, survivors, open."""
    same = equivalents()
    left = [json.dumps(mutant.place) for mutant in found if mutant.key not in same]
    seen = [tried[place].partition(" ")[0] for place in left if place in tried]
    ways = [seen.count(way) for way in ("units", "clauses", "")]
    return [len(found), len(found) - len(left), *ways, len(left) - len(seen)]


def interval(hits: int, tries: int) -> tuple[float, float]:
    """Wilson's interval: the shares, in percent, that such a sample leaves likely (95 %)."""
    z, share = 1.96, hits / tries
    middle = share + z * z / (2 * tries)
    half = z * math.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    low, high = ((middle + side * half) / (1 + z * z / tries) for side in (-1, 1))
    return 100 * low, 100 * high


def record(folder: str, sample: int, seed: int) -> None:
    """Write the folder's row of the table, or of the table of samples."""
    found = mutants([folder])
    if sample:
        *cells, _ = count(tried_in(draw(found, sample, seed)), known(first=True))
        low, high = interval(cells[-1], cells[0])
        text, last = f"{' | '.join(map(str, cells))} | {low:.1f} to {high:.1f} %", "%"
    else:
        text, last = " | ".join(map(str, count(found, known()))), "[0-9]"
    row = re.compile(rf"^\| `{re.escape(folder)}` \|.*{last} \|$", re.MULTILINE)
    changed = row.sub(f"| `{folder}` | {time.strftime('%Y-%m-%d')} | {text} |", PAGE.read_text())
    PAGE.write_text(changed)


def tried_in(drawn: list[Mutant]) -> list[Mutant]:
    """The beginning of a sample, up to the first that was not tried: a smaller fair sample."""
    same, tried = equivalents(), known()
    return [*takewhile(lambda one: one.key in same or json.dumps(one.place) in tried, drawn)]


def draw(found: list[Mutant], sample: int, seed: int) -> list[Mutant]:
    """A fair sample, the same whenever the sources and the seed are the same; 0: all."""
    return random.Random(seed).sample(found, min(sample, len(found))) if sample else found


# The sweep


def answers(
    found: list[Mutant], jobs: int, ask: Callable[[list[Mutant], Tell], None]
) -> Iterator[tuple[Mutant, str]]:
    """What each mutant was noticed by, from `jobs` processes that have a part each."""
    reader, writer = os.pipe()
    number = {mutant: n for n, mutant in enumerate(found)}
    waiting = dict(enumerate(found))
    with tempfile.TemporaryDirectory(prefix="sweep") as scratch:
        Path(scratch).chmod(0o755)  # other users run the programs too
        for job in range(min(jobs, len(found))):
            if os.fork() == 0:
                tell = partial(_write, writer, number)
                _serve(Path(scratch, str(job)), partial(ask, found[job::jobs], tell))
        os.close(writer)
        with open(reader) as told:
            for line in told:
                n, test = line.rstrip("\n").split("\t")
                yield waiting.pop(int(n)), test
                if not waiting:
                    break  # what a changed program has left behind may hold the pipe open
        if waiting:
            raise RuntimeError("".join(file.read_text() for file in Path(scratch).glob("*/output")))


def _write(writer: int, number: Mapping[Mutant, int], mutant: Mutant, test: str) -> None:
    os.write(writer, f"{number[mutant]}\t{test}\n".encode())


def _serve(scratch: Path, ask: Callable[[], None]) -> Never:
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with open(scratch / "output", "w") as output:
        for fd in (1, 2):
            os.dup2(output.fileno(), fd)
    try:
        ask()
    finally:
        os._exit(0)


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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--units", action="store_true", help="do not ask the suite")
    parser.add_argument("--clauses", action="store_true", help="ask only the suite")
    parser.add_argument("--record", action="store_true", help=f"write the counts into {PAGE.name}")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, help=f"mutants at a time ({jobs})")
    given = parser.parse_args()
    in_a_namespace()
    left = swept(given)
    for name in given.names if given.record else []:
        record(name, given.sample, given.seed)
    return 1 if left else 0


def remember(mutant: Mutant, by: str) -> None:
    """Add what noticed it. No process that a mutant runs in has the file open, and writes there."""
    with KNOWN.open("a") as memory:
        print(json.dumps([mutant.place, by]), file=memory)


def swept(given: argparse.Namespace) -> list[Mutant]:
    """Try the mutants, print what became of them, and return the survivors."""
    found, same, noticed = mutants(given.names), equivalents(), known()
    drawn = [one for one in draw(found, given.sample, given.seed) if one.key not in same]
    left = [mutant for mutant in drawn if not noticed.get(json.dumps(mutant.place))]
    print(f"{len(found)} mutants; {len(drawn) - len(left)} of {len(drawn)} were noticed before")
    KNOWN.parent.mkdir(parents=True, exist_ok=True)
    ways = {"units": past_unit_tests, "clauses": past_suite}
    only = [way for way in ways if vars(given)[way]] or list(ways)
    for way, ask in ((way, ways[way]) for way in only):
        asked, left = left, []
        for mutant, test in answers(asked, given.jobs, ask):
            left += [] if test else [mutant]
            print(f"{test or f'NOT by {way}'}: {mutant}", flush=True)
            if test or ask == past_suite:
                remember(mutant, f"{way} {test}" if test else "")
        print(f"{len(asked) - len(left)} of {len(asked)} noticed by {way}", flush=True)
    return left


if __name__ == "__main__":
    sys.exit(main())
