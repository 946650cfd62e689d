"""softlimit: what happens to a child that reaches a limit, where the kernel enforces it."""

import os
import resource
import shutil
import signal
import sys

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.marks import AS_NOBODY, AS_USER, clause, needs, slow
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc

ALLOCATE = """
try:
    data = bytearray(400000000)
    print("allowed")
except MemoryError:
    print("refused")
"""
OPEN_MANY = """
import os
try:
    while True:
        last = os.open("/dev/null", os.O_RDONLY)
except OSError as error:
    print(error.errno, last)
"""
LOCK_MEMORY = """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
page = mmap.mmap(-1, 65536)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(libc.mlock(ctypes.c_void_p(address), 65536), ctypes.get_errno())
"""


def python(code: str) -> list[str]:
    """A command that runs a child of the suite's own making; any user can execute it."""
    interpreter = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin") or sys.executable
    return [interpreter, "-ISc", code]


@clause("softlimit/hit/f")
def test_a_file_that_grows_too_large(sandbox: Sandbox) -> None:
    words = ["dd", "if=/dev/zero", "of=file", "bs=1", "count=20"]
    answer = sandbox.run("softlimit", "-f", "10", *words)
    assert answer.code == -signal.SIGXFSZ
    assert (sandbox.path / "file").stat().st_size == 10


@clause("softlimit/hit/o")
def test_too_many_descriptors(sandbox: Sandbox) -> None:
    answer = sandbox.run("softlimit", "-o", "20", *python(OPEN_MANY))
    assert (answer.code, answer.out) == (0, b"24 19\n")


@clause("softlimit/hit/p")
def test_too_many_processes(sandbox: Sandbox) -> None:
    words = ["sh", "-c", "true | true; echo forked"]
    answer = sandbox.run("softlimit", "-p", "1", *words, prepare=AS_USER)
    assert (answer.code, answer.out) == (2, b"")
    assert b"fork" in answer.err


@clause("softlimit/hit/t")
def test_too_much_processor_time(sandbox: Sandbox) -> None:
    answer = sandbox.run("softlimit", "-t", "1", "sh", "-c", "while :; do :; done", within=120)
    assert answer.code == -signal.SIGXCPU


def check_memory_is_refused(sandbox: Sandbox, option: str) -> None:
    """Under this option with 200 MB, a child that asks for 400 MB does not get them."""
    answer = sandbox.run("softlimit", option, "200000000", *python(ALLOCATE))
    assert (answer.code, answer.out) == (0, b"refused\n")


@clause("softlimit/hit/a")
def test_too_much_address_space(sandbox: Sandbox) -> None:
    check_memory_is_refused(sandbox, "-a")


@clause("softlimit/hit/d")
def test_too_much_data(sandbox: Sandbox) -> None:
    check_memory_is_refused(sandbox, "-d")


@clause("softlimit/hit/m")
def test_too_much_memory(sandbox: Sandbox) -> None:
    check_memory_is_refused(sandbox, "-m")


@clause("softlimit/hit/s")
def test_a_stack_that_grows_too_large(sandbox: Sandbox) -> None:
    words = ["sh", "-c", "f() { f; }; f"]
    answer = sandbox.run("softlimit", "-s", "500000", *words, crash_is_an_answer=True)
    assert answer.code == -signal.SIGSEGV


@clause("softlimit/hit/c")
def test_under_c_0_a_crash_leaves_no_core(sandbox: Sandbox) -> None:
    pattern = proc("sys", "kernel", "core_pattern").read_text()
    if pattern.startswith(("|", "/")) or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        raise Unavailable(f"cores do not go to the working directory here: {pattern.strip()}")
    crash = ["sh", "-c", "kill -SEGV $$"]
    crashed = sandbox.start_command(crash, prepare=["--limit", "CORE=4096"])
    crashed.wait(crash_is_an_answer=True)
    if not (cores := list(sandbox.path.iterdir())):
        raise Unavailable("a crash leaves no core here")
    cores[0].unlink()
    sandbox.run("softlimit", "-c", "0", *crash, crash_is_an_answer=True)
    assert os.listdir(sandbox.path) == []


@clause("softlimit/hit/l")
@needs("root")
def test_too_much_locked_memory(sandbox: Sandbox) -> None:
    words = ["-l", "4096", *python(LOCK_MEMORY)]
    answer = sandbox.run("softlimit", *words, prepare=AS_NOBODY)
    assert (answer.code, answer.out) == (0, b"-1 12\n")
    words[1] = "8192000"
    answer = sandbox.run("softlimit", *words, prepare=AS_NOBODY)
    assert (answer.code, answer.out) == (0, b"0 0\n")


@clause("softlimit/hit/r")
@slow
def test_too_much_resident_memory(sandbox: Sandbox) -> None:
    del sandbox
    raise Unavailable("Linux has not enforced the limit on resident memory since 2.4.30")
