"""Where the suite's data is: beside the code in a wheel, one folder up in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def folder(name: str) -> Path:
    """The folder `spec`, `profiles`, `results` or `fixtures`. Raises FileNotFoundError."""
    checkout = _PACKAGE.parent
    for candidate in (_PACKAGE / name, checkout / name, checkout.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the suite's folder {name!r} is missing: looked beside {_PACKAGE}")
