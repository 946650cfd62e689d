"""multilog: the script language, one action an argument."""

import os
import re

import pytest

from daemontools_conformance.helpers.logdirs import contents, lines, old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox


def largest_old_file(sandbox: Sandbox, *script: str, input_bytes: int) -> int:
    """The size of the largest old file after so much input in lines of 60 bytes."""
    sandbox.run("multilog", *script, input=lines(input_bytes // 60), within=60)
    return max(file.stat().st_size for file in old_files(sandbox.path / "log"))


@clause("multilog/script/no-action")
def test_no_action_reads_everything_and_does_nothing(sandbox: Sandbox) -> None:
    text = b"one\ntwo\n" * 50_000
    with open(sandbox.write("input", text), "rb") as source:
        answer = sandbox.run("multilog", stdin=source)
        assert os.lseek(source.fileno(), 0, os.SEEK_CUR) == len(text)
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")
    assert [file.name for file in sandbox.path.iterdir()] == ["input"]


@clause("multilog/script/unknown-letter")
@pytest.mark.parametrize("word", ["", "x", "T", "E", "#", "log", "\\./log", " ./log", "*"])
def test_argument_without_a_known_first_letter_is_ignored(sandbox: Sandbox, word: str) -> None:
    answer = sandbox.run("multilog", word, "e", input=b"one\n")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"one\n")
    assert list(sandbox.path.iterdir()) == []


@clause("multilog/script/rest-of-word")
def test_rest_of_an_e_word_is_ignored(sandbox: Sandbox) -> None:
    assert sandbox.run("multilog", "eager", input=b"one\n").err == b"one\n"


@clause("multilog/script/rest-of-word")
def test_rest_of_a_t_word_is_ignored(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "tango", "e", input=b"one\n")
    assert re.fullmatch(rb"@[0-9a-f]{24} one\n", answer.err)


@clause("multilog/script/stamp-first-only")
@pytest.mark.parametrize("script", [["e", "t"], ["x", "t", "e"], ["", "t", "e"]])
def test_t_is_ignored_unless_it_comes_first(sandbox: Sandbox, script: list[str]) -> None:
    assert sandbox.run("multilog", *script, input=b"one\n").err == b"one\n"


@clause("multilog/script/order")
def test_an_action_sees_what_is_selected_when_its_turn_comes(sandbox: Sandbox) -> None:
    script = ["./all", "-*b*", "./not-b", "+ab", "./ab-back", "-*", "./none", "+c", "./c"]
    sandbox.run("multilog", *script, input=b"a\nab\nb\nc\n")
    written = {d.name: (d / "current").read_bytes() for d in sandbox.path.iterdir()}
    assert written == {
        "all": b"a\nab\nb\nc\n",
        "not-b": b"a\nc\n",
        "ab-back": b"a\nab\nc\n",
        "none": b"",
        "c": b"c\n",
    }


@clause("multilog/script/order")
def test_an_action_may_stand_several_times(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "e", "-b", "e", input=b"a\nb\n")
    assert answer.err == b"a\na\nb\n"


@clause("multilog/script/several-directories")
def test_each_directory_gets_its_copy(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "./a", ".b", f"{sandbox.path}/c", input=lines(100))
    assert (answer.code, answer.err) == (0, b"")
    for name in ("a", ".b", "c"):
        assert (sandbox.path / name / "current").read_bytes() == lines(100)


@clause("multilog/script/settings-apply-later")
def test_size_counts_for_later_directories_only(sandbox: Sandbox) -> None:
    script = ["./default", "s5000", "./small", "s8000", "./medium", "n500"]
    sandbox.run("multilog", *script, input=lines(400))
    assert old_files(sandbox.path / "default") == []
    small, medium = (
        [file.stat().st_size for file in old_files(sandbox.path / name)]
        for name in ("small", "medium")
    )
    assert max(small) <= 5000 < max(medium) <= 8000


@clause("multilog/script/settings-apply-later")
def test_number_counts_for_later_directories_only(sandbox: Sandbox) -> None:
    script = ["s4096", "n3", "./three", "n5", "./five", "n2"]
    sandbox.run("multilog", *script, input=lines(1000))
    kept = [len(old_files(sandbox.path / name)) for name in ("three", "five")]
    assert kept == [2, 4]


@clause("multilog/script/settings-apply-later")
def test_processor_counts_for_later_directories_only(sandbox: Sandbox) -> None:
    script = ["s4096", "./plain", "!tr x y", "./processed"]
    sandbox.run("multilog", *script, input=lines(100))
    assert b"y" not in contents(sandbox.path / "plain")
    assert b"x" not in old_files(sandbox.path / "processed")[0].read_bytes()


@clause("multilog/script/last-setting")
def test_the_last_setting_before_a_directory_counts(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "s9000", "n2", "s4096", "n4", "./log", input=lines(1000))
    assert all(file.stat().st_size <= 4096 for file in old_files(sandbox.path / "log"))
    assert len(old_files(sandbox.path / "log")) == 3


@clause("multilog/script/size-least")
@pytest.mark.parametrize("word", ["s4095", "s1", "s0"])
def test_size_is_at_least_4096(sandbox: Sandbox, word: str) -> None:
    assert 4096 - 2000 <= largest_old_file(sandbox, word, "./log", input_bytes=20_000) <= 4096


@clause("multilog/script/size-most")
@pytest.mark.parametrize("word", ["s16777216", "s99999999999"])
def test_size_is_at_most_16777215(sandbox: Sandbox, word: str) -> None:
    size = largest_old_file(sandbox, word, "./log", input_bytes=17_000_000)
    assert 16777215 - 2000 <= size <= 16777215


@clause("multilog/script/size-default")
def test_size_without_the_action_is_99999(sandbox: Sandbox) -> None:
    size = largest_old_file(sandbox, "./log", input_bytes=300_000)
    assert 99999 - 2000 <= size <= 99999


@clause("multilog/script/size-no-digits")
@pytest.mark.parametrize("word", ["s", "snafu", "s-5000", "s 5000", "s+5000"])
def test_word_that_begins_with_s_sets_the_least_size(sandbox: Sandbox, word: str) -> None:
    assert largest_old_file(sandbox, word, "./log", input_bytes=20_000) <= 4096


@clause("multilog/script/size-digits-end")
def test_digits_of_a_size_end_at_the_first_other_character(sandbox: Sandbox) -> None:
    size = largest_old_file(sandbox, "s20000k9", "./log", input_bytes=60_000)
    assert 18_000 <= size <= 20_000


@clause("multilog/script/size-wraps")
@pytest.mark.parametrize("number", [2**64 + 20_000, 10**100 * 2**64 + 20_000])
def test_size_wraps_at_2_to_the_64(sandbox: Sandbox, number: int) -> None:
    size = largest_old_file(sandbox, f"s{number}", "./log", input_bytes=60_000)
    assert 18_000 <= size <= 20_000


@clause("multilog/script/number-least")
@pytest.mark.parametrize("word", ["n1", "n0"])
def test_number_is_at_least_2(sandbox: Sandbox, word: str) -> None:
    sandbox.run("multilog", "s4096", word, "./log", input=lines(500))
    assert len(old_files(sandbox.path / "log")) == 1


@clause("multilog/script/number-wraps")
@pytest.mark.parametrize("number", [2**64 + 4, 10**100 * 2**64 + 4])
def test_number_wraps_at_2_to_the_64(sandbox: Sandbox, number: int) -> None:
    sandbox.run("multilog", "s4096", f"n{number}", "./log", input=lines(1000))
    assert len(old_files(sandbox.path / "log")) == 3


@clause("multilog/script/number-great")
@pytest.mark.parametrize("number", [2**31 + 4, 2**32 + 4, 2**63 + 4, 2**64 - 1])
def test_a_great_number_removes_nothing(sandbox: Sandbox, number: int) -> None:
    sandbox.run("multilog", "s4096", f"n{number}", "./log", input=lines(1000))
    assert contents(sandbox.path / "log") == lines(1000)


@clause("multilog/script/number-default")
def test_number_without_the_action_is_10(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "s4096", "./log", input=lines(2000))
    assert len(old_files(sandbox.path / "log")) == 9


@clause("multilog/script/number-no-digits")
@pytest.mark.parametrize("word", ["n", "none", "n-7"])
def test_word_that_begins_with_n_sets_the_least_number(sandbox: Sandbox, word: str) -> None:
    sandbox.run("multilog", "s4096", word, "./log", input=lines(500))
    assert len(old_files(sandbox.path / "log")) == 1


@clause("multilog/script/options")
def test_there_are_no_options(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "--", "-e", "e", input=b"e\n--\n-\n-e\n")
    assert answer.err == b"--\n-e\n"
