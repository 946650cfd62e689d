"""The implementation under test: its programs on this machine.

To make an Implementation of a profile, the suite finds (or sets up) a folder with
its programs. Programs that call one another find each other along PATH, on
which that folder comes before the system's. What the folder does not hold, the
system's own must not answer: the sandbox puts something else in its place. A
profile that maps programs (runit's chpst is its envdir) gets a folder of links and
small scripts with djb's names.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from daemontools_conformance.contract.outcomes import NotOffered, Unavailable
from daemontools_conformance.contract.places import folder as data_folder
from daemontools_conformance.contract.plain import clipped, plain
from daemontools_conformance.contract.profiles import PROGRAMS, Call, Profile, ProfileError, find
from daemontools_conformance.running.needs import closed_to_others

SYSTEM_PATH = "/usr/bin:/bin"


class ProgramMissing(AssertionError):
    """Raised for a program, not declared absent, that is missing or cannot be started.

    `cause` is the same in every test that needs the program.
    """

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True)
class Implementation:
    """A profile and the folder in which its programs were found.

    `peer` lends the programs that the profile does not offer to tests of others.
    """

    profile: Profile
    folder: Path
    peer: "Implementation | None" = None

    @property
    def path(self) -> str:
        """The PATH on which this implementation's programs come first."""
        return f"{self.folder}:{SYSTEM_PATH}"

    @property
    def folders(self) -> list[str]:
        """The folder of its programs, then its peer's."""
        return [str(self.folder), str(self.peer.folder)] if self.peer else [str(self.folder)]

    @cached_property
    def origins(self) -> dict[str, str]:
        """Each of the folders -> the name by which `find` finds or makes its programs again."""
        own = {str(self.folder): _name_of(self.profile)}
        return own | (self.peer.origins if self.peer else {})

    def file(self, program: str, subject: str = "") -> Path:
        """A file that is the program, whatever argv[0] it gets. Raises as `command` does."""
        self.command(program, subject)
        is_lent = self.peer and program in self.profile.not_offered
        return (self.peer if self.peer and is_lent else self).folder / program

    def stand_ins(self, subject: str) -> dict[str, Path | None]:
        """The absent programs, and the file of each that the peer lends."""
        found: dict[str, Path | None] = dict.fromkeys(self.absent)
        for program in found:
            with suppress(NotOffered, Unavailable, ProgramMissing):
                found[program] = self.file(program, subject)
        return found

    def command(self, program: str, subject: str = "") -> tuple[str, tuple[str, ...]]:
        """The file to execute and the first arguments, argv[0] included.

        `subject` is the program that the test is about (or a topic of many, such
        as exec); the peer may lend any other program. Raises NotOffered if the
        profile does not offer the subject, Unavailable if it does not offer a
        mere helper, ProgramMissing if a program that it should offer is missing.
        """
        if program in self.profile.not_offered:
            if subject in ("", program):
                raise NotOffered(f"{self.profile.name} does not offer {program}")
            if self.peer and subject in PROGRAMS:
                return self.peer.command(program, subject)
            raise Unavailable(f"needs {program}, which {self.profile.name} does not offer")
        call = self.profile.programs.get(program)
        if call:
            named = self.folder / program  # a link tells the program its name however it is run
            if named.is_symlink():
                return str(named), (call.argv0 or program,)
            file, *arguments = _words(self.profile, call)
            return file, (call.argv0 or program, *arguments)
        own = self.folder / program
        if not own.is_file():
            lend = "; a profile can list it in not_offered, and name a peer that lends one"
            hint = lend if subject not in ("", program) else ""
            what = f"there is no {program}"
            raise ProgramMissing(f"{what} in {self.folder}{hint}", what)
        if not os.access(own, os.X_OK):
            raise ProgramMissing(f"{own} is not executable", f"{program} is not executable")
        return str(own), (program,)

    @cached_property
    def absent(self) -> list[str]:
        """The programs that are missing at first, or that the profile does not offer."""
        left_out = self.profile.not_offered
        return [p for p in PROGRAMS if p in left_out or not (self.folder / p).is_file()]

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each program's file, to show exactly what was judged."""
        found = {}
        for program in PROGRAMS:
            try:
                file = Path(self.command(program)[0])
                found[program] = hashlib.sha256(file.read_bytes()).hexdigest()
            except (NotOffered, ProgramMissing, OSError):
                continue
        return found


def _name_of(profile: Profile) -> str:
    """What `find` takes for this profile, in any working directory."""
    source = Path(profile.source)
    if source.suffix != ".toml":
        return "".join(profile.folder[:1])
    name = source.stem if source.parent == data_folder("profiles") else str(source.absolute())
    is_elsewhere = len(profile.folder) == 1 and find(name).folder != profile.folder
    return f"{name}={profile.folder[0]}" if is_elsewhere else name


