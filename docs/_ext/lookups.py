"""The pages on which one looks things up, made from the code and from the manual pages.

    {messages}     every message of every program, and the exit code that follows it
    {error-texts}  the reasons at the end of messages
    {exit-codes}   what the manual pages say of exit codes
    {letters}      commands, options and actions that are single letters
    {files}        the files that the programs make, read or look for
    {env-files}    the variables of the servers in packaging/servers

docs/test_lookups.py compares them with the code: nothing is missing, nothing is made up.
"""

import errno
import os
import re
import resource
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from said import PROGRAMS, Message, all_messages

from daemontools.programs import softlimit
from daemontools.unix import messages
from daemontools_conformance.contract.clauses import LEVELS, Clause, load
from daemontools_conformance.differential.unwritten import RUN_ANOTHER

ROOT = Path(__file__).parents[2]
# A word that stands for another in a message.
PLACE = "DIR/current|DIR/NAME|DIR/FILE|(?!REASON)[A-Z]{3,}"
SPEC = ROOT / "conformance/spec"
MANUAL = ROOT / "docs/man"
SERVERS = ROOT / "packaging/servers"


@cache
def clauses() -> dict[str, Clause]:
    """All clauses by id."""
    return load(SPEC)


def message_table() -> str:
    """The messages as a Markdown table. A level leads to the clause that it is taken from."""
    lines = ["| message | exit code | level |", "|---|---|---|"]
    for message in all_messages():
        clause = clause_of(message)
        level = ""
        if clause:  # as HTML: its anchor is no heading, which is all that Markdown could name
            page = f"../specification/{clause.program}.html"
            level = f'<a href="{page}#{clause.id}">{clause.level}</a>'
        lines.append(f"| `{message.text}` | {message.code or ''} | {level} |")
    return "\n".join(lines)


def clause_of(message: Message) -> Clause | None:
    """The clause that quotes a message: first with any reason; the strongest; the program's."""
    if ": usage:" in message.text:
        return clauses()["messages/usage/line"]
    levels, own = list(LEVELS), message.program
    likeness = {c.id: max(_likeness(message, c), default=0) for c in clauses().values()}
    found = [clause for clause in clauses().values() if likeness[clause.id]]
    return min(
        found,
        key=lambda c: (-likeness[c.id], levels.index(c.level), c.program != own),
        default=None,
    )


def _likeness(message: Message, clause: Clause) -> Iterator[int]:
    """2 for each quotation of the message in a clause, 1 with one reason or without its end."""
    of_all = {"messages", "tree"} | ({"exec"} if message.program in RUN_ANOTHER else set())
    if clause.program not in {message.program, *of_all}:
        return
    words = re.split(f"(REASON|{PLACE})", message.text)
    places = dict.fromkeys(words[1::2], r"\S*") | {"REASON": ".*", "NAME": r"[^\s/]*"}
    pattern = "".join(places.get(word, re.escape(word)) for word in words)
    quotations = [one for one in re.findall("`([^`]+)`", clause.text) if ": " in one]
    for quotation in quotations:
        whole = re.sub("^NAME(?=: illegal)|^RUNNER(?=: )", message.program, quotation)
        whole = whole.removesuffix("REASON")
        # What is survived (BEYOND) is said by the program itself, not by a child that ends.
        is_survived = clause.level != "BEYOND" or message.code is None
        is_beginning = whole.endswith(" ") and message.text.startswith(whole) and is_survived
        if re.fullmatch(pattern.removesuffix(".*"), whole):
            yield 2  # with any reason, if it has one
        elif is_beginning or re.fullmatch(pattern, f"{whole}x" if whole[-1] == " " else whole):
            yield 1


# REASONS


def reasons() -> list[tuple[str, str]]:
    """The name of each error, and daemontools' words for it, sorted by the words."""
    return sorted(messages._TEXTS, key=lambda pair: pair[1].lower())  # noqa: SLF001 - to show it


def error_texts() -> str:
    """daemontools' words for the system's errors, by the words; beside them the C library's."""
    lines = ["| text | error | the C library on Linux says |", "|---|---|---|"]
    for name, text in reasons():
        number = getattr(errno, name, None)
        if number is None:
            library = "(no such error)"
        elif (first := _first_with(number)) != name:
            library = f"(the same number as {first}, whose text is used)"
        else:
            library = f"{os.strerror(number)} ({number})"
        lines.append(f"| `{text}` | {name} | {library} |")
    return "\n".join(lines)


def _first_with(number: int) -> str:
    """The first error in daemontools' list that has this number here: its text is used."""
    return next(name for name, _ in messages._TEXTS if getattr(errno, name, None) == number)  # noqa: SLF001


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


def env_files() -> str:
    """The variables of each server of packaging/servers; those with TZ alone share a row."""
    lines = ["| server | file | content |", "|---|---|---|"]
    for server in sorted(SERVERS.glob("*/env")):
        files = sorted(server.iterdir())
        if [file.name for file in files] != ["TZ"]:
            for file in files:
                name = "" if file != files[0] else server.parent.name
                lines.append(f"| {name} | `env/{file.name}` | `{file.read_text().strip()}` |")
    [zone] = {file.read_text().strip() for file in SERVERS.glob("*/env/TZ")}
    return "\n".join([*lines, f"| the others | `env/TZ` | `{zone}` |"])


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
        "env-files": (env_files, list),
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
