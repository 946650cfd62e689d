"""`daemontools check` and `new`: each finding, and a new service that has none."""

import argparse
import errno
import json
import os
import pwd
import re
import shlex
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from companion import launchers, run, service

from daemontools.companion import check, new

GOOD = "#!/bin/sh\nexec 2>&1\nexec sleep 1000\n"

# What is in ./run, or what is done to a good service -> the finding.
SCRIPTS = {
    "#!/bin/sh\nexec 2>&1\n./server & p=$!\ntrap 'rm pid; exit' TERM\nwait\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\n./server & p=$!\ntrap 'kill $p' HUP\nwait; echo TERM\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\n./server & p=$!\ntrap 'kill -0 $p' TERM\nwait\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\n./server & p=$!\n# trap 'kill $p' TERM\nwait\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\ntrap 'kill $p' TERM\n./server\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\ntrap end TERM\nend() { exit; }\n./server &\nwait\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\n./server\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\nexec ./server | tee log\n": "no-exec",
    "#!/bin/sh\nexec ./server 2>&1 | tee log\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\n./server | exec tee log\n": "no-exec",
    "#!/bin/sh\nexec  2>&1\n./server\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\n# exec sleep\nsleep 1000\n": "no-exec",
    "#!/bin/sh\nexec sleep 1000\n": "no-stderr",
    "#!/bin/sh\nexec setuidgid daemon sleep 1000\nexec 2>&1\n": "no-stderr",
    "#!/bin/sh\n# exec 2>&1\nexec sleep 1000\n": "no-stderr",
    "#!/bin/sh\nexec 2>&1\ncase $x in\na) ./server ;;\n*) exec 3>x ;;\nesac\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\ncase $x in a) exec ./server | tee log ;; esac\n": "no-exec",
    "#!/bin/sh\nexec 2>&1 3>x </dev/null # exec it\n./server\n": "no-exec",
    "#!/bin/bash\nexec > >(tee log) 2>&1\n./server\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\necho done\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\nnohup ./server\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\nnohup ./server & wait\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\nfor x in a b; do ./$x & done; wait\n": "no-exec",
    "#!/bin/sh\nexec 2>&1\nn=0\nwhile sleep 1; do n=$((n + 1)); echo tick $n; done\n": "loop",
    "#!/bin/sh\nexec 2>&1\nwhile :\ndo\n./server\ndone </dev/null 2>&1 | tee log\n": "loop",
    "#!/bin/sh\nexec 2>&1\nexec nohup ./server &\n": "background",
    "#!/bin/sh\nexec 2>&1\nnohup ./server >log 2>&1 &\nexec true\n": "background",
    "#!/bin/sh\nexec 2>&1\nexec server --daemonize\n": "background",
    "#!/bin/sh\nexec 2>&1\nexec server --daemonize yes\n": "background",
    "#!/bin/sh\nexec 2>&1\nexec server --daemon=on --x\n": "background",
    "#!/bin/sh\nexec 2>&1\nexec server &\n": "background",
    "#!/bin/sh\r\nexec 2>&1\r\nexec sleep 1000\r\n": "crlf",
    "#!/no/such/shell\n": "no-interpreter",
    "#!/etc\n": "no-interpreter",
    "#!/etc/passwd\n": "no-interpreter",
    "exec 2>&1\nexec sleep 1000\n": "no-interpreter",
    "#!/bin/sh\nexec 2>&1\nexec server >>/var/log/server\n": "unbounded",
    "#!/bin/sh\nexec 2>&1\nexec setuidgid nosuch server\n": "account",
    "#!/bin/sh\nexec 2>&1\nexec envuidgid nosuch server\n": "account",
    "#!/bin/sh\nexec 2>&1\nexec chpst -u daemon server\n": "runit",
    "#!/bin/sh\nexec 2>&1\nexec softlimit -m 1000000 server\n": "memory-limit",
    "#!/bin/sh\nexec 2>&1\nexec envdir ./env server\n": "envdir",
    "#!/bin/sh\nexec 2>&1\nexec envdir run server\n": "envdir",
    "#!/bin/sh\nexec 2>&1\nsetuidgid daemon\nexec server\n": "chain",
    "#!/bin/sh\nexec 2>&1\nenvuidgid daemon && exec server\n": "chain",
    "#!/bin/sh\nexec 2>&1\nenvdir .; exec server\n": "chain",
    "#!/bin/sh\nexec 2>&1\nsetlock -n -x ./lock\nexec server\n": "chain",
    "#!/bin/sh\nexec 2>&1\nexec softlimit -c 0 -o99 # limits\nserver\n": "chain",
    "#!/bin/sh\nexec 2>&1\npgrphack\nexec server\n": "chain",
    "#!/bin/sh\nexec 2>&1\n/usr/local/bin/setuidgid daemon\nexec server\n": "chain",
    "#!/bin/sh\nexec 2>&1\nexec ../bin/pgrphack\nserver\n": "chain",
}
FINE = [
    GOOD,
    "#!/bin/sh\nexec 2>&1\nif test -e x; then exec a; else exec b; fi\n",
    "#!/bin/sh\nexec 2>&1\nexec \\\n  softlimit -m 100000000 \\\n  server\n",
    "#!/bin/sh\nexec 2>&1\nexec softlimit -c 0 -o 100 server -d 1 -s 1 -m 1\n",
    "#!/bin/sh\nexec server 2>&1\n",
    "#!/bin/sh\nif test -e x\nthen\nexec a\nfi\nexec 2>&1\nexec b\n",
    "#!/bin/sh\ntwin() {\nexec a\n}\nexec 2>&1\ntwin\n",
    "#!/bin/sh\nexec a &\nexec 2>&1\nexec b\n",
    "#!/bin/sh\ntest -e x &&\nexec a\nexec 2>&1\nexec b\n",
    "#!/bin/sh\nsh -c '\nexec a\n'\nexec 2>&1\nexec b\n",
    "#!/bin/sh\ncat >conf <<END\nexec a\nEND\nexec 2>&1\nexec b\n",
    "#!/bin/sh\nexec 2>&1\ncase ${x:-a} in\na) exec ./x ;;\n*) exec ./y ;;\nesac\n",
    "#!/bin/sh\nexec 2>&1\ncase $x in a|b)exec ./x;; *)exec ./y;; esac\n",
    "#!/bin/sh\nexec 2>&1 3<file </dev/null ./server\n",
    "#!/bin/sh\nexec 2>&1\nHOME=/ X='a b' Y= exec ./server\n",
    "#!/bin/sh\nexec 2>&1\nexec nohup sleep 1000\n",
    "#!/bin/sh\nexec 2>&1\n# without --daemon, so that supervise keeps it\nexec ./server\n",
    "#!/bin/sh\nexec 2>&1\nexec fghack ./server --daemonize\n",
    "#!/bin/sh\nexec 2>&1\nexec ./server >>/dev/null\n",
    "#!/bin/sh\nexec 2>&1\nnohup ./server & p=$!\ntrap 'kill $p' TERM\nwait\n",
    "#!/bin/sh\nexec 2>&1\nexec server --daemonize no --daemon=off --daemon-user x\n",
    "#!/bin/sh\nexec 2>&1\ncd / && exec sleep 1000\n",
    "#!/bin/sh\nexec 2>&1\ncat >help <<END\nsetuidgid daemon\nEND\nexec server\n",
    "#!/bin/sh\nexec 2>&1\nsetuidgid daemon test -w .\nexec setuidgid $words\n",
    "#!/usr/bin/env python3\nprint(1)\n",
    '#!/bin/sh\nexec 2>&1\nexec envdir "$HOME/env" server\n',
    "#!/bin/sh\nexec 2>&1\ncd /srv && exec envdir ./env server\n",
    "#!/bin/sh\nexec 2>&1\nmkdir -p env\nexec envdir ./env server\n",
    "#!/bin/sh\nexec 2>&1\n./server & p=$!\ntrap 'kill $p' INT TERM\nwait\n",
    '#!/bin/sh\nexec 2>&1\n./server & p=$!\ntrap "kill -USR1 \\"$p\\"" 15\nwait $p\n',
    "#!/bin/sh\nexec 2>&1\nend() {\nkill $p\n}\ntrap end SIGTERM\n./server & p=$!\nwait $p\n",
]
PAGES = Path(__file__).parents[2] / "docs/howto"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin"))


