"""loading.py: the modules are those that importlib would import, found in fewer steps."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import daemontools
from daemontools import install

PACKAGE = Path(daemontools.__file__).parent

# Prints what each module of the package is, and what the package holds of it.
DESCRIBE = """
import sys
sys.path.append({library!r})
{before}
import daemontools.programs.{program}, daemontools.unix.start
for name, module in sorted(sys.modules.items()):
    if name.startswith("daemontools.") and name != "daemontools.loading":
        package, _, last = name.rpartition(".")
        is_held = getattr(sys.modules[package], last) is module
        names = sorted(n for n in vars(module) if not n.startswith("__"))
        path = getattr(module, "__path__", None)
        print(name, module.__name__, module.__package__, path, is_held, names)
"""
LOADING = "import daemontools.loading"


def run(code: str) -> str:
    command = [sys.executable, "-BISXutf8", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the package, compiled, in a directory."""
    copied = tmp_path / "library/daemontools"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    compile_all(copied)
    return copied.parent


def compile_all(folder: Path, *options: str) -> None:
    command = [sys.executable, "-IS", "-m", "compileall", "-qq", *options, str(folder)]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("program", ["multilog", "svscan", "softlimit", "svscanboot"])
def test_the_modules_are_those_of_importlib(library: Path, program: str) -> None:
    usual, quick = (
        run(DESCRIBE.format(library=str(library), program=program, before=before))
        for before in ("", LOADING)
    )
    assert usual == quick
    assert f"daemontools.programs.{program} " in quick


def greeting(library: Path, before: str = LOADING) -> str:
    """What the function `greet` of the module `daemontools.core.hello` says."""
    code = f"import sys; sys.path.append({str(library)!r}); {before}\n"
    return run(code + "from daemontools.core import hello\nprint(hello.greet(), hello.__spec__)")


@pytest.fixture
def hello(library: Path) -> Path:
    """A compiled module `daemontools.core.hello`, and its source."""
    source = library / "daemontools/core/hello.py"
    source.write_text("def greet(): return 'one'\n")
    os.utime(source, (2_000_000_000, 2_000_000_000))
    compile_all(source)
    return source


def test_a_compiled_module_is_taken_without_importlib(library: Path, hello: Path) -> None:
    assert greeting(library) == "one None\n"
    assert hello.exists()


def test_a_source_that_has_changed_is_never_ignored(library: Path, hello: Path) -> None:
    hello.write_text("def greet(): return 'longer'\n")
    os.utime(hello, (2_000_000_000, 2_000_000_000))  # only the size is new
    assert greeting(library).startswith("longer ModuleSpec(")
    hello.write_text("def greet(): return 'two'\n")
    os.utime(hello, (2_000_000_001, 2_000_000_001))  # only the time is new
    assert greeting(library).startswith("two ModuleSpec(")


def test_what_is_compiled_otherwise_is_left_to_importlib(library: Path, hello: Path) -> None:
    (compiled,) = hello.parent.glob("__pycache__/hello.*")
    compiled.unlink()
    assert greeting(library).startswith("one ModuleSpec(")
    compile_all(hello, "--invalidation-mode", "checked-hash")
    assert greeting(library).startswith("one ModuleSpec(")
    compiled.write_bytes(b"\0" * 16)  # another version's
    assert greeting(library).startswith("one ModuleSpec(")
    hello.unlink()
    with pytest.raises(subprocess.CalledProcessError):
        greeting(library)


def test_a_module_that_fails_is_imported_anew_the_next_time(library: Path, hello: Path) -> None:
    hello.write_text("import daemontools.core as c; c.times = getattr(c, 'times', 0) + 1; 1 / 0")
    compile_all(hello)
    code = f"""
import sys; sys.path.append({str(library)!r}); {LOADING}
import daemontools.core
for _ in range(2):
    try:
        import daemontools.core.hello
    except ZeroDivisionError:
        print(daemontools.core.times, "daemontools.core.hello" in sys.modules)
"""
    assert run(code) == "1 False\n2 False\n"


@pytest.mark.parametrize("name", ["nothing", "nothing.at_all", "core.nothing", "core.stamp.x"])
def test_a_module_that_does_not_exist_is_named_as_usual(library: Path, name: str) -> None:
    code = f"import sys; sys.path.append({str(library)!r}); {{}}\ntry: import daemontools.{name}\n"
    code += "except ModuleNotFoundError as error: print(error, error.name)"
    assert run(code.format(LOADING)) == run(code.format("")) != ""


def test_a_name_that_a_module_lacks_is_an_error_as_usual(library: Path) -> None:
    code = f"import sys; sys.path.append({str(library)!r}); {{}}\n"
    code += "try: from daemontools.core.stamp import nothing\n"
    code += "except ImportError as error: print(type(error), error.name)"
    assert run(code.format(LOADING)) == run(code.format("")) != ""


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/dev/ptmx"),
    ],
    ids=["fifo", "folder", "endless device", "terminal"],
)
@pytest.mark.parametrize("module", ["__init__", "loading", "unix/__init__", "programs/svok"])
def test_what_is_not_a_file_in_place_of_a_compiled_module_is_said_at_once(
    library: Path, tmp_path: Path, module: str, make: Callable[[Path], object]
) -> None:
    install.install(tmp_path / "bin", sys.executable, str(library))
    folder, _, stem = f"daemontools/{module}".rpartition("/")
    (compiled,) = (library / folder).glob(f"__pycache__/{stem}.*.pyc")
    compiled.unlink()
    make(compiled)
    started = subprocess.run([tmp_path / "bin/svok"], check=False, capture_output=True, timeout=20)
    text = f"{compiled} is not a regular file"
    message = f"svok: fatal: unable to load its modules: ImportError({text!r})\n"
    assert (started.returncode, started.stderr.decode()) == (111, message)
