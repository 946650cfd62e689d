"""Manual pages, and completion for bash and zsh: what belongs below /usr/local/share.

The pages are made of docs/man by docs/build.py.
"""

import os
from pathlib import Path

from daemontools.installing.files import make_folder, remove_ours, remove_unfinished, replace

PACKAGE = Path(__file__).parent.parent

# The commands that a shell completes.
COMPLETED = ("svc", "svok", "svstat", "daemontools")

# Below share: the folders that the installer made, one on a line.
RECORD = ".daemontools-reference"


def shared() -> dict[str, bytes]:
    """What belongs below share: the name there, and the content."""
    files = {
        f"man/man8/{page.name}": page.read_bytes() for page in sorted((PACKAGE / "man").glob("*.8"))
    }
    bash, zsh = (
        (PACKAGE / "completion" / name).read_bytes()
        for name in ("daemontools.bash", "_daemontools")
    )
    files |= {f"bash-completion/completions/{name}": bash for name in COMPLETED}
    return {**files, "zsh/site-functions/_daemontools": zsh}


def refuse_foreign_pages(share: Path) -> None:
    """Raise FileExistsError if a file of another origin has the name of one of these."""
    is_ours = {**dict.fromkeys(shared(), _is_our_page), RECORD: _is_our_record}
    names = [name for name in is_ours if os.path.lexists(share / name)]
    foreign = [name for name in names if not is_ours[name](share / name)]
    if foreign:
        raise FileExistsError(f"not written by daemontools.install: {', '.join(foreign)}")


def install_shared(share: Path, *, is_package: bool = False) -> None:
    """Write manual pages and completion. Raises OSError; overwrites only what is ours.

    What makes a package needs no record of its folders: it removes them itself.
    """
    refuse_foreign_pages(share)
    files = shared()
    new = [folder for folder in _folders() if not (share / folder).exists()]
    if new and not is_package:
        make_folder(share)
        made = sorted({*new, *_recorded(share)})
        replace(share / RECORD, "".join(f"{folder}\n" for folder in made).encode(), 0o644)
    for name, text in files.items():
        make_folder((share / name).parent)
        replace(share / name, text, 0o644)


def remove_shared(share: Path) -> None:
    """Remove what this module wrote, and the folders that it made, if they are empty."""
    remove_ours((share / name for name in shared()), _is_our_page)
    made = _recorded(share)
    remove_ours([share / RECORD], _is_our_record)
    for folder in reversed(_folders()):  # a folder comes after those above it
        if folder in made and (share / folder).is_dir() and not any((share / folder).iterdir()):
            (share / folder).rmdir()


def remove_unfinished_pages(share: Path) -> None:
    """Remove what an installer that was killed has left below `share`."""
    for folder in _folders():
        remove_unfinished(share / folder)


def shared_paths(share: Path) -> list[Path]:
    """What an installer writes below `share`, and the folders that it needs there."""
    return [share / name for name in (*_folders(), *shared(), RECORD)]


def _folders() -> list[str]:
    """The folders that these files need, `share` itself included, as names below it."""
    return sorted({str(parent) for name in shared() for parent in Path(name).parents})


def _recorded(share: Path) -> list[str]:
    """The folders that an installer made, by its record."""
    record = share / RECORD
    return record.read_text().splitlines() if _is_our_record(record) else []


def _is_our_record(path: Path) -> bool:
    """Does each line name a folder that an installer may make? (Empty: after a cut of power.)"""
    folders = {os.fsencode(folder) for folder in _folders()}
    return path.is_file() and folders.issuperset(path.read_bytes().splitlines())


def _is_our_page(path: Path) -> bool:
    return path.is_file() and b"daemontools-reference" in path.read_bytes()[:8192]
