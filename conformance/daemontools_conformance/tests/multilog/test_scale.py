"""multilog at scale: long lines, full directories, many directories."""

from daemontools_conformance.helpers.filters import peak_kilobytes
from daemontools_conformance.helpers.logdirs import contents, lines, old_files
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.sandbox import PIPE, Sandbox

MEGABYTE = 1 << 20
OLD = 10_000
LEFT_OVER = 3000  # 0.76 reads the directory twice for each file that it removes


@heavy("scale")
@needs("linux")
@clause("multilog/line/memory")
def test_a_line_of_a_gigabyte_takes_no_memory(sandbox: Sandbox) -> None:
    script = ["t", "-x*", "s16777215", "n2", "./log"]
    peak = peak_kilobytes(sandbox, "multilog", *script, megabytes=1024)
    assert peak < 64 * 1024


@heavy("scale")
@clause("multilog/rotate/fewer-than-before")
def test_three_thousand_old_files_give_way(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    log.mkdir()
    for number in range(LEFT_OVER):
        (log / f"@40000000{number:016x}.s").touch()
    multilog = sandbox.start("multilog", "s4096", "n10", "./log", stdin=PIPE)
    multilog.write(lines(100))
    multilog.end_input()
    assert multilog.wait(within=300).code == 0
    assert len(old_files(log)) == 9
    assert contents(log) == lines(100)


@heavy("scale")
@clause("multilog/rotate/number")
def test_ten_thousand_old_files_stay(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    log.mkdir()
    for number in range(OLD):
        (log / f"@40000000{number:016x}.s").touch()
    answer = sandbox.run("multilog", "s4096", f"n{OLD}", "./log", input=lines(2000), within=300)
    assert (answer.code, answer.err) == (0, b"")
    assert len(old_files(log)) == OLD - 1
    assert contents(log) == lines(2000)


@heavy("scale")
@clause("multilog/script/several-directories")
def test_a_hundred_directories(sandbox: Sandbox) -> None:
    names = [f"log{number}" for number in range(100)]
    script = ["s4096", "n99", *(f"./{name}" for name in names)]
    answer = sandbox.run("multilog", *script, input=lines(5000), within=300)
    assert (answer.code, answer.err) == (0, b"")
    for name in names:
        assert contents(sandbox.path / name) == lines(5000)


@heavy("scale")
@clause("multilog/line/everything-arrives")
def test_a_gigabyte_of_lines(sandbox: Sandbox) -> None:
    text = lines(MEGABYTE // 64, length=64)
    multilog = sandbox.start("multilog", "s16777215", "n99", "./log", stdin=PIPE)
    for _ in range(1024):
        multilog.write(text)
    multilog.end_input()
    assert multilog.wait(within=300).code == 0
    log = sandbox.path / "log"
    rest = b""
    for file in [*old_files(log), log / "current"]:
        rest += file.read_bytes()
        while rest.startswith(text):
            rest = rest[len(text) :]
        assert text.startswith(rest[: len(text)])
    assert rest == b""
