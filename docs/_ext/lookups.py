"""The pages on which one looks things up, made from the code and from the manual pages.

    {messages}     every message of every program, and the exit code that follows it
    {error-texts}  the reasons at the end of messages
    {exit-codes}   what the manual pages say of exit codes
    {letters}      commands, options and actions that are single letters
    {files}        the files that the programs make, read or look for

docs/test_lookups.py compares them with the code: nothing is missing, nothing is made up.
"""

import ast
import errno
import os
import re
import resource
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from daemontools.programs import softlimit
from daemontools.unix import messages

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reference/daemontools"
MANUAL = ROOT / "docs/man"
PROGRAMS = sorted(file.stem for file in PACKAGE.glob("programs/[a-z]*.py"))
# The modules that say something in the name of a program, beside its own.
HELPERS = {
    "multilog": ["unix/logdir.py"],
    "svc": ["core/options.py"],
    "setlock": ["core/options.py"],
    "softlimit": ["core/options.py"],
}


def modules(program: str) -> list[Path]:
    """The modules whose messages are the program's."""
    return [PACKAGE / f"programs/{program}.py", *(PACKAGE / m for m in HELPERS.get(program, []))]


# MESSAGES


class Message(NamedTuple):
    """What a program prints, and the exit code that follows; None: it goes on."""

    program: str
    text: str
    code: int | None


# What stands in the place of an expression: the last word of its name, or this.
PLACES = {
    "error": "REASON", "reason": "REASON", "_reason": "REASON", "pathexec": "REASON",
    "OSError": "REASON", "directory": "DIR", "_directory": "DIR", "where": "DIR",
    "called": "NAME", "entry": "NAME", "old": "FILE", "child": "PROGRAM", "command": "PROGRAM",
    "processor": "PROGRAM", "account": "ACCOUNT", "argv": "DIR", "code": "NUMBER",
    "error_text": "REASON", "program": "PROGRAM",
}  # fmt: skip
SPEAKERS = {"die", "warn", "insist", "give_up", "fork"}
# Helpers that put one of their arguments into a message: name -> the parameter.
FILLERS = {"_tried": "what", "_pause": "action"}


@cache
def all_messages() -> list[Message]:
    """The messages of all programs, in the order of their code."""
    return [message for program in PROGRAMS for message in _messages_of(program)]


def _messages_of(program: str) -> Iterator[Message]:
    seen = set()
    trees = [ast.parse(file.read_text()) for file in modules(program)]
    values = {
        name: value.value
        for tree in trees
        for name, value in _assignments(tree.body)
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }
    for tree in trees:
        for message in _Module(program, tree, values).messages():
            if message not in seen:
                seen.add(message)
                yield message


