"""On the pages on which one looks things up nothing is missing, and nothing is made up."""

import argparse
import ast
import html
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import descendants  # noqa: E402
import escaping  # noqa: E402
import lookups  # noqa: E402
import said  # noqa: E402

from daemontools.companion import SUBCOMMANDS  # noqa: E402
from daemontools.core import machine, script  # noqa: E402
from daemontools.programs import softlimit, svc  # noqa: E402


def strings(file: Path) -> Iterator[str]:
    """The strings in the code of a module, without docstrings."""
    tree = ast.parse(file.read_text())
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value.decode() if isinstance(node.value, bytes) else node.value
            if value not in docs:
                yield value


# Phrases of a program's code that are in none of its messages.
NOT_SAID = {
    "svc": {"option requires an argument"},  # none of its options has one
    "setlock": {"option requires an argument"},
    "svstat": {"normally up", "normally down", "want up", "want down"},  # the status itself
}


@pytest.mark.parametrize("program", said.PROGRAMS)
def test_every_phrase_in_the_code_of_a_program_is_in_a_message(program: str) -> None:
    texts = "\n".join(m.text for m in said.all_messages() if m.program == program)
    texts += (DOCS / "reference/messages.md").read_text()
    for file in said.modules(program):
        phrases = {text.strip(" :,") for text in strings(file)}
        phrases = {text for text in phrases if re.fullmatch(r"[a-z][a-z -]* [a-z -]*[a-z]", text)}
        assert {text for text in phrases if text not in texts} <= NOT_SAID.get(program, set())


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_the_manual_page_explains_each_option_of_the_command(subcommand: str) -> None:
    parser = argparse.ArgumentParser("daemontools", add_help=False)
    import_module(f"daemontools.companion.{subcommand}").add_options(parser)
    options = set(re.findall(r"(?<!\S)\[?(--?[a-z-]+)", parser.format_usage()))
    page = lookups.section("daemontools", "Description")
    [explained] = re.findall(rf"^{subcommand}\n((?:[: ].*\n?)+)", page, re.MULTILINE)
    assert options
    assert {option for option in options if f"`{option}`" not in explained} == set()


def plain_texts() -> Iterator[str]:
    """What the site takes from clauses and profiles."""
    for clause in lookups.clauses().values():
        yield from (clause.text, clause.why, clause.source, clause.cause, *clause.variants.values())
    for profile in descendants.PROFILES.glob("*.toml"):
        for entry in tomllib.loads(profile.read_text()).get("expect", []):
            yield entry["reason"]


def test_no_text_of_a_clause_or_profile_becomes_markup() -> None:
    texts = set(plain_texts())
    assert any("<stdin>" in text for text in texts)
    for text in texts:
        shown = re.sub("</?code>", "", MarkdownIt().renderInline(escaping.escaped(text)))
        assert html.unescape(shown) == text.replace("`", "")


def test_a_message_has_no_part_that_is_not_understood() -> None:
    places = {place for message in said.all_messages()
              for place in re.findall(r"\b[A-Z_]{4,}\b", message.text)}  # fmt: skip
    assert places <= {"REASON", "NAME", "FILE", "PROGRAM", "ACCOUNT", "NUMBER", "LETTER"}


@pytest.mark.parametrize("program", said.PROGRAMS)
def test_the_exit_codes_of_a_program_are_in_its_manual_page(program: str) -> None:
    made = {m.code for m in said.all_messages() if m.program == program and m.code}
    source = said.modules(program)[0].read_text()
    made |= {int(code) for code in re.findall(r"\b(?:return|_exit\() ?(100|111)\b", source)}
    if program == "svscan":
        made.discard(100)
    told = {int(code) for code in re.findall(r"\b\d+\b", lookups.section(program, "Exit status"))}
    assert made <= told


def test_the_letters_are_those_of_the_code() -> None:
    told = {program: told_letters(program, heading) for program, heading, _ in lookups.LETTERS}
    commands = [letter.decode() for letter in machine.COMMANDS]
    assert sorted(told["supervise"]) == sorted(commands) == sorted(svc.LETTERS.decode())
    assert sorted(told["softlimit"]) == sorted(letter.decode() for letter in softlimit.LIMITS)
    setlock = said.modules("setlock")[0].read_text()
    assert f'options.parse(argv, b"{"".join(told["setlock"])}")' in setlock
    kinds = re.findall(r'b"([^"=])"', Path(script.__file__).read_text().split("for argument")[1])
    assert {*kinds, "t", "="} - {*told["multilog"]} == set()


def told_letters(program: str, heading: str) -> list[str]:
    """The letters before the definitions in a section of a manual page."""
    terms = [term for term, _ in lookups.definitions(lookups.section(program, heading))]
    single = [word.strip("*")[:1] for term in terms for word in term.split(", ")]
    if program in ("setlock", "softlimit"):
        return [term[1] for term in terms]
    return single


OPENERS = {"open_append", "open_read", "open_trunc", "open_write", "_make_fifo", "mkdir", "mkfifo",
           "rename", "stat", "_exists", "execv", "_is_marked"}  # fmt: skip


@pytest.mark.parametrize("program", said.PROGRAMS)
def test_every_file_that_a_program_names_is_on_the_page(program: str) -> None:
    named = set()
    for file in said.modules(program):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in OPENERS:
                named |= {ast.literal_eval(a) for a in node.args[:2] if isinstance(a, ast.Constant)}
    names = {n.decode() if isinstance(n, bytes) else n for n in named if isinstance(n, str | bytes)}
    missing = {name.removeprefix("./") for name in names} - lookups.file_names()
    assert missing <= {".", "supervise", "/bin/sh", "status.new"}


