"""What the programs say, read from their source.

A message is an argument list: `die(111, FATAL, "unable to open ", file, ": ", error)`. It is
evaluated with a word in capitals for each name that is not a constant: FILE, REASON.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from daemontools.core import rotate

PACKAGE = Path(__file__).parents[2] / "reference/daemontools"
PROGRAMS = sorted(file.stem for file in PACKAGE.glob("programs/[a-z]*.py"))
# The modules that say something in the name of a program, beside its own.
HELPERS = {
    "multilog": ["unix/logdir.py"],
    "svc": ["core/options.py"],
    "setlock": ["core/options.py"],
    "softlimit": ["core/options.py"],
}
# A name in the code -> the word in the message; any other name is its own word, in capitals.
WORDS = {
    **dict.fromkeys(("error", "reason", "_reason", "pathexec", "error_text", "OSError"), "REASON"),
    **dict.fromkeys(("directory", "_directory", "where", "argv"), "DIR"),
    **dict.fromkeys(("child", "command", "processor"), "PROGRAM"),
    **dict.fromkeys(("called", "entry"), "NAME"),
    "old": "FILE",
    "code": "NUMBER",
}
# Functions that put their first argument into a message.
FILLED = {"_tried", "_pause"}
# Parameters that are the whole of a message: their callers say it.
PASSED_ON = {"COMPLAINT", "_COMPLAINT", "WHY"}


class Message(NamedTuple):
    """What a program prints, and the exit code that follows; None: it goes on."""

    program: str
    text: str
    code: int | None


def modules(program: str) -> list[Path]:
    """The modules whose messages are the program's."""
    return [PACKAGE / f"programs/{program}.py", *(PACKAGE / m for m in HELPERS.get(program, []))]


@cache
def all_messages() -> list[Message]:
    """The messages of all programs, in the order of their code, each once."""
    return [message for program in PROGRAMS for message in dict.fromkeys(_messages(program))]


def _messages(program: str) -> Iterator[Message]:
    trees = [ast.parse(file.read_text()) for file in modules(program)]
    constants: dict[str, Any] = {}
    for tree in trees:
        constants.update((n, value) for n, value in _constants(tree.body, constants) if n.isupper())
    for tree in trees:
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for fill in _fills(function, tree):
                    yield from _messages_in(function, program, {**constants, **fill})
    if program == "multilog":
        yield from _of_steps(constants)


# The steps of a log directory that can fail before the first line is read, and after it.
AT_START = [*rotate.GO_ON, *rotate.recovery(is_processed=True)]
LATER = [*rotate.FULL, *rotate.PROCESSED, *rotate.GIVE_UP, *rotate.QUIT]


def _of_steps(constants: dict[str, Any]) -> Iterator[Message]:
    """What multilog says if a step of core/rotate.py fails."""
    for act, text in constants["TROUBLE_AT_START"].items():
        if act in {step[0] for step in AT_START}:
            yield Message("multilog", f"multilog: fatal: {text}: REASON", 111)
    for act, text in constants["TROUBLE"].items():
        if act in {step[0] for step in LATER}:
            yield Message("multilog", f"multilog: warning: {text}, pausing: REASON", None)


def _messages_in(
    function: ast.FunctionDef, program: str, names: "dict[str, Any]"
) -> Iterator[Message]:
    """What one function says."""
    own = list(_own(function))
    names = {**dict(_constants(own, names)), **names}
    for node in own:
        code, parts = _said(node, program)
        text = "".join(map(_as_text, _evaluated(ast.List(parts, ast.Load()), names)))
        if " " in text.partition(": ")[2] and not PASSED_ON & set(re.findall("[A-Z_]+", text)):
            yield Message(program, text, code)


def _said(node: ast.AST, program: str) -> "tuple[int | None, list[ast.expr]]":
    """The exit code and the parts of a message, if this node says one."""
    if isinstance(node, ast.Return) and node.value and program == "svstat":
        return None, [ast.Constant("NAME: "), node.value]
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None, []
    first, rest = node.args[:1], node.args[1:]
    match node.func.id:
        case "die":
            return ast.literal_eval(first[0]), rest
        case "warn":
            return None, node.args
        case "give_up":
            return 111, [ast.Name("FATAL"), *node.args]
        case "insist":
            return None, [ast.Name("WARNING"), *rest, ast.Constant(", pausing: REASON")]
        case "fork" if first:
            return 111, [ast.Starred(first[0]), ast.Constant("REASON")]
        case "_complaint" if program == "softlimit" or "illegal" in ast.unparse(node):
            return 100, [ast.Constant(f"{program}: "), *rest[:1], ast.Constant(" -- LETTER")]
    return None, []


def _fills(function: ast.FunctionDef, tree: ast.Module) -> "list[dict[str, Any]]":
    """The values with which a function is looked at: those that its callers fill in."""
    if function.name == "_answer":  # of svstat, which says what it was doing
        phrases = (value for name, value in _constants(ast.walk(function)) if name == "doing")
        return [{"doing": phrase} for phrase in phrases]
    if function.name not in FILLED or not function.args.args:
        return [{}]
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    given = [call.args[0] for call in calls if ast.unparse(call.func) == function.name]
    parameter = function.args.args[0].arg
    return [{parameter: word.value} for word in given if isinstance(word, ast.Constant)]


# EVALUATION


class _Word(str):
    """A word in the place of a value; whatever is done to it, it stays a word."""

    __slots__ = ()

    def __getattr__(self, name: str) -> "_Word":
        return _word(name)

    def __getitem__(self, _: object) -> "_Word":
        return self

    def __call__(self, *_: object, **__: object) -> "_Word":
        return self

    def __neg__(self) -> "_Word":
        return self


def _word(name: str) -> _Word:
    return _Word(WORDS.get(name, name.upper()))


class _Names(dict[str, Any]):
    """The names that are known; every other name is a word."""

    def __missing__(self, name: str) -> _Word:
        return _word(name)


def _evaluated(node: ast.expr, names: Mapping[str, Any]) -> Any:
    return eval(ast.unparse(node), {"__builtins__": {}}, _Names(names))


def _as_text(part: object) -> str:
    return part.decode() if isinstance(part, bytes) else str(part)


def _constants(
    nodes: "Any", names: "Mapping[str, Any] | None" = None
) -> "Iterator[tuple[str, Any]]":
    """The assignments of constants, tuples and tables among some nodes: name, value."""
    kinds = (ast.Constant, ast.Tuple, ast.Dict)
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, kinds):
            try:
                yield ast.unparse(node.targets[0]), _evaluated(node.value, names or {})
            except TypeError:
                pass  # it calculates: not a part of a message


def _own(function: ast.AST) -> "Iterator[ast.AST]":
    """The nodes of a function without those of the functions inside it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own(node)
