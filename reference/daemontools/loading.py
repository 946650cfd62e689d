"""Import a program's modules quickly.

For each module, importlib searches a directory, makes a dozen system calls and builds a
description of the module: 0.1 ms. multilog has over 20 modules, and every logger of a tree and
every program of a run script imports its modules each time it starts.

The statement `import` calls the function `__import__` of the module `builtins`, which a
program may replace. The replacement here reads the compiled file that the installer has
written and runs it. It compares magic number, time and size as importlib does, so that a
source of another second or another size is not ignored. importlib imports everything else:
other packages, and modules without such a file. If something that is not a file has such a
name, a FIFO or a device, importlib might read it for ever, so the import fails here.

A launcher imports this module before all others. pip's scripts do not use it.
"""

import builtins
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads
from posix import O_NONBLOCK, O_RDONLY, close, fstat, read, stat
from posix import open as os_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType, ModuleType

PACKAGE = "daemontools"
REGULAR_FILE, TYPE_BITS = 0o100000, 0o170000  # of a mode; the module `stat` takes longer
HEADER = 16  # bytes before the code: magic number, flags (0), time and size of the source

_importlib = builtins.__import__
_modules = sys.modules


def quick_import(
    name: str,
    globals: "Mapping[str, object] | None" = None,  # noqa: A002 (the names are Python's)
    locals: "Mapping[str, object] | None" = None,  # noqa: A002
    fromlist: "Sequence[str] | None" = (),
    level: int = 0,
) -> "ModuleType":
    """`import NAME` (the result is the package) or `from NAME import FROMLIST` (the module)."""
    if name.startswith(PACKAGE + ".") and _load(name):
        module = _modules[name]
        if all(hasattr(module, item) or _load(f"{name}.{item}") for item in fromlist or ()):
            return module if fromlist else _modules[PACKAGE]
    return _importlib(name, globals, locals, fromlist or (), level)


def _load(name: str) -> bool:
    """Import a module, and the packages that it is in. False: importlib must do that."""
    if name in _modules:
        return True
    parent, _, last = name.rpartition(".")
    if not _load(parent) or not hasattr(_modules[parent], "__path__"):
        return False
    folder = _modules[parent].__path__[0]
    path = f"{folder}/{last}"
    if code := _compiled(folder, last):
        _run(code, name, {"__package__": parent})
    elif code := _compiled(path, "__init__"):
        _run(code, name, {"__package__": name, "__path__": [path]})
    else:
        return False
    setattr(_modules[parent], last, _modules[name])
    return True


def _run(code: "CodeType", name: str, variables: "dict[str, object]") -> None:
    """Make the module `name`, with these variables, by its code."""
    module = _modules[name] = type(sys)(name)
    vars(module).update(variables)
    try:
        exec(code, vars(module))
    except BaseException:
        del _modules[name]
        raise


def _compiled(folder: str, stem: str) -> "CodeType | None":
    """The code of FOLDER/STEM.py, from its compiled file; None if that is not up to date.

    Raises ImportError if what has the name of the compiled file is not a file.
    """
    path = f"{folder}/__pycache__/{stem}.{sys.implementation.cache_tag}.pyc"
    try:
        source = stat(f"{folder}/{stem}.py")
        fd = os_open(path, O_RDONLY | O_NONBLOCK)
        try:
            compiled = fstat(fd)
            if compiled.st_mode & TYPE_BITS != REGULAR_FILE:
                raise ImportError(f"{path} is not a regular file")
            content = read(fd, compiled.st_size)
        finally:
            close(fd)
    except OSError:
        return None
    numbers = (0, int(source.st_mtime), source.st_size)
    header = MAGIC_NUMBER + b"".join((n % 2**32).to_bytes(4, "little") for n in numbers)
    return loads(content[HEADER:]) if content[:HEADER] == header else None


builtins.__import__ = quick_import