def test_the_files_of_a_rotation_are_on_the_page() -> None:
    from daemontools.core import rotate

    steps = [*rotate.FULL, *rotate.KEEP, *rotate.PROCESSOR, *rotate.PROCESSED, *rotate.GIVE_UP]
    assert {file for _, file, _ in steps} <= lookups.file_names()


def test_every_message_that_a_clause_quotes_is_on_the_page_with_a_level() -> None:
    quoted = {
        clause.id
        for clause in lookups.clauses().values()
        if clause.program in said.PROGRAMS
        and re.search(f"`{clause.program}: (fatal|warning): unable [^`]+`", clause.text)
    }
    found = {
        clause.id
        for clause in lookups.clauses().values()
        if any(any(lookups._likeness(message, clause)) for message in said.all_messages())  # noqa: SLF001
    }
    assert quoted <= found


def test_a_message_has_the_level_of_its_own_clause() -> None:
    message = said.Message("svok", "svok: fatal: unable to chdir to DIR: REASON", 111)
    clause = lookups.clause_of(message)
    assert clause is not None
    assert (clause.program, clause.level) == ("svok", "CODE")


# A message -> the clause that gives it its level although it quotes it with other words.
QUOTED_OTHERWISE = {
    "multilog: warning: processor crashed in DIR, pausing: signal NUMBER": (
        "multilog/processor/crash-retried"  # REASON
    ),
    "pgrphack: fatal: unable to run PROGRAM: REASON": "exec/error/missing",  # RUNNER
    "fghack: fatal: unable to run PROGRAM: REASON": "exec/error/missing",
}


# A message -> the clause that quotes it with any reason; others quote it with one.
QUOTED_WITH_ANY_REASON = {
    "NAME: unable to read supervise/status: REASON": "svstat/answer/unreadable-status",
    "softlimit: fatal: unable to run PROGRAM: REASON": "softlimit/child/cannot-run",
    "svscan: warning: unable to stat NAME: REASON": "svscan/entries/dangling-link",  # none does
    "supervise: warning: unable to write DIR/supervise/status.new: partial write": (
        "supervise/trouble/partial-write"
    ),
}


@pytest.mark.parametrize(
    ("text", "quoted_by"), [*QUOTED_OTHERWISE.items(), *QUOTED_WITH_ANY_REASON.items()]
)
def test_a_message_has_the_level_of_the_clause_that_quotes_it_best(
    text: str, quoted_by: str
) -> None:
    [message] = [message for message in said.all_messages() if message.text == text]
    clause = lookups.clause_of(message)
    assert clause is not None
    assert clause.id == quoted_by


def test_a_message_that_pauses_is_not_one_that_goes_on() -> None:
    text = "multilog: warning: unable to remove DIR/FILE: REASON"
    assert lookups.clause_of(said.Message("multilog", text, None)) is None


# Words of 0.76 in messages without a level or of level BEYOND. It says the first only with
# `, pausing`, and the second only with `bad format`.
UNQUOTED = {
    "multilog: warning: unable to remove DIR/FILE: REASON",
    "NAME: unable to read supervise/status: REASON",
    "svscan: warning: unable to switch to NAME: REASON",
}


@pytest.mark.skipif(not Path("/usr/bin/svscan").exists(), reason="needs djb's programs")
@pytest.mark.parametrize("message", said.all_messages(), ids=lambda message: str(message.text))
def test_a_message_is_one_of_djbs_if_it_has_a_level_but_beyond(message: said.Message) -> None:
    binary = Path("/usr/bin", message.program).read_bytes()
    # Where a processor was killed, the reference names the signal and 0.76 an error.
    words = re.split("[:,/()]|signal NUMBER|[A-Z]{2,}", message.text.partition(": ")[2])
    clause = lookups.clause_of(message)
    has_level = clause is not None and clause.level != "BEYOND"
    assert all(word.strip().encode() in binary for word in words) == (
        has_level or message.text in UNQUOTED
    )


def test_each_variable_of_the_servers_is_on_their_page() -> None:
    shown = lookups.env_files()
    for file in lookups.SERVERS.glob("*/env/*"):
        assert f"| `env/{file.name}` | `{file.read_text().strip()}` |" in shown


def test_chapter_11_leads_from_whatever_ends_multilog_to_the_log_stopped() -> None:
    text = (DOCS / "book/11-trouble.md").read_text()
    (row,) = re.findall(r"^\| (`.*) \| \[The log stopped\]\(#", text, re.M)
    led = re.findall("`([^`]+)`", row)
    ends = [m.text for m in said.all_messages() if m.text.startswith("multilog: fatal: unable")]
    assert ends
    assert [text for text in ends if not any(words in text for words in led)] == []


def test_chapter_11_leads_from_a_message_to_a_section_that_has_it() -> None:
    _, *parts = (DOCS / "book/11-trouble.md").read_text().split("\n## ")
    sections = dict(part.split("\n", 1) for part in parts)
    rows = re.findall(
        r"^\| (`.*) \| \[(.*)\]\(#", sections["4. What is on svscan's standard error?"], re.M
    )
    assert rows
    for messages, section in rows:
        for message in re.findall("`([^`]+)`", messages):
            pattern = re.sub("DIR|NAME", r"[^ ]+", message)
            assert re.search(pattern, sections[section]), f"{message}: not in {section}"