class _Module:
    """A module's source, searched for what it says."""

    def __init__(self, program: str, tree: ast.Module, values: dict[str, str]) -> None:
        self.program, self.tree, self.values = program, tree, values

    def messages(self) -> Iterator[Message]:
        for function in ast.walk(self.tree):
            if isinstance(function, ast.FunctionDef):
                tuples = dict(_assignments(ast.walk(function)))
                for node in _own(function):
                    yield from self._message(node, tuples)
        for table in ("TROUBLE", "TROUBLE_AT_START"):  # of unix/logdir.py
            for node in (value for name, value in _assignments(self.tree.body) if name == table):
                texts = [v.value for v in node.values if isinstance(v, ast.Constant)]  # type: ignore[attr-defined]
                end, code = (": REASON", 111) if "START" in table else (", pausing: REASON", None)
                kind = "fatal" if code else "warning"
                yield from (Message("multilog", f"multilog: {kind}: {t}{end}", code) for t in texts)

    def _message(self, node: ast.AST, tuples: dict[str, ast.expr]) -> Iterator[Message]:
        """What a call or a return says."""
        if isinstance(node, ast.Return) and self.program == "svstat":
            yield from self._answer(node.value)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return
        speaker, arguments = node.func.id, list(node.args)
        code = None
        if speaker == "die" and isinstance(arguments[0], ast.Constant):
            code = int(arguments.pop(0).value)  # type: ignore[attr-defined]
        elif speaker == "give_up":
            code, arguments = 111, [ast.Name("FATAL"), *arguments]
        elif speaker == "insist":
            arguments = [ast.Name("WARNING"), *arguments[1:], ast.Constant(", pausing: REASON")]
        elif speaker == "fork" and arguments:
            code, arguments = 111, [ast.Starred(arguments[0]), ast.Constant("REASON")]
        elif speaker == "_complaint" and len(arguments) == 3:
            code = 100  # after the usage
            arguments = [
                ast.Constant(f"{self.program}: "),
                arguments[1],
                ast.Constant(" -- LETTER"),
            ]
        elif speaker != "warn":
            return
        text = "".join(self._word(part, tuples) for part in arguments)
        if " " not in text.partition(": ")[2] or "STARRED" in text or "_COMPLAINT" in text:
            return
        if "requires an argument" in text and self.program != "softlimit":
            return  # no option of the others has one
        yield from (Message(self.program, filled, code) for filled in self._filled(text))

    def _answer(self, value: ast.expr | None) -> Iterator[Message]:
        """svstat's answers take the place of the status."""
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield Message("svstat", f"NAME: {value.value}", None)
        elif isinstance(value, ast.JoinedStr) and "DOING" in (text := self._word(value, {})):
            doing = [v for n, v in _assignments(ast.walk(self.tree)) if n == "doing"]
            for phrase in doing:
                yield Message("svstat", "NAME: " + text.replace("DOING", phrase.value), None)  # type: ignore[attr-defined]

    def _filled(self, text: str) -> list[str]:
        """The text for each value that the module gives to a helper's parameter."""
        for helper, parameter in FILLERS.items():
            place = f" {parameter.upper()}"
            calls = (n for n in ast.walk(self.tree) if isinstance(n, ast.Call))
            if place in text:
                words = [
                    c.args[0].value
                    for c in calls
                    if isinstance(c.func, ast.Name)
                    and c.func.id == helper
                    and isinstance(c.args[0], ast.Constant)
                ]
                return [text.replace(place, f" {word}") for word in words]
        return [text]

    def _word(self, node: ast.expr, tuples: dict[str, ast.expr]) -> str:
        """A part of a message: its words, or a placeholder in capitals."""
        if isinstance(node, ast.Constant):
            value = node.value
            return value.decode() if isinstance(value, bytes) else str(value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._word(part, tuples) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._word(node.value, tuples)
        if isinstance(node, ast.Tuple):
            return "".join(self._word(part, tuples) for part in node.elts)
        if isinstance(node, ast.Starred):
            inner = (
                tuples.get(node.value.id, node.value)
                if isinstance(node.value, ast.Name)
                else node.value
            )
            return self._word(inner, tuples) if isinstance(inner, ast.Tuple) else "STARRED"
        if isinstance(node, ast.Name) and node.id in self.values:
            return self.values[node.id]
        if isinstance(node, ast.Name) and isinstance(constant := tuples.get(node.id), ast.Constant):
            return self._word(constant, {})
        name = re.findall(r"[A-Za-z_]+", ast.unparse(node))
        last = name[-1] if isinstance(node, ast.Attribute) else name[0]
        return PLACES.get(last, last.upper())


def _assignments(nodes: "Any") -> Iterator[tuple[str, ast.expr]]:
    """The simple assignments among some nodes: name, value."""
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions inside it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own(node)  # type: ignore[arg-type]


def message_table() -> str:
    """The messages as a Markdown table."""
    lines = ["| message | then |", "|---|---|"]
    for _, text, code in all_messages():
        lines.append(f"| `{text}` | {'goes on' if code is None else f'exits {code}'} |")
    return "\n".join(lines)


# REASONS


def reasons() -> list[tuple[str, str]]:
    """The name of each error, and daemontools' words for it, sorted by the words."""
    return sorted(messages._TEXTS, key=lambda pair: pair[1].lower())  # noqa: SLF001 - to show it


def error_texts() -> str:
    """daemontools' words for the system's errors, by the words; beside them the C library's."""
    lines = ["| text | error | the C library on Linux says |", "|---|---|---|"]
    for name, text in reasons():
        number = getattr(errno, name, None)
        library = f"{os.strerror(number)} ({number})" if number else ""
        lines.append(f"| `{text}` | {name} | {library} |")
    return "\n".join(lines)


# WHAT THE MANUAL PAGES SAY


def section(program: str, heading: str) -> str:
    """The text of a section of a manual page; empty if there is none."""
    text = (MANUAL / f"{program}.md").read_text()
    found = re.search(rf"^## {heading}\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def definitions(text: str) -> list[tuple[str, str]]:
    """The definition list in a text: term, meaning on one line."""
    found = re.findall(r"^(\S.*)\n: (.*(?:\n  .*)*)", text, re.MULTILINE)
    return [(term, re.sub(r"\s+", " ", meaning)) for term, meaning in found]


def exit_codes() -> str:
    """What each manual page says of exit codes."""
    lines = ["| program | exit code |", "|---|---|"]
    for program in PROGRAMS:
        text = section(program, "Exit status")
        listed = [f"**{code}** {meaning}" for code, meaning in definitions(text)]
        shown = "; ".join(listed) or re.sub(r"\b(0|100|111)\b", r"**\1**", " ".join(text.split()))
        lines.append(f"| [{program}](../man/{program}.md) | {shown} |")
    return "\n".join(lines)


LETTERS = [  # program, the section of its manual page, what its letters are
    ("supervise", "Commands", "each is also an option of svc, which writes it into `control`"),
    ("setlock", "Description", "options of setlock"),
    ("softlimit", "Description", "options of softlimit, each with a number or `=`"),
    ("multilog", "Description", "actions of multilog"),
]


def letters() -> str:
    """The letters of svc and supervise, setlock, softlimit and multilog."""
    parts = []
    for program, heading, what in LETTERS:
        parts += [
            f"## {program}\n",
            f"{what[0].upper()}{what[1:]}:\n",
            "| letter | meaning |",
            "|---|---|",
        ]
        rows = definitions(section(program, heading))
        if program == "softlimit":
            parts += [f"| {term} | {text}: {_limits(term)} |" for term, text in rows]
        else:
            parts += [f"| {term} | {text} |" for term, text in rows]
        parts.append("")
    return "\n".join(parts)


def _limits(term: str) -> str:
    """The names of the limits that an option of softlimit sets."""
    names = {
        getattr(resource, name): name
        for name in reversed(dir(resource))
        if name.startswith("RLIMIT_")
    }
    return ", ".join(f"`{names[number]}`" for number in softlimit.LIMITS[term[1:].encode()])


# Program -> the section of its manual page that lists its files.
FILES = {
    "supervise": "Files",
    "svscan": "Files",
    "svscanboot": "Files",
    "multilog": "Log directories",
}


def files() -> str:
    """The files of supervise, svscan and multilog."""
    lines = ["| file | program | what it is |", "|---|---|---|"]
    for program, heading in FILES.items():
        for name, text in definitions(section(program, heading)):
            lines.append(f"| {name} | [{program}](../man/{program}.md) | {text} |")
    return "\n".join(lines)


def file_names() -> set[str]:
    """The names on the page of files, without the directories before them."""
    terms = (term for program in FILES for term, _ in definitions(section(program, FILES[program])))
    return {
        name.strip("/") for term in terms for name in re.findall(r"`([^`@.*]+(?:\.new)?)`", term)
    }


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from docutils import nodes
    from sphinx import addnodes
    from sphinx.util.docutils import SphinxDirective

    made: dict[str, tuple[Callable[[], str], Callable[[], list[str]]]] = {
        "messages": (message_table, list),
        "error-texts": (error_texts, lambda: [f"{text}; error text" for _, text in reasons()]),
        "exit-codes": (exit_codes, lambda: [f"exit code; {code}" for code in (0, 100, 111)]),
        "letters": (letters, list),
        "files": (files, lambda: [f"{name}; file" for name in sorted(file_names())]),
    }

    class Table(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            make, indexed = made[self.name]
            target = nodes.target("", "", ids=[self.name])
            entries = [("single", text, self.name, "", None) for text in indexed()]
            rows = self.parse_text_to_nodes(make(), allow_section_headings=True)
            return [addnodes.index(entries=entries), target, *rows]

    for name in made:
        app.add_directive(name, Table)
    return {"version": "1", "parallel_read_safe": True}
