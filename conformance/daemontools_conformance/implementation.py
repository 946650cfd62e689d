"""The implementation under test: its programs on this machine.

A profile becomes an Implementation by finding (or setting up) a folder with
its programs. Programs that call one another find each other along PATH, on
which that folder comes first.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.outcomes import NotOffered
from daemontools_conformance.profiles import PROGRAMS, Profile, ProfileError

SYSTEM_PATH = "/usr/bin:/bin"


class ProgramMissing(AssertionError):
    """The implementation lacks a program that its profile does not declare absent."""


@dataclass(frozen=True)
class Implementation:
    """A profile and the folder in which its programs were found."""

    profile: Profile
    folder: Path

    @property
    def path(self) -> str:
        """The PATH on which this implementation's programs come first."""
        return f"{self.folder}:{SYSTEM_PATH}"

    def command(self, program: str) -> tuple[str, tuple[str, ...]]:
        """The file to execute and the first arguments, argv[0] included.

        Raises NotOffered if the profile says so, ProgramMissing if it does not.
        """
        if program in self.profile.not_offered:
            raise NotOffered(f"{self.profile.name} does not offer {program}")
        call = self.profile.programs.get(program)
        if call:
            return call.path, (call.argv0 or call.path, *call.arguments)
        file = self.folder / program
        if not file.exists():
            raise ProgramMissing(f"there is no {program} in {self.folder}")
        if not os.access(file, os.X_OK):
            raise ProgramMissing(f"{file} is not executable")
        return str(file), (program,)


def locate(profile: Profile, scratch: Path) -> Implementation:
    """Find or set up the programs; `scratch` is a folder for this run. Raises ProfileError."""
    if profile.setup:
        return Implementation(profile, _set_up(profile, scratch / "bin"))
    for candidate in profile.folder:
        if any((Path(candidate) / program).exists() for program in PROGRAMS):
            return Implementation(profile, Path(candidate))
    if profile.programs:
        (scratch / "bin").mkdir()
        return Implementation(profile, scratch / "bin")
    looked = ", ".join(profile.folder) or "nowhere"
    raise ProfileError(f"profile {profile.name}: no program of daemontools found in {looked}")


def _set_up(profile: Profile, folder: Path) -> Path:
    words = {"{folder}": str(folder), "{python}": sys.executable, "{readable_python}": _readable()}
    command = [words.get(word, word) for word in profile.setup]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise ProfileError(
            f"profile {profile.name}: {' '.join(command)} failed "
            f"({finished.returncode}): {finished.stderr.strip()}"
        )
    return folder


def _readable() -> str:
    """An interpreter that every user can execute: this one, or else the system's.

    Homes may be closed (0700), and some tests start programs as another user.
    """
    real = os.path.realpath(sys.executable)
    folders = [Path(real), *Path(real).parents]
    if all(folder.stat().st_mode & 0o001 for folder in folders):
        return real
    return shutil.which("python3", path=SYSTEM_PATH) or real
