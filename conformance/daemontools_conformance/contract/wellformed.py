"""Is a profile, whoever wrote it, what a profile may be? Its text, and the kinds of its values."""

import re
import tomllib
from pathlib import Path
from typing import Any

from daemontools_conformance import __version__
from daemontools_conformance.contract.plain import plain

LARGEST = 1_000_000  # bytes of a profile
_TEXTS = {"name", "title", "version", "suite_version", "peer", "inherits"}
_LISTS = {"setup", "not_offered", "without"}
_TABLES = {"programs", "svscanboot", "timing"}
_NO_TEXTS = {"clauses", "expires", "sometimes"}  # of an expectation


def read(path: Path) -> dict[str, Any]:
    """The TOML table in the file. Raises OSError, ValueError."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not a text in UTF-8 ({error.reason})") from error
    except RecursionError as error:
        raise ValueError("its values are nested too deeply") from error


def mistake(table: dict[str, Any]) -> str:
    """What is wrong with the kinds of the values; empty if nothing is."""
    for key, value in table.items():
        if key in _TEXTS and not (isinstance(value, str) and "\n" not in value):
            return f"{key} must be a text of one line, not {value!r}"
        if key in _LISTS and not _is_texts(value):
            return f"{key} must be a list of texts, not {value!r}"
        if key == "folder" and not (isinstance(value, str) or _is_texts(value)):
            return f"folder must be a text or a list of texts, not {value!r}"
        if key in _TABLES and not isinstance(value, dict):
            return f"{key} must be a table, not {value!r}"
        if key == "expect" and not _is_entries(value):
            return "expect must be [[expect]] entries whose values are texts"
        if (acting := _acting(value)) is not None:
            return f"{key} holds a control character: {plain(acting)!r}"
    return _version_mistake(table.get("suite_version", ""))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_entries(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and all(isinstance(item, str) for key, item in entry.items() if key not in _NO_TEXTS)
        and _is_texts(entry.get("clauses", []))
        for entry in value
    )


def _acting(value: object) -> str | None:
    """The first text inside that would act on a terminal; a newline acts in a name, too."""
    match value:
        case str():
            return value if plain(value) != value else None
        case list():
            inside = value
        case dict():
            inside = [*value, *value.values()]
        case _:
            inside = []
    return next((found for item in inside if (found := _acting(item)) is not None), None)


def _version_mistake(version: str) -> str:
    if not re.fullmatch(r"(\d{1,9}(\.\d{1,9})*)?", version):
        return f"{version!r} is not a version of the suite"
    if version and _numbers(version) > _numbers(__version__):
        return f"it was written for suite {version}, and this is {__version__}: use a newer suite"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
