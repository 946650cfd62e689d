"""exec: where the next program is looked for."""

import re
import shutil

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.runners import (
    answer_of,
    arguments_before_child,
    each_runner,
    refusal,
    run_through,
)
from daemontools_conformance.running.sandbox import Sandbox

YES = (0, b"yes\n", b"")


def _say(sandbox: Sandbox, name: str | bytes, word: str) -> None:
    sandbox.write(name, f"#!/bin/sh\necho {word}\n", 0o755)


@clause("exec/path/slash")
@each_runner
def test_name_with_slash_needs_no_path(sandbox: Sandbox, runner: str) -> None:
    answer = run_through(sandbox, runner, "/bin/echo", "yes", env={"PATH": "/nowhere"})
    assert answer_of(answer) == YES


@clause("exec/path/slash-relative")
@each_runner
def test_name_with_slash_is_relative_to_here(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "sub/prog", "yes")
    answer = run_through(sandbox, runner, "sub/prog", env={"PATH": "/nowhere"})
    assert answer_of(answer) == YES


@clause("exec/path/slash-not-searched")
@each_runner
def test_name_with_slash_is_not_searched(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "dir/sub/prog", "no")
    answer = run_through(sandbox, runner, "sub/prog", env={"PATH": "dir"})
    assert answer_of(answer) == refusal(runner, "sub/prog", "file does not exist")


@clause("exec/path/order")
@each_runner
def test_first_directory_that_has_it_wins(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "b/prog", "yes")
    _say(sandbox, "c/prog", "no")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "a:b:c"})
    assert answer_of(answer) == YES


@clause("exec/path/order")
@each_runner
def test_the_longest_name_and_the_longest_file_name(sandbox: Sandbox, runner: str) -> None:
    name = "p" * 255
    _say(sandbox, f"b/{name}", "yes")
    element = "./" * 1919 + "b"
    assert len(f"{element}/{name}") == 4095
    answer = run_through(sandbox, runner, name, env={"PATH": f"a:{element}:c"})
    assert answer_of(answer) == YES


@clause("exec/path/order")
@each_runner
def test_a_path_of_very_many_elements(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "b/prog", "yes")
    nowhere = [f"/nowhere/{number:05}" for number in range(8000)]  # 120 KB
    answer = run_through(sandbox, runner, "prog", env={"PATH": ":".join([*nowhere, "b"])})
    assert answer_of(answer) == YES


@clause("exec/path/unset")
@each_runner
def test_without_path_the_system_is_searched(sandbox: Sandbox, runner: str) -> None:
    answer = run_through(sandbox, runner, "echo", "yes", prepare=["--empty-environ"])
    assert answer_of(answer) == YES


@clause("exec/path/unset")
@needs("strace")
@each_runner
def test_without_path_bin_comes_before_usr_bin(sandbox: Sandbox, runner: str) -> None:
    # They may be one directory: then only the calls show that both are asked.
    words = sandbox.words(runner, *arguments_before_child(sandbox, runner), "nosuch")
    trace = ["strace", "-f", "-o", "trace", "-e", "trace=%file", "/usr/bin/env", "-i"]
    sandbox.start_command([*trace, *words]).wait()
    asked = re.findall(r'"([^"]*)/nosuch"', (sandbox.path / "trace").read_text())
    assert list(dict.fromkeys(asked)) == ["/bin", "/usr/bin"]


@clause("exec/path/unset-not-here")
@each_runner
def test_without_path_the_working_directory_is_not_searched(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "prog", "no")
    answer = run_through(sandbox, runner, "prog", prepare=["--empty-environ"])
    assert answer_of(answer) == refusal(runner, "prog", "file does not exist")


@clause("exec/path/entry-without-value")
@each_runner
def test_path_entry_without_value_is_no_path(sandbox: Sandbox, runner: str) -> None:
    block = ["--empty-environ", "--environ-entry", "PATH", "--environ-entry", "PATHS=/nowhere"]
    answer = run_through(sandbox, runner, "echo", "yes", prepare=block)
    assert answer_of(answer) == YES


@clause("exec/path/first-of-two")
@each_runner
def test_first_of_two_paths_counts(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "a/prog", "yes")
    _say(sandbox, "b/prog", "no")
    block = ["--empty-environ", "--environ-entry", "PATH=a", "--environ-entry", "PATH=b"]
    answer = run_through(sandbox, runner, "prog", prepare=block)
    assert answer_of(answer) == YES


@clause("exec/path/empty")
@each_runner
def test_empty_path_is_the_working_directory(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "prog", "yes")
    answer = run_through(sandbox, runner, "prog", env={"PATH": ""})
    assert answer_of(answer) == YES


@clause("exec/path/empty-element")
@each_runner
def test_empty_elements_are_the_working_directory(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "prog", "yes")
    answers = {
        path: answer_of(run_through(sandbox, runner, "prog", env={"PATH": path}))
        for path in (":/nowhere", "/nowhere:", "/nowhere::/nowhere")
    }
    assert answers == dict.fromkeys(answers, YES)


@clause("exec/path/relative-element")
@each_runner
def test_elements_may_be_relative(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, "sub/dir/prog", "yes")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "/nowhere:sub/dir"})
    assert answer_of(answer) == YES


@clause("exec/path/not-utf8")
@each_runner
def test_names_need_not_be_utf8(sandbox: Sandbox, runner: str) -> None:
    _say(sandbox, b"d\xe9/pr\xff\xfeg", "yes")
    answer = run_through(sandbox, runner, b"pr\xff\xfeg", env={b"PATH": b"/nowhere:d\xe9"})
    assert answer_of(answer) == YES


@clause("exec/child/arguments")
@each_runner
def test_arguments_are_passed_on_as_they_are(sandbox: Sandbox, runner: str) -> None:
    words = [b"[%s]", b"a b", b"", b"-n", b"--", b"x\ny", b"\xff\x80", "-ü".encode(), b"*"]
    answer = run_through(sandbox, runner, shutil.which("printf") or "printf", *words)
    shown = b"".join(b"[" + word + b"]" for word in words[1:])
    assert answer_of(answer) == (0, shown, b"")
