"""What the installer looks at: who can read and who can change what it installs, and does it run?

A program that root runs is as safe as the least safe of its interpreter, its library, its
launcher, and the folders above them. One of them that setuidgid starts needs all of these to
be open to everybody.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

NOBODY = 65534
LONG_LIVED = ("svscan", "supervise", "multilog")


def refuse_what_others_can_change(
    places: list[Path], own: Iterable[Path], warn: Callable[[str], None]
) -> None:
    """Raise PermissionError, as root, if other users can change one of these; else warn."""
    for text in what_others_can_change(places, own, warn):
        if os.geteuid() == 0:
            raise PermissionError(text)
        warn(text)


def what_others_can_change(
    places: list[Path], own: Iterable[Path], warn: Callable[[str], None]
) -> Iterator[str]:
    """Say which of these, and of the folders above the places, other users can change.

    `own` is what the installer has written; only for root it matters who can change that.
    A group that may write there is a warning: on some systems an administrators' group owns
    /usr/local.
    """
    steps = [step for place in places for step in _steps(place)]
    above = {*steps} - {Path(os.path.realpath(place)) for place in places}
    for path in dict.fromkeys(steps if os.geteuid() else (*steps, *own)):
        about = path.lstat()
        mode = 0 if stat.S_ISLNK(about.st_mode) else about.st_mode
        others = mode & stat.S_IWOTH and not (mode & stat.S_ISVTX and path in above)
        if others or about.st_uid not in (0, os.geteuid()):
            who = "everybody" if others else f"the user with id {about.st_uid}"
            yield f"{who} can change {path}, and so what these programs do"
        elif mode & stat.S_IWGRP and about.st_gid not in (0, os.getegid()):
            warn(f"the group with id {about.st_gid} can change {path}")


def _steps(path: Path) -> Iterator[Path]:
    """All folders and links that lead to a path, and it, in this order; those that exist."""
    step = Path("/")
    yield step
    parts = [*reversed(path.absolute().parts[1:])]
    while parts and (step / parts[-1]).exists():
        step = Path(os.path.normpath(step / parts.pop()))  # it has no link: `..` is its parent
        yield step
        if step.is_symlink():
            parts += reversed(Path(os.readlink(step)).parts)
            step = step.parent


def verify(directory: Path, python: str, library: str) -> list[str]:
    """What would keep the programs from running; empty if nothing does.

    Only root can start a program as another user, so only for root a closed place is wrong.
    """
    launcher = directory.absolute() / "svok"
    if found := _trial(launcher, None):
        return found
    if os.geteuid() != 0:
        return []
    closed = [text for path in (python, library, directory) if (text := _closed(Path(path)))]
    return list(dict.fromkeys(closed)) or _trial(launcher, NOBODY)


def _trial(launcher: Path, user: int | None) -> list[str]:
    """Run a launcher without arguments: it must exit 100.

    Another user's processes can look into this one: it has nothing of root's session.
    """
    who = "" if user is None else " as nobody"
    other: dict[str, object] = {}
    if user is not None:
        needed = {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}
        other = {"user": user, "group": user, "extra_groups": [], "env": needed}
        other |= {"stdin": subprocess.DEVNULL, "start_new_session": True}
    try:
        ended = subprocess.run([launcher], capture_output=True, check=False, cwd="/", **other)  # type: ignore[call-overload]
    except OSError as error:
        return [f"{launcher} cannot be executed{who}: {error.strerror} (is that noexec?)"]
    if ended.returncode != 100:
        said = ended.stderr.decode(errors="backslashreplace").strip()
        return [f"{launcher} does not work{who}: {said or f'exit {ended.returncode}'}"]
    return []


def _closed(path: Path) -> str:
    """Why other users cannot use a path; empty if they can."""
    for step in _steps(path):
        if not step.stat().st_mode & stat.S_IXOTH:
            advice = "for services with setuidgid, give --library or --python a place that is open"
            return f"{step} is closed to other users: {advice}"
    return ""


def running(directory: Path) -> list[str]:
    """The programs of a running tree that these launchers started, by /proc, if there is one.

    They have the launchers' interpreter, and find the launcher first on their PATH.
    """
    found = []
    here = os.path.realpath(directory)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            exe = os.path.realpath(process / "exe")
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if name not in LONG_LIVED or exe != _interpreter(directory / name):
            continue
        path = next((entry[5:] for entry in environment if entry.startswith(b"PATH=")), b"")
        first = shutil.which(name, path=os.fsdecode(path))
        if first and os.path.realpath(os.path.dirname(first)) == here:
            found.append(f"{name} {process.name}")
    return sorted(found)


def _interpreter(launcher: Path) -> str:
    """The interpreter that a launcher names, links resolved; empty if there is no launcher."""
    try:
        first = launcher.read_bytes().split(b"\n", 1)[0]
    except OSError:
        return ""
    words = first[2:].split() if first.startswith(b"#!") else []
    return os.path.realpath(os.fsdecode(words[0])) if words else ""
