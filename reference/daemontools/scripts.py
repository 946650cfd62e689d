"""The functions that pip's scripts call: the programs on PATH, for trying out.

pip writes a small script for each entry of `[project.scripts]`, and each script but the
suite's calls a function of this module. The scripts start more slowly than the launchers that
`python -I -m daemontools.install` writes, and PYTHON* variables affect them: they are fine
for a first look, but not for a server.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def __getattr__(program: str) -> "Callable[[], None]":
    """The function that runs `program`: one rule replaces 18 functions."""
    from importlib import import_module

    if program.startswith("_"):
        raise AttributeError(program)
    module = "companion" if program == "daemontools" else f"programs.{program}"
    main = import_module(f"daemontools.{module}").main

    def script() -> None:
        from daemontools.unix.start import run

        run(main)

    return script
