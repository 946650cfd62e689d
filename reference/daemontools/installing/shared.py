"""Manual pages, and completion for bash and zsh: what belongs below /usr/local/share.

The pages are made of docs/man by docs/build.py.
"""

import os
from pathlib import Path

from daemontools.installing.files import make_folder, replace

PACKAGE = Path(__file__).parent.parent

# The commands that a shell completes.
COMPLETED = ("svc", "svok", "svstat", "daemontools")


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


def install_shared(share: Path) -> None:
    """Write manual pages and completion. Raises OSError; overwrites only what is ours."""
    files = shared()
    foreign = [n for n in files if os.path.lexists(share / n) and not _is_our_page(share / n)]
    if foreign:
        raise FileExistsError(f"not written by daemontools.install: {', '.join(foreign)}")
    for name, text in files.items():
        make_folder((share / name).parent)
        replace(share / name, text, 0o644)


def remove_shared(share: Path) -> None:
    """Remove the manual pages and completion that this module wrote."""
    for name in shared():
        if _is_our_page(share / name):
            (share / name).unlink()


def _is_our_page(path: Path) -> bool:
    return path.is_file() and b"daemontools-reference" in path.read_bytes()[:8192]