def locate(profile: Profile, scratch: Path) -> Implementation:
    """Find or set up the programs; `scratch` is a folder for this run. Raises ProfileError."""
    return Implementation(profile, _folder(profile, scratch / "bin"), _peer(profile, scratch))


def not_located(profile: Profile, scratch: Path) -> Implementation:
    """The implementation for a run that starts no program: no `setup` is run for it."""
    return Implementation(profile, scratch / "bin")


def _peer(profile: Profile, scratch: Path) -> Implementation | None:
    if not profile.peer:
        return None
    peer = find(profile.peer)
    return Implementation(peer, _folder(peer, scratch / "peer"))


def _folder(profile: Profile, made: Path) -> Path:
    if profile.setup:
        found = _set_up(profile, made)
        return _mapped(profile, made.with_name("mapped"), found) if profile.programs else found
    candidates = [Path(name) for name in profile.folder]
    found_here = (c for c in candidates if any((c / program).is_file() for program in PROGRAMS))
    holder = next(found_here, None)
    if profile.programs:
        return _mapped(profile, made, holder)
    if holder:
        return holder
    if profile.needs_folder:
        raise ProfileError(
            f"profile {profile.name} does not say where its programs are: use {profile.name}=DIR"
        )
    looked = ", ".join(profile.folder)
    raise ProfileError(f"profile {profile.name}: no daemontools program found in {looked}")


def _words(profile: Profile, call: Call) -> list[str]:
    """The file to run and its first arguments, {folder} replaced.

    A file without a slash is looked for in the profile's folders and along PATH.
    """
    there = [folder for folder in profile.folder if os.path.isdir(folder)] or [""]
    holding = (f for f in there if os.path.exists(call.path.replace("{folder}", f)))
    folder = next(holding, there[0])
    path, *arguments = [w.replace("{folder}", folder) for w in (call.path, *call.arguments)]
    if "/" not in path:
        along = ":".join([*profile.folder, os.environ.get("PATH", SYSTEM_PATH)])
        path = shutil.which(path, path=along) or path
    return [path, *arguments]


def _mapped(profile: Profile, made: Path, holder: Path | None) -> Path:
    """Make a folder in which every program of the profile has djb's name."""
    made.mkdir()
    for program in PROGRAMS:
        call = profile.programs.get(program)
        target = made / program
        if call:
            path, *arguments = _words(profile, call)
            if not os.access(path, os.X_OK):
                raise ProfileError(
                    f"profile {profile.name}: {program} is mapped to {call.path}, "
                    "which is not an executable file on this machine"
                )
            if not arguments and call.argv0 in ("", program):
                target.symlink_to(path)
            else:
                words = [shlex.quote(word) for word in (path, *arguments)]
                name = shlex.quote(call.argv0 or program)
                bash = shutil.which("bash") or "/bin/bash"  # sh cannot choose argv[0]
                target.write_text(f'#!{bash}\nexec -a {name} {" ".join(words)} "$@"\n')
                target.chmod(0o755)
        elif holder and program not in profile.not_offered and (holder / program).is_file():
            target.symlink_to(holder / program)
    return made


def _set_up(profile: Profile, folder: Path) -> Path:
    words = {
        "{folder}": str(folder),
        "{library}": str(folder.with_name("library")),
        "{python}": sys.executable,
        "{readable_python}": _readable(),
        "{profile}": str(Path(profile.source).parent),
    }
    command = [words.get(word, word) for word in profile.setup]
    if Path(profile.source).parent != data_folder("profiles"):
        print(f"{profile.source} runs: {plain(shlex.join(command))}", file=sys.stderr, flush=True)
    try:
        finished = subprocess.run(
            command, capture_output=True, check=False, stdin=subprocess.DEVNULL,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise ProfileError(f"profile {profile.name}: setup: {error}") from error
    if finished.returncode != 0:
        raise ProfileError(
            f"profile {profile.name}: {' '.join(command)} failed "
            f"({finished.returncode}): {clipped(plain(finished.stderr.strip()), 2000)}"
        )
    return folder


def _readable() -> str:
    """An interpreter that every user can execute: this one, or the system's of the same version.

    Home directories may be closed (0700), and some tests start programs as another
    user. If there is no such interpreter, those tests report that they cannot run here.
    """
    real = os.path.realpath(sys.executable)
    if not closed_to_others(real):
        return real
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return shutil.which(same, path=SYSTEM_PATH) or real
