"""The Debian package: what is in it, and what dpkg does with it under a running tree.

docs/howto/install.md promises this. dpkg works on a copy of this machine, an overlay in
namespaces of its own: nothing stays.
"""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from companion import service, wait_until
from private_machine import Machine, problem

from daemontools import install, logs, services
from daemontools.installing import copies
from daemontools.installing.files import is_ours
from daemontools.installing.shared import shared

ROOT = Path(__file__).parents[2]
PACKAGE = "daemontools-reference"
TOOLS = ("dpkg-buildpackage", "dh", "dh_python3")
COUNTING = "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.1; done"
# What asks all the time whether the programs are there, and work; it says when they do not.
ASKING = """\
while [ ! -e /stop ]; do
    svok /tree/s0 || echo "svok: $?"
    case $(svstat /tree/s0) in *': up (pid '*) ;; *) echo "svstat: $?" ;; esac
    echo asked
done >/answers 2>&1"""

# The exit codes of svok, once it is there.
CODES_OF_SVOK = """\
until [ -e /usr/bin/svok ]; do :; done
while [ ! -e /stop ]; do /usr/bin/svok; echo $?; done >/answers 2>/dev/null"""

# Which interpreter runs pytest makes no difference to the package.
DEBIANS = os.path.basename(os.path.realpath("/usr/bin/python3"))
THIS = f"python3.{sys.version_info.minor}"

pytestmark = [
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in TOOLS),
        reason="needs Debian's debhelper and dh-python",
    ),
    pytest.mark.skipif(THIS != DEBIANS, reason=f"tested once, with {DEBIANS}"),
]


def build(source: Path, output: Path) -> Path:
    """Build the package from these sources. Returns its file."""
    command = [source / "packaging/build-deb", output]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.strip())