def kinds(directory: Path) -> list[str]:
    return [finding.kind for finding in check.of_service(directory)]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return service(tmp_path / "tree/good", "exec sleep 1000")


def test_a_good_service_has_no_finding(good: Path) -> None:
    assert kinds(good) == []


@pytest.mark.parametrize("text", FINE)
def test_a_script_that_does_it_differently_has_none(good: Path, text: str) -> None:
    (good / "run").write_text(text)
    assert kinds(good) == []


@pytest.mark.parametrize("page", ["from-runit-or-systemd", "change-signals"])
def test_a_script_of_the_pages_that_hands_term_on_has_none(good: Path, page: str) -> None:
    [text] = re.findall(
        r"```sh\n(#!/bin/sh\n[^`]*\btrap [^`]*)```", (PAGES / f"{page}.md").read_text()
    )
    (good / "run").write_text(text.replace("#!/bin/sh\n", "#!/bin/sh\nexec 2>&1\n"))
    assert kinds(good) == []


@pytest.mark.parametrize(("text", "kind"), SCRIPTS.items(), ids=str)
def test_a_script_has_its_finding_and_no_other(good: Path, text: str, kind: str) -> None:
    (good / "run").write_bytes(text.encode())
    assert kinds(good) == [kind]


def test_a_run_that_is_not_executable(good: Path) -> None:
    (good / "run").chmod(0o644)
    assert kinds(good) == ["not-executable"]


