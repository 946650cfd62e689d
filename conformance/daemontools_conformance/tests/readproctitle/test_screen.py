"""readproctitle: what stands in the last argument."""

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import need_changed_arguments
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.readproctitle.screens import reading, shows


def wait_until_shown(program: Running, *words: bytes) -> None:
    """Wait until the arguments are exactly these."""
    eventually(lambda: shows(program, *words), what=f"the arguments are {words}")


@clause("readproctitle/usage/screen-alone")
def test_a_screen_without_a_label(sandbox: Sandbox) -> None:
    program = reading(sandbox, "." * 10)
    program.write(b"hello")
    wait_until_shown(program, b".....hello")


@clause("readproctitle/usage/no-options")
def test_words_with_a_dash_are_label(sandbox: Sandbox) -> None:
    program = reading(sandbox, "-h", "--", ".....")
    program.write(b"x")
    wait_until_shown(program, b"-h", b"--", b"....x")


@clause("readproctitle/screen/filled-with-dots")
def test_the_last_argument_becomes_dots(sandbox: Sandbox) -> None:
    need_changed_arguments()
    program = sandbox.start("readproctitle", "errors:", "-secret-", stdin=PIPE)
    wait_until_shown(program, b"errors:", b"........")


@clause("readproctitle/screen/label-stays")
def test_the_label_stays(sandbox: Sandbox) -> None:
    program = reading(sandbox, "io", "", "error s:", "." * 6)
    program.write(b"wxyz")
    wait_until_shown(program, b"io", b"", b"error s:", b"...xyz")


@clause("readproctitle/screen/shifts-in-from-the-right")
def test_bytes_come_in_from_the_right(sandbox: Sandbox) -> None:
    program = reading(sandbox, "." * 8)
    for byte, screen in ((b"a", b".......a"), (b"b", b"......ab"), (b"c", b".....abc")):
        program.write(byte)
        wait_until_shown(program, screen)


@clause("readproctitle/screen/three-dots-stay")
def test_three_dots_stay(sandbox: Sandbox) -> None:
    program = reading(sandbox, "." * 8)
    program.write(b"abcdef")
    wait_until_shown(program, b"...bcdef")
    program.write(b"g")
    wait_until_shown(program, b"...cdefg")
    program.write(b"".join(b"%06d," % number for number in range(1000)) + b"12345")
    wait_until_shown(program, b"...12345")


@clause("readproctitle/screen/newest-bytes")
def test_the_newest_bytes_of_a_long_input(sandbox: Sandbox) -> None:
    program = reading(sandbox, "service", "errors:", "." * 400)
    numbers = b"".join(b"%06d," % number for number in range(50000))
    program.write(numbers)
    wait_until_shown(program, b"service", b"errors:", b"..." + numbers[-397:])


@clause("readproctitle/screen/newest-bytes")
def test_the_smallest_screen_shows_two_bytes(sandbox: Sandbox) -> None:
    program = reading(sandbox, ".....")
    program.write(b"0123456789")
    wait_until_shown(program, b"...89")


@clause("readproctitle/screen/length-constant")
def test_the_length_is_constant(sandbox: Sandbox) -> None:
    program = reading(sandbox, "errors:", "." * 100)
    program.write(b"x")
    wait_until_shown(program, b"errors:", b"." * 99 + b"x")
    program.write(b"y" * 1000)
    wait_until_shown(program, b"errors:", b"..." + b"y" * 97)


@clause("readproctitle/screen/nul-ignored")
def test_nul_bytes_are_left_out(sandbox: Sandbox) -> None:
    program = reading(sandbox, "." * 8)
    program.write(b"\0a\0\0b\0")
    wait_until_shown(program, b"......ab")
    program.write(b"\0" * 1000 + b"c")
    wait_until_shown(program, b".....abc")


@clause("readproctitle/screen/bytes-as-they-are")
@needs("linux")
def test_other_bytes_are_as_they_were_read(sandbox: Sandbox) -> None:
    odd = bytes(range(1, 256))
    program = reading(sandbox, "." * 300)
    program.write(odd)
    wait_until_shown(program, b"." * 45 + odd)


@clause("readproctitle/screen/at-once")
def test_it_does_not_wait_for_a_line(sandbox: Sandbox) -> None:
    program = reading(sandbox, "." * 6)
    program.write(b"x")
    wait_until_shown(program, b".....x")


@clause("readproctitle/screen/drains-large-input")
def test_three_megabytes_pass(sandbox: Sandbox) -> None:
    answer = sandbox.run("readproctitle", "." * 400, input=b"x" * 3_000_000, within=120)
    assert answer.code == 0