@pytest.fixture(scope="module")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="module")
def newer_deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a later version, in which one more module differs."""
    source = tmp_path_factory.mktemp("newer")
    for name in ("reference/daemontools", "packaging"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("install", "CHANGELOG.md", "LICENSE", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    (source / "reference/daemontools/__init__.py").write_text('__version__ = "99.0"\n')
    with (source / "reference/daemontools/core/scan.py").open("a") as module:
        module.write("# another version\n")
    return build(source, source)


# What is in it


def unpacked(deb: Path, folder: Path) -> dict[str, Path]:
    """The files and links of the package below a folder, by their absolute names."""
    subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {f"/{path.relative_to(folder)}": path for path in files}


def test_the_package_holds_what_the_installer_writes_in_debians_places(
    deb: Path, tmp_path: Path
) -> None:
    files = unpacked(deb, tmp_path)
    package = copies.content(Path(install.__file__).parent)
    library = f"/usr/share/{PACKAGE}/{copies.version(package)}"
    expected = {f"{library}/daemontools/{name}": text for name, text in package.items()}
    for program, launcher in install.launchers("/usr/bin/python3", library).items():
        expected[f"/usr/bin/{program}"] = launcher.encode()
    for name, page in shared().items():
        place = name.replace("zsh/site-functions", "zsh/vendor-completions")
        expected[f"/usr/share/{place}{'.gz' if place.endswith('.8') else ''}"] = page
    for name, text in expected.items():
        found = files[name].read_bytes()
        assert (gzip.decompress(found) if name.endswith(".gz") else found) == text, name
    assert os.readlink(files[f"/usr/share/{PACKAGE}/daemontools"]) == (
        f"{Path(library).name}/daemontools"
    )
    assert files.keys() - expected.keys() == {
        f"/usr/share/{PACKAGE}/daemontools",
        f"/usr/share/doc/{PACKAGE}/changelog.Debian.gz",
        f"/usr/share/doc/{PACKAGE}/changelog.gz",
        f"/usr/share/doc/{PACKAGE}/copyright",
        f"/usr/share/python3/runtime.d/{PACKAGE}.rtupdate",
    }


def test_the_package_has_the_version_of_the_programs(deb: Path) -> None:
    asked = ["dpkg-deb", "--field", str(deb), "Version"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert (
        f'__version__ = "{shown.strip()}"'
        in (ROOT / "reference/daemontools/__init__.py").read_text()
    )


@pytest.mark.skipif(not shutil.which("lintian"), reason="needs lintian")
def test_lintian_finds_nothing(deb: Path) -> None:
    call = ["lintian", "--allow-root", "--info", "--display-info", "--pedantic", str(deb)]
    shown = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (shown.stdout, shown.returncode) == ("", 0)


def test_a_launcher_lies_behind_what_it_needs(deb: Path) -> None:
    """dpkg renames the files into place in this order."""
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], capture_output=True, check=True)
    listing = subprocess.run(["tar", "-t"], input=archive.stdout, capture_output=True, check=True)
    names = listing.stdout.decode().splitlines()
    is_launcher = [name.startswith("./usr/bin/") and not name.endswith("/") for name in names]
    assert is_launcher == sorted(is_launcher)
    assert sum(is_launcher) == len(install.commands())


# What dpkg does with it


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if problem():
        pytest.skip(problem())
    with Machine(tmp_path, "sleep", "infinity") as made:
        yield made


def dpkg(machine: Machine, *words: str | Path) -> str:
    """Run dpkg there. (Triggers would only make manual pages known, which takes long.)"""
    done = machine.run("dpkg", "--no-triggers", "--force-unsafe-io", *words)
    return done.stdout + done.stderr


def install_there(machine: Machine, deb: Path) -> str:
    """Install a package there; what dpkg said."""
    shutil.copy(deb, machine.file("/srv/new.deb"))
    return dpkg(machine, "--install", "/srv/new.deb")


# Between two files that it puts in place, dpkg waits for hundredths of a second.
SLOWED = ["strace", "-f", "-o", "/dev/null", "-e", "trace=rename", "-e"]
SLOWED += ["inject=rename:delay_enter=20000"]


@contextmanager
def tree_under_watch(machine: Machine) -> Iterator[None]:
    """Three logged services count, and somebody asks for one of them all the time.

    At the end, each must have been up all the time, each line must be in its log, and svok
    and svstat must always have answered.
    """
    counting = [service(machine.tree / f"s{n}", COUNTING) for n in range(3)]
    machine.start("svscan", "/tree")
    for one in counting:
        wait_until(lambda d=one: len(lines(d)) > 3, "it counts")  # type: ignore[misc]
    pids = [services.status(one).pid for one in counting]
    asking = machine.start("sh", "-c", ASKING)
    answers = machine.file("/answers")
    wait_until(lambda: answers.exists() and "asked" in answers.read_text(), "somebody asks")
    yield
    seen = [len(lines(one)) for one in counting]
    for one, before in zip(counting, seen, strict=True):
        wait_until(lambda d=one, n=before: len(lines(d)) > n, "it still counts")  # type: ignore[misc]
    (machine.file("/stop")).touch()
    asking.wait(timeout=60)
    assert set(answers.read_text().splitlines()) == {"asked"}
    assert [services.status(one).pid for one in counting] == pids
    for one in counting:
        counted = lines(one)
        assert counted == [b"%d" % n for n in range(1, len(counted) + 1)]


def lines(one: Path) -> list[bytes]:
    """What is in the log of a service, without labels."""
    return [line.text for line in logs.lines(one / "log/main")]


def test_it_takes_the_place_of_djbs_under_a_running_tree(machine: Machine, deb: Path) -> None:
    djbs = machine.file("/usr/bin/svscan")
    if not djbs.is_file() or is_ours(djbs):
        pytest.skip("needs Debian's package daemontools")
    with tree_under_watch(machine):
        said = install_there(machine, deb)
    assert f"in favour of {PACKAGE}" in said
    assert all(is_ours(machine.file("/usr/bin") / program) for program in install.commands())
    assert "daemontools-reference" in machine.answers("zcat /usr/share/man/man8/svc.8.gz")


def test_an_upgrade_under_a_running_tree_touches_no_service(
    machine: Machine, deb: Path, newer_deb: Path
) -> None:
    install_there(machine, deb)
    with tree_under_watch(machine):
        install_there(machine, newer_deb)
    folder = machine.file("/usr/share") / PACKAGE
    assert [path.name.split("-")[0] for path in folder.iterdir()].count("99.0") == 1
    assert len(list(folder.iterdir())) == 2  # this version, and the link to it
    assert list(folder.glob("99.0-*/daemontools/core/__pycache__/scan.*.pyc"))


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_however_slow_the_disk_no_program_lacks_its_library(machine: Machine, deb: Path) -> None:
    install_there(machine, deb)
    dpkg(machine, "--remove", PACKAGE)
    asking = machine.start("sh", "-c", CODES_OF_SVOK)
    done = machine.run(
        *SLOWED, "dpkg", "--no-triggers", "--force-unsafe-io", "--unpack", "/srv/new.deb"
    )
    assert "Unpacking" in done.stdout
    machine.file("/stop").touch()
    asking.wait(timeout=60)
    assert set(machine.file("/answers").read_text().splitlines()) == {"100"}


def test_remove_says_what_still_runs_and_leaves_nothing(machine: Machine, deb: Path) -> None:
    install_there(machine, deb)
    svscan = machine.start("svscan", "/tree")

    wait_until(lambda: "svscan" in machine.answers("ps -A -o comm="), "svscan runs")
    files = machine.answers(f"dpkg --listfiles {PACKAGE}").split()
    said = dpkg(machine, "--purge", PACKAGE)
    assert "daemontools.install: warning: still running, and going on: svscan" in said
    assert "stop the tree first" in said
    assert svscan.poll() is None

    def is_left(name: str) -> bool:
        there = machine.file(name)
        return os.path.lexists(there) and not (there.is_dir() and Path(name).is_dir())

    assert [name for name in files if is_left(name)] == []