def make_long(script: Path) -> None:
    """A file that no memory holds; it takes no room on the disk."""
    script.write_text(GOOD)
    os.truncate(script, 2**40)
    script.chmod(0o755)


ODD: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "FIFO": (os.mkfifo, ["not-executable"]),
    "directory": (os.mkdir, ["not-executable"]),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), ["not-executable"]),
    "loop": (lambda path: path.symlink_to(path.name), ["no-run"]),
    "name too long": (lambda path: path.symlink_to("x" * 300), ["no-run"]),
    "file above": (lambda path: path.symlink_to("/etc/passwd/run"), ["no-run"]),
    "longer than memory": (make_long, []),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("script", ["run", "log/run"])
def test_a_script_that_is_odd_is_judged_at_once(good: Path, script: str, odd: str) -> None:
    make, expected = ODD[odd]
    (good / script).unlink()
    make(good / script)
    assert kinds(good) == expected


def test_a_number_of_any_length_is_read_as_softlimit_reads_it(good: Path) -> None:
    limit = f"1{'0' * 5000}"  # a multiple of 2^64
    (good / "run").write_text(f"#!/bin/sh\nexec 2>&1\nexec softlimit -m {limit} server\n")
    assert kinds(good) == ["memory-limit"]


LOW = [
    *("-m 5000000", "-a 9000000", "-d 1000000", "-d5000000", "-s 20000"),
    *("-c 0 -o 99 -d 5000000", "-o 99 softlimit -m 5000000"),
]
HIGH = ["-m 50000000", "-a 50000000", "-d 20000000", "-s 1000000", "-o 9 -l 0 -r 1"]


@pytest.mark.parametrize("limit", LOW + HIGH)
def test_a_limit_under_which_multilog_does_not_start(
    good: Path, command: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(command.parent), prepend=":")
    script = f"#!/bin/sh\nexec softlimit {limit} \\\n  multilog t ./main\n"
    (good / "log/run").write_text(script)
    assert kinds(good) == (["memory-limit"] if limit in LOW else [])


def test_each_limit_of_a_softlimit_is_tried(good: Path) -> None:
    line = "exec softlimit -d 100 -m 9000000000 -s 100 -a 100 server"
    (good / "run").write_text(f"#!/bin/sh\nexec 2>&1\n{line}\n")
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("memory-limit", limit) for limit in ("-d 100", "-s 100", "-a 100")]


def test_a_name_that_no_file_can_have_is_a_finding(good: Path) -> None:
    (good / "run").write_text(f"#!/{'x' * 5000}\n")
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t ./{'x' * 5000}\n")
    assert kinds(good) == ["no-interpreter"]


def test_no_run(good: Path) -> None:
    (good / "log/run").unlink()
    assert "no-run" in kinds(good)


def test_a_down_that_was_left_behind(good: Path) -> None:
    (good / "down").touch()
    assert kinds(good) == ["down"]


def test_no_log(tmp_path: Path) -> None:
    assert kinds(service(tmp_path / "x", "exec sleep 1", log=False)) == ["no-log"]


def test_a_logger_given_by_name_is_checked_as_a_logger(good: Path) -> None:
    assert kinds(good / "log") == []
    (good / "log/run").write_text("#!/bin/sh\nexec multilog t main\n")
    assert kinds(good / "log") == kinds(good) == ["log-name"]
    assert kinds(service(good.parent / "log", "exec sleep 1", log=False)) == ["no-log"]


