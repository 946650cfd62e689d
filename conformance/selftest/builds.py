"""Changed copies of the reference, and the suite run on them as a user would run it.

The suite knows nothing about this: it gets a folder of programs, as from any user.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.reports import results

REFERENCE = Path(__file__).parents[2] / "reference"


@dataclass(frozen=True)
class Patch:
    """One change of one line of the reference: `old` must occur exactly once."""

    file: str  # below reference/daemontools
    old: str
    new: str


def patched(folder: Path, patches: Sequence[Patch] = ()) -> Path:
    """A folder with launchers of a copy of the reference. Raises ValueError."""
    library = folder / "library"
    shutil.copytree(
        REFERENCE / "daemontools",
        library / "daemontools",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for patch in patches:
        file = library / "daemontools" / patch.file
        text = file.read_text()
        if text.count(patch.old) != 1:
            raise ValueError(f"{patch.file}: {text.count(patch.old)} x {patch.old!r}")
        file.write_text(text.replace(patch.old, patch.new))
    # -I ignores PYTHONPATH, so the copy must come first on the path in another way.
    begin = f"import sys; sys.path.insert(0, {str(library)!r})"
    install = f"{begin}; from daemontools.install import main; main()"
    subprocess.run([sys.executable, "-I", "-c", install, str(folder / "bin")], check=True)
    return folder / "bin"


def with_programs(folder: Path, true: Path, programs: Mapping[str, str]) -> Path:
    """The launchers in `true`, with some replaced by scripts; an empty script removes one.

    In a script {true} is the folder of the honest programs.
    """
    folder.mkdir()
    for program in true.iterdir():
        if program.name not in programs:
            (folder / program.name).symlink_to(program)
    for name, text in programs.items():
        if text:
            script = text.replace("{true}", str(true)).replace("{python}", sys.executable)
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
    return folder


def judged(
    implementation: Path | str,
    report: Path,
    *options: str,
    workers: int = 0,
    within: int = 300,
    through: Sequence[str] = (),
) -> tuple[int, results.Report]:
    """Run the suite as a command, `through` another. Returns its exit status and its report."""
    command = [
        *through,
        *(sys.executable, "-I", "-m", "daemontools_conformance"),
        *("--implementation", str(implementation), "--report", str(report)),
        f"-n{workers}",
        *options,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=within)
    try:
        return finished.returncode, results.read(report)
    except results.BrokenReport as error:
        raise AssertionError(f"{error}\n{finished.stdout}\n{finished.stderr}") from error