@pytest.mark.parametrize("folder", ["", "/usr/bin/"])
def test_a_log_directory_that_its_user_may_not_write(good: Path, folder: str) -> None:
    script = f"#!/bin/sh\nexec {folder}setuidgid daemon {folder}multilog t ./main\n"
    (good / "log/run").write_text(script)
    (good / "log/main").chmod(0o755)
    assert kinds(good) == ["log-directory"]
    (good / "log/main").chmod(0o777)
    assert kinds(good) == []


@pytest.fixture
def logger(good: Path) -> Path:
    """A logger of another account, which may do what it needs."""
    (good / "log/run").write_text("#!/bin/sh\nexec setuidgid daemon multilog t ./main\n")
    (good / "log/main").chmod(0o777)
    (good / "log").chmod(0o755)
    assert kinds(good) == []
    return good / "log"


def test_a_status_file_that_a_logger_may_not_make_or_write(logger: Path) -> None:
    (logger / "run").write_text((logger / "run").read_text().replace("./main", "=status ./main"))
    found = [(finding.kind, finding.detail) for finding in check.of_service(logger.parent)]
    assert found == [("log-directory", "daemon, =status")]
    (logger / "status").touch(mode=0o644)
    assert kinds(logger.parent) == ["log-directory"]
    (logger / "status").chmod(0o602)
    assert kinds(logger.parent) == []
    (logger / "status").unlink()
    logger.chmod(0o777)
    assert kinds(logger.parent) == []


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o744])
def test_a_logger_that_may_not_open_its_own_directory(logger: Path, mode: int) -> None:
    logger.chmod(mode)
    assert kinds(logger.parent) == ["log-directory"]


@pytest.mark.parametrize("word", ["./main/web", "../main/web"])
def test_a_log_directory_below_a_closed_folder(logger: Path, word: str) -> None:
    text = (logger / "run").read_text()
    (logger / "run").write_text(text.replace("./main", word))
    (logger / word).mkdir(parents=True)
    (logger / word).chmod(0o777)
    (logger / word).parent.chmod(0o711)
    assert kinds(logger.parent) == []
    (logger / word).parent.chmod(0o766)
    assert kinds(logger.parent) == ["log-directory"]


def test_a_link_to_a_log_directory_below_a_closed_folder(logger: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    shutil.move(logger / "main", tmp_path / "closed/main")
    (logger / "main").symlink_to(tmp_path / "closed/main")
    assert kinds(logger.parent) == ["log-directory"]
    (logger / "main").unlink()


def test_a_log_directory_by_its_whole_path(logger: Path) -> None:
    with tempfile.TemporaryDirectory() as open_above:
        text = (logger / "run").read_text()
        (logger / "run").write_text(text.replace("./main", f"{open_above}/main"))
        Path(open_above, "main").mkdir()
        Path(open_above, "main").chmod(0o777)
        assert kinds(logger.parent) == ["log-directory"]
        Path(open_above).chmod(0o711)
        assert kinds(logger.parent) == []
        Path(open_above, "main").chmod(0o733)
        assert kinds(logger.parent) == ["log-directory"]
        Path(open_above, "main").rmdir()
        assert kinds(logger.parent) == ["log-directory"]
        Path(open_above).chmod(0o733)
        assert kinds(logger.parent) == []


@pytest.mark.parametrize("target", ["nowhere", "main", "no/where"])
def test_a_link_to_a_log_directory_that_leads_nowhere(good: Path, target: str) -> None:
    (good / "log/main").rmdir()
    (good / "log/main").symlink_to(target)
    assert kinds(good) == ["log-directory"]


SIZES = {
    "./main s1000000 n50": "s1000000",
    "./main '!gzip'": "!gzip",
    "s4096 ./main '-*' =status n3": "n3",
}


@pytest.mark.parametrize(("script", "detail"), SIZES.items())
def test_a_size_that_no_directory_follows(good: Path, script: str, detail: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t {script} 2>&1\n")
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("log-size", detail)]


@pytest.mark.parametrize("rest", ["s4096 ./more", 'n5 "$more"', "n5 $(cat more)", "n5 `cat more`"])
def test_a_size_that_a_directory_may_follow(good: Path, rest: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t s9999 n3 ./main {rest}\n")
    assert kinds(good) == []


@pytest.mark.parametrize(
    ("script", "detail"),
    {
        "./main '-* x *' '+*'": "-* x *",
        "./main e +x =status '-*' n9 ./b '+y' s4096 !p": "+y",
    }.items(),
)
def test_a_pattern_that_no_action_follows(good: Path, script: str, detail: str) -> None:
    (good / "log/b").mkdir()
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t {script} 2>&1\n")
    found = [finding for finding in check.of_service(good) if finding.kind == "log-pattern"]
    assert [finding.detail for finding in found] == [detail]


@pytest.mark.parametrize(
    "words", ["", "2>&1", "t", "t s100000 n5", "t '-* x *' '+*'", "n5 '!gzip' 2>&1", "n s"]
)
def test_a_logger_without_a_log_directory(good: Path, words: str) -> None:
    for multilog in ("exec multilog", "multilog", "/usr/bin/multilog"):
        (good / "log/run").write_text(f"#!/bin/sh\n{multilog} {words}\n")
        assert [kind for kind in kinds(good) if kind != "no-exec"] == ["log-nowhere"]


@pytest.mark.parametrize("words", ["'+* x *' ./main", "+y ./main '-*' '+* x *' =status"])
def test_a_pattern_that_selects_what_is_selected(good: Path, words: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t {words}\n")
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("log-select", words.partition(" ./")[0].strip("'"))]


@pytest.mark.parametrize("word", ["s10M", "n20k", "n 20", "s 10M"])
def test_a_number_with_a_unit_or_apart(good: Path, word: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t {word} ./main\n")
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("log-unit", word)]


@pytest.mark.parametrize("line", ["exec multilog t ./main <in", "exec <in multilog ./main 2>&1"])
def test_a_logger_that_reads_a_file(good: Path, line: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\n{line}\n")
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("log-input", "in")]


@pytest.mark.parametrize(
    "words",
    ["-t ./main", "-tt s9999 ./main", "s9999 t ./main", "./main t", "'-* x *' \\\n t ./main"],
)
def test_a_label_that_multilog_ignores(good: Path, words: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog {words}\n")
    assert kinds(good) == ["log-label"]


@pytest.mark.parametrize(
    "again", ["./main", "./main/", ".//main", "../log/main", "./link", "$PWD/main", "${PWD}/./main"]
)
def test_a_log_directory_that_one_multilog_has_twice(good: Path, again: str) -> None:
    (good / "log/link").symlink_to("main")
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t ./main '-*' '+* x *' {again}\n")
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("log-twice", re.sub(r"\$.*?/", "./", again))]


LOGGERS = [
    "exec multilog t '-* <x> *' '+* <' ./main",
    "exec multilog t t ./main",
    "exec multilog $options t ./main",
    "exec multilog 2>&1 t ./main",
    "exec multilog t '-*' =twice =twice ./main",
    "exec multilog t ./main '-*' '+* x *' =status",
    "exec multilog t ./main '-*' '+* x *' e",
    'exec multilog t ./main "-* $word *" ./$more',
    "exec multilog t ./main <&0",
    "exec multilog t ./main 3<run",
    "exec multilog t ./main </dev/stdin",
    "exec multilog t <(cat conf) ./main",
    "mkdir -p /tmp/multilog\nexec multilog t ./main",
    "echo multilog\nexec multilog t ./main",
    "exec multilog t ~daemon/main",
    "which multilog >/dev/null\nexec multilog t ./main",
    "exec multilog t =status",
    "exec multilog t '-*' '+* x *' e",
    "exec multilog t s99999 $directory",
    'exec multilog t "-$x" "!$PWD/$x"',
    "exec multilog t '+*' ./main",
    "exec multilog $options '+* x *' ./main",
    "read -r user <run\nexec multilog t ./main",
    "if test -e x\nthen\n  exec multilog t ./main\nelse\n  exec multilog t ./main\nfi",
    "exec multilog t \\\n  s4096 ./main",
    "exec sh -c 'exec multilog t main'",
]


@pytest.mark.parametrize("lines", LOGGERS)
def test_a_logger_that_does_it_differently_has_no_finding(good: Path, lines: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\n{lines}\n")
    assert kinds(good) == []


@pytest.mark.parametrize("word", ["main", "~/main", "log/~"])
def test_a_log_directory_that_multilog_takes_for_nothing(good: Path, word: str) -> None:
    for line in (f"exec multilog t s99999 n5 e {word} 2>&1", f'exec multilog "{word}"'):
        (good / "log/run").write_text(f"#!/bin/sh\n{line}\n")
        found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
        assert found == [("log-name", word)]


@pytest.mark.parametrize("rest", ["> human", "2> human", ">human 2>&1", "| tee human", "; human"])
def test_only_the_arguments_of_multilog_are_log_directories(good: Path, rest: str) -> None:
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t ./main {rest}\n")
    assert "log-name" not in kinds(good)


def test_the_logger_and_the_finish_of_runit(good: Path) -> None:
    (good / "log/run").write_text("#!/bin/sh\nexec svlogd -tt ./main\n")
    (good / "finish").touch()
    assert kinds(good) == ["runit", "runit"]


def test_the_page_lists_every_finding() -> None:
    page = (Path(__file__).parents[2] / "docs/man/daemontools.md").read_text()
    assert [kind for kind, why in check.WHY.items() if f"| `{kind}` | {why} |" not in page] == []


def test_envdir_reads_files_only(good: Path) -> None:
    (good / "run").write_text("#!/bin/sh\nexec 2>&1\nexec envdir ./env sleep 1\n")
    (good / "env/.git").mkdir(parents=True)
    (good / "env/PORT").write_text("80\n")
    assert kinds(good) == []
    (good / "env/old").mkdir()
    with socket.socket(socket.AF_UNIX) as lost:
        lost.bind(os.path.relpath(good / "env/s"))
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("envdir", "./env/old"), ("envdir", "./env/s")]


def test_an_envuidgid_before_envdir_is_overruled(good: Path) -> None:
    line = "exec envuidgid daemon softlimit -c 0 envdir ./env sleep 1"
    (good / "run").write_text(f"#!/bin/sh\nexec 2>&1\n{line}\n")
    (good / "env").mkdir()
    assert kinds(good) == []
    (good / "env/GID").touch()
    found = [(finding.kind, finding.detail) for finding in check.of_service(good)]
    assert found == [("overruled", "./env/GID")]
    line = "exec envdir ./env envuidgid daemon sleep 1"
    (good / "run").write_text(f"#!/bin/sh\nexec 2>&1\n{line}\n")
    assert kinds(good) == []


@pytest.mark.parametrize("folder", ["", "log"])
@pytest.mark.parametrize("name", ["", "lock", "control", "ok", "status", "status.new"])
def test_a_folder_supervise_that_is_odd(good: Path, folder: str, name: str) -> None:
    place = good / folder / "supervise"
    place.mkdir()
    for fifo in ("control", "ok"):
        os.mkfifo(place / fifo)
    (place / "lock").touch()
    assert kinds(good) == []
    if not name:
        shutil.rmtree(place)
    (place / name).unlink(missing_ok=True)
    (place / name).touch() if name in ("", "control", "ok") else (place / name).mkdir()
    found = [(finding.path, finding.kind) for finding in check.of_service(good)]
    assert found == [(place / name, "supervise")]


@pytest.mark.parametrize("name", ["", "control", "ok"])
def test_a_link_of_supervise_that_leads_nowhere(good: Path, name: str) -> None:
    if name:
        (good / "supervise").mkdir()
    place = good / "supervise" / name
    place.symlink_to(good / "no/where")
    found = [(finding.path, finding.kind) for finding in check.of_service(good)]
    assert found == [(place, "supervise")]


@pytest.mark.parametrize("word", ["./loop", "./a\0b", "=a\0b", f"./{'x' * 5000}"])
def test_a_log_directory_that_is_odd_is_not_shared(good: Path, word: str) -> None:
    (good / "log/loop").symlink_to("loop")
    (good / "log/run").write_text(f"#!/bin/sh\nexec multilog t '{word}'\n")
    assert list(check.of_several([good])) == []
    assert set(kinds(good)) <= {"log-directory"}


def test_two_loggers_that_are_one_or_write_to_one_directory(good: Path) -> None:
    tree = good.parent
    service(tree / "linked", "exec sleep 1000", log=False)
    (tree / "linked/log").symlink_to("../good/log")
    script = "#!/bin/sh\nexec multilog t ../../good/log/main\n"
    (service(tree / "other", "exec sleep 1000") / "log/run").write_text(script)
    service(tree / "third", "exec sleep 1000")
    found = [(f.path, f.kind, f.detail) for f in check.of_several(sorted(tree.iterdir()))]
    log = str(good / "log")
    assert found == [
        (tree / "linked/log", "shared-log", log),
        (tree / "other/log", "shared-log", log),
    ]


def test_services_whose_supervise_is_one_folder(good: Path, tmp_path: Path) -> None:
    tree = good.parent
    for name in ("other", "third"):
        service(tree / name, "exec sleep 1000")
    service(tree / "linked", "exec sleep 1000", log=False)
    (tree / "linked/log").symlink_to("../third/log")
    (tmp_path / "one").mkdir()
    for place in (good, tree / "other", tree / "third/log"):
        (place / "supervise").symlink_to(tmp_path / "one")
    (tree / "third/supervise").mkdir()
    found = [(f.path, f.kind, f.detail) for f in check.of_several(sorted(tree.iterdir()))]
    linked, third = str(tree / "linked/log"), tree / "third/log"
    assert found == [
        (third, "shared-log", linked),
        (tree / "other", "shared-supervise", str(good)),
        (third, "shared-supervise", str(good)),
    ]


def test_services_given_by_name_are_compared(good: Path, command: Path) -> None:
    tree = good.parent
    service(tree / "linked", "exec sleep 1000", log=False)
    (tree / "linked/log").symlink_to("../good/log")
    shared = f"{tree}/linked/log: shared-log ({good}/log): {check.WHY['shared-log']}\n"
    assert run(command, "check", good, tree / "linked", f"{good}/.").stdout == shared
    assert run(command, "check", tree).stdout == shared
    for one in (good, tree / "linked"):
        assert run(command, "check", one).stdout == ""


def test_what_is_wrong_with_a_tree(good: Path, command: Path) -> None:
    tree = good.parent
    (tree / "twin").symlink_to("good")
    (tree / "lost").symlink_to("nowhere")
    service(tree / ".hidden", "exec sleep 1000")
    found = json.loads(run(command, "check", "--json", tree).stdout)
    assert [(Path(f["path"]).name, f["kind"]) for f in found] == [
        (".hidden", "dot"),
        ("lost", "dangling"),
        ("twin", "same-directory"),
    ]
    assert all(f["why"] for f in found)
    assert {key for f in found for key in f} == {"path", "kind", "detail", "why"}


def test_a_file_in_a_tree_is_a_finding_only_if_it_is_named(good: Path, command: Path) -> None:
    file = good.parent / "file"
    file.write_text(GOOD)
    (good.parent / "link").symlink_to(file)
    assert run(command, "check", good.parent).stdout == ""
    for path in (file, good.parent / "link"):
        assert run(command, "check", path).stdout == f"{path}: dangling: {check.WHY['dangling']}\n"


def test_a_limit_on_descriptors_that_is_too_small(good: Path, command: Path) -> None:
    for number in range(10):
        (good.parent / str(number)).mkdir()
        (good.parent / str(number) / "log").mkdir()
    text = f'ulimit -n 20; exec "{command}" check "{good.parent}"'
    assert "descriptors (limit 20, needed 38)" in run(Path("/bin/sh"), "-c", text).stdout


def test_a_line_names_the_file_and_the_reason(good: Path, command: Path) -> None:
    (good / "run").write_text("#!/bin/sh\nexec 2>&1\nserver\n")
    answer = run(command, "check", good)
    assert answer.stdout == f"{good}/run: no-exec (server): {check.WHY['no-exec']}\n"
    assert answer.returncode == 1


def test_what_is_not_there_is_named(command: Path, tmp_path: Path) -> None:
    answer = run(command, "check", tmp_path / "missing")
    assert answer.returncode == 111
    said = f"daemontools check: fatal: unable to read {tmp_path}/missing: file does not exist\n"
    assert answer.stderr == said


def test_every_kind_has_a_test() -> None:
    tested = Path(__file__).read_text()
    assert [kind for kind in check.WHY if f'"{kind}' not in tested] == []


def test_more_services_than_svscan_starts(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / str(number)).mkdir()
    found = check.of_tree(tmp_path, sorted(tmp_path.iterdir()))
    assert [f.kind for f in found] == ["too-many"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_script_that_this_user_may_not_read(good: Path) -> None:
    (good / "run").chmod(0o100)
    assert kinds(good) == ["unreadable"]


# new


def test_a_new_service_has_no_finding(command: Path, tmp_path: Path) -> None:
    made = tmp_path / "web"
    assert run(command, "new", made, "--", "/bin/sleep", "a b", "$x").returncode == 0
    assert (
        made / "run"
    ).read_text() == "#!/bin/sh\nexec 2>&1\nexec envdir ./env /bin/sleep 'a b' '$x'\n"
    assert run(command, "check", made).stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", 'echo "$@"; exec sleep 10', "--", "-x", "y"],
        ["printf", "--", "%s\\n", "x"],
        ["setpriv", "--clear-groups", "--", "id", "--", "-u"],
        ["a", "--", "b", "--", "c"],
        ["--", "--"],
        ["server", "--help", "--user", "x"],
    ],
)
@pytest.mark.parametrize("options", [[], ["--user", "root"]])
def test_its_command_is_what_follows_the_first_two_dashes(
    command: Path, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    account = "setuidgid root " if options else ""
    for name, call in (("a", ["a", *options]), ("b", [*options, "b"])):
        made = [tmp_path / word if word == name else word for word in call]
        assert run(command, "new", *made, "--", *words).returncode == 0
        last = (tmp_path / name / "run").read_text().splitlines()[-1]
        assert last == f"exec envdir ./env {account}{shlex.join(words)}"


@pytest.mark.parametrize(
    "words", [["x", "a", "--", "b"], ["x", "COMMAND", "--"], ["x", "--"], ["--", "x", "a"], ["x"]]
)
def test_a_command_that_does_not_follow_the_two_dashes_makes_nothing(
    command: Path, tmp_path: Path, words: list[str]
) -> None:
    paths = [tmp_path / word if word == "x" else word for word in words]
    assert run(command, "new", *paths).returncode == 100
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_its_users_and_modes_are_right_whatever_the_umask(command: Path, tmp_path: Path) -> None:
    made = tmp_path / "web"
    words: list[str | Path] = [
        "new",
        made,
        "--user",
        "nobody",
        "--log-user",
        "daemon",
        "--",
        "/bin/sleep",
        "1",
    ]
    assert run(command, *words, umask=0o077).returncode == 0
    assert "setuidgid nobody /bin/sleep 1\n" in (made / "run").read_text()
    assert (made / "log/run").read_text() == "#!/bin/sh\nexec setuidgid daemon multilog t ./main\n"
    assert (made / "log/main").owner() == "daemon"
    modes = {name: stat.S_IMODE((made / name).stat().st_mode) for name in
             (".", "run", "env", "log", "log/run", "log/main")}  # fmt: skip
    assert modes == {".": 0o755, "run": 0o755, "env": 0o700, "log": 0o755, "log/run": 0o755,
                     "log/main": 0o750}  # fmt: skip
    assert run(command, "check", made).stdout == ""


def test_a_user_without_root_is_warned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = pwd.getpwuid(os.getuid()).pw_name
    warning = "daemontools new: warning: setuidgid works in root's tree only\n"
    parser = argparse.ArgumentParser()
    new.add_options(parser)
    for euid, said in ((0, ""), (1000, warning)):
        monkeypatch.setattr(os, "geteuid", lambda euid=euid: euid)
        words = [str(tmp_path / str(euid)), "--user", account, "/bin/true"]
        assert new.main(parser.parse_args(words)) == 0
        assert capsys.readouterr().err == said
    monkeypatch.setattr(os, "chown", refused)  # as to another account
    with pytest.raises(PermissionError):
        new.main(parser.parse_args([str(tmp_path / "other"), "--user", account, "/bin/true"]))
    assert capsys.readouterr().err == warning
    assert not list(tmp_path.glob("*other*"))


def refused(*_: object) -> None:
    raise PermissionError(errno.EPERM, "permission denied")


def test_nothing_is_overwritten(command: Path, tmp_path: Path) -> None:
    answer = run(command, "new", tmp_path, "--", "/bin/true")
    assert (answer.returncode, answer.stderr) == (
        1, f"daemontools new: exists already: {tmp_path}\n")  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_above_is_said(command: Path, tmp_path: Path) -> None:
    made = tmp_path / "no/web"
    answer = run(command, "new", made, "--", "/bin/true")
    said = f"daemontools new: unable to create {made}: no folder {tmp_path}/no\n"
    assert (answer.returncode, answer.stderr) == (111, said)


def test_an_unknown_account_makes_nothing(command: Path, tmp_path: Path) -> None:
    answer = run(command, "new", tmp_path / "x", "--user", "no such", "--", "/bin/true")
    assert (answer.returncode, answer.stderr) == (1, "daemontools new: unknown account: no such\n")
    assert list(tmp_path.iterdir()) == []
