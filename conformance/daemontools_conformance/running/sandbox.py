"""The sandbox: a folder for one test, and every process that the test starts.

    def test_answers_yes_while_supervise_runs(sandbox):
        sandbox.service("clock", "exec sleep 1000")
        sandbox.supervise("clock")
        assert sandbox.run("svok", "clock").code == 0

Tests use djb's names; the sandbox calls the programs of the implementation under
test. When the test ends, the sandbox kills and reaps every process that it
started, orphans included, by process id.
"""

import errno
import os
import shlex
import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Never, TypedDict, Unpack

from daemontools_conformance.contract.outcomes import Crashed, Unavailable
from daemontools_conformance.contract.places import folder as data_folder
from daemontools_conformance.contract.profiles import PROGRAMS
from daemontools_conformance.running import evidence, journal, prepare, probe, replay, witness
from daemontools_conformance.running.bounds import Guard, content
from daemontools_conformance.running.implementation import Implementation, ProgramMissing
from daemontools_conformance.running.needs import closed_to_others
from daemontools_conformance.running.orphans import end_all_but
from daemontools_conformance.running.patience import begin_test, deadline, eventually
from daemontools_conformance.running.processes import (
    Finished,
    Running,
    argv_of,
    check_no_traceback,
    children,
    comm_of,
    is_alive,
    is_asleep,
)
from daemontools_conformance.running.removal import remove
from daemontools_conformance.running.status import Status, read_status
from daemontools_conformance.running.table import HAS_PROC

Argument = str | bytes | os.PathLike[str]
File = int | IO[bytes]

PIPE = subprocess.PIPE

_REFUSAL = """\
#!/bin/sh
echo "${{0##*/}}" >>{}
echo "${{0##*/}}: the implementation under test does not have this program" >&2
exit 127
"""


class Options(TypedDict, total=False):
    """How to start a program. Defaults: empty input, output to files, an environment of PATH."""

    stdin: File  # a descriptor, or PIPE to write to it later
    stdout: File
    stderr: File
    env: Mapping[str, str] | Mapping[bytes, bytes]  # the whole environment
    cwd: Argument  # inside the sandbox
    pass_fds: Sequence[int]
    new_session: bool
    prepare: Sequence[Argument]  # options of prepare.py: signals, descriptors, limits, user


class Sandbox:
    """One test's processes and its folder `path`, in which they all start."""

    def __init__(
        self,
        implementation: Implementation,
        path: Path,
        subject: str = "",
        *,
        is_bounded: bool = True,  # in output, disk and memory
    ) -> None:
        self.implementation = implementation
        self.subject = subject  # the program that the test's clause is about
        self.path = path
        path.mkdir(mode=0o755)
        # The output of programs is kept outside their working directory.
        self.evidence = path.with_name(path.name + ".evidence")
        self.evidence.mkdir(mode=0o755)
        # One for all that run a probe: another file name would make the records differ.
        self.messages = self.evidence / "probe.messages"
        self.journal = journal.begin()
        self.first_files: tuple[str, list[str]] | None = None  # listing, shell lines
        self.started: list[Running] = []
        self.leaders: set[int] = set()  # further processes that lead a session of their own
        self.asked_for = path.with_name(path.name + ".asked")  # which absent programs, a line each
        self.absent = path.with_name(path.name + ".absent")  # the stand-ins of absent programs
        self.stand_ins = implementation.stand_ins(subject)
        self.search_path = self._make_stand_ins() + implementation.path
        self.environment: dict[str, str] = {"PATH": self.search_path}
        self._spared = children()
        begin_test(self._nobody_is_left)
        witness.watch(path)
        self._is_bounded = is_bounded
        self._guard: Guard | None = None

    # Files

    def write(self, name: str | bytes, content: bytes | str = b"", mode: int = 0o644) -> Path:
        """Create a file with this content and mode, and the folders above it."""
        path = self.path / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        with witness.unwatched():
            path.write_bytes(data)
            path.chmod(mode)
        journal.note("write", name=path.relative_to(self.path), content=data, mode=mode)
        return path

    def script(self, name: str, body: str, interpreter: str = "/bin/sh") -> Path:
        """Create an executable script."""
        return self.write(name, f"#!{interpreter}\n{body}\n", 0o755)

    def service(self, name: str, run: str, *, down: bool = False) -> Path:
        """Create a service directory whose ./run is a shell script with this body."""
        self.script(f"{name}/run", run)
        if down:
            self.write(f"{name}/down")
        return self.path / name

    # Programs

    def argv(self, program: str, *arguments: Argument) -> tuple[str, list[bytes]]:
        """The file to execute, and its arguments with argv[0] first."""
        file, first = self.implementation.command(program, self.subject)
        return file, [os.fsencode(word) for word in (*first, *arguments)]

    def _make_stand_ins(self) -> str:
        """Make the folder that comes first on PATH if programs are absent; "" if none is.

        Whether the machine has daemontools must not change a verdict. So each absent
        program has a stand-in: the peer's, or a script that notes that it was asked for.
        """
        if not self.stand_ins:
            return ""
        self.absent.mkdir(mode=0o755)
        refusal = self.absent / "refusal"
        refusal.write_text(_REFUSAL.format(shlex.quote(str(self.asked_for))))
        refusal.chmod(0o755)
        self.asked_for.touch()
        self.asked_for.chmod(0o666)
        for program, lent in self.stand_ins.items():
            (self.absent / program).symlink_to(lent or refusal)
        return f"{self.absent}:"

    def check_none_is_absent(self, words: Iterable[bytes]) -> None:
        """Raise as `argv` does if one of the words is an absent program."""
        for program in {os.fsencode(name) for name in self.implementation.absent} & {*words}:
            self.argv(os.fsdecode(program))

    def check_none_was_absent(self) -> None:
        """Raise as `argv` does if an absent program was asked for by its name."""
        if self.asked_for.exists():
            self.check_none_is_absent(self.asked_for.read_bytes().split())

    def file(self, program: str) -> str:
        """A file that is the program, whatever argv[0] it gets. Raises as `argv` does."""
        return str(self.implementation.file(program, self.subject))

    def words(self, program: str, *arguments: Argument) -> list[Argument]:
        """The words with which another program (strace, a shell) starts it: its file first."""
        return [self.file(program), *arguments]

    def start(self, program: str, *arguments: Argument, **options: Unpack[Options]) -> Running:
        """Start a program of the implementation and return at once."""
        file, argv = self.argv(program, *arguments)
        return self.start_command(argv, file, **options)

    def start_command(
        self, argv: Sequence[Argument], executable: str | None = None, **options: Unpack[Options]
    ) -> Running:
        """Start any command and return at once; give `executable` if argv[0] is not the file.

        Raises as `argv` does if one of its words is a program that is absent.
        """
        words = [os.fsencode(word) for word in argv]
        self._needs_what_others_run(words)
        self.check_none_is_absent(words)
        if self._is_bounded and not self._guard:
            self._guard = Guard(self.evidence, self.path, self._spared)
        self._note_first_files()
        program = Path(os.fsdecode(words[0])).name
        name = f"{len(self.started):02d}.{program}"
        out, err = self.evidence / f"{name}.out", self.evidence / f"{name}.err"
        given = options.get("env", self.environment)
        environment = {os.fsencode(k): os.fsencode(v) for k, v in given.items()}
        facts: dict[str, object] = {"argv": words, "file": os.fsencode(executable or b"")}
        facts |= {"env": environment, "streams": name, **_facts(options)}
        try:
            popen = self._popen(words, executable, environment, (out, err), options)
        except OSError as error:  # it cannot be executed: a shell will say so, too
            journal.note("start", pid=0, **facts)
            journal.note("ended", pid=0)
            if error.filename == executable and executable:
                what = f"{program} cannot be started: {error.strerror}"
                raise ProgramMissing(f"{executable}: {what}", what) from error
            raise
        running = Running(popen, tuple(words), out, err)
        self.started.append(running)
        journal.note("start", pid=popen.pid, **facts)
        return running

    def _popen(
        self,
        words: list[bytes],
        executable: str | None,
        environment: dict[bytes, bytes],
        streams: tuple[Path, Path],
        options: Options,
    ) -> "subprocess.Popen[bytes]":
        """Start a process, which changes its state first if the options say so. Raises OSError."""
        changes = [os.fsdecode(word) for word in options.get("prepare", ())]
        if not changes:
            return self._spawned(words, executable, environment, streams, options)
        target = self._target(words, executable, changes)
        with prepare.until_executed() as (ready, error):
            if made := prepare.program:
                words = prepare.command(ready, target, words, changes)
                popen = self._spawned(words, made, environment, streams, options, also=ready)
            else:
                block = [name + b"=" + value for name, value in environment.items()]
                execute = partial(prepare.execute, target, words, block, changes, ready)
                child = partial(_in_child, execute, options.get("pass_fds", ()))
                popen = self._spawned(words, executable, environment, streams, options, child=child)
        # Any other error may be that of a change, such as a limit: the test looks at its effect.
        if executable and error and error[0] in (errno.ENOENT, errno.ENOEXEC):
            with popen:  # its end
                raise OSError(error[0], os.strerror(error[0]), executable)
        return popen

    def _spawned(
        self,
        words: list[bytes],
        executable: str | None,
        environment: dict[bytes, bytes],
        streams: tuple[Path, Path],
        options: Options,
        *,
        child: Callable[[], None] | None = None,  # what a fork does in place of exec
        also: int | None = None,  # a descriptor to pass on
    ) -> "subprocess.Popen[bytes]":
        """Start a process; its output goes to `streams`, unless the options say otherwise."""
        out, err = streams
        with (
            open(out, "wb") as out_file,
            open(err, "wb") as err_file,
            warnings.catch_warnings(),
        ):  # the guard is a thread, of which the fork needs nothing
            warnings.simplefilter("ignore", DeprecationWarning)
            return subprocess.Popen(
                words,
                executable=executable,
                bufsize=0,
                stdin=options.get("stdin", subprocess.DEVNULL),
                stdout=options.get("stdout", out_file),
                stderr=options.get("stderr", err_file),
                env=environment,
                cwd=self.path / os.fsdecode(options.get("cwd", "")),
                pass_fds=(*options.get("pass_fds", ()), *([] if also is None else [also])),
                start_new_session=options.get("new_session", False),
                preexec_fn=child,  # noqa: PLW1509 - the guard's thread holds no lock of ours
            )

    def _note_first_files(self) -> None:
        """Remember the files that the test made before it started its first program."""
        if self.first_files is None:
            with witness.unwatched():
                self.first_files = evidence.listing(self.path), replay.tree(self.path)

    def run(
        self,
        program: str,
        *arguments: Argument,
        input: bytes | None = None,  # noqa: A002 - the word that subprocess.run uses
        within: float = 20.0,
        crash_is_an_answer: bool = False,
        **options: Unpack[Options],
    ) -> Finished:
        """Run a program to its end: `.code`, `.out`, `.err`. Raises Hung, Crashed."""
        if input is not None:
            options["stdin"] = PIPE
        running = self.start(program, *arguments, **options)
        if input is not None:
            journal.of_start(running.pid)["input"] = input
            running.feed(input, within)
        return running.wait(within, crash_is_an_answer=crash_is_an_answer)

    def _target(self, words: list[bytes], executable: str | None, changes: Sequence[str]) -> bytes:
        """The file that a prepared process executes. Raises Unavailable."""
        found = shutil.which(os.fsdecode(words[0]), path=self.search_path)
        target = executable or found or words[0]
        if "--user" in changes:
            self._needs_open_folder()
            self.needs_to_be_open(target)
        return os.fsencode(target)

    def _needs_what_others_run(self, words: Sequence[bytes]) -> None:
        """Raise Unavailable if a program that stands after `setuidgid` is closed to other users."""
        if not any(word.endswith(b"setuidgid") for word in words[:-1]):
            return  # the usual case
        names = [os.fsdecode(os.path.basename(word)) for word in words]
        after = names.index("setuidgid") + 1 if "setuidgid" in names else len(words)
        if after < len(words):
            self._needs_open_folder()
        for name, word in zip(names[after:], words[after:], strict=True):
            own = shutil.which(name, path=self.search_path) if name in PROGRAMS else None
            if own and os.fsdecode(word) in (name, own):
                self.needs_to_be_open(own)

    def _needs_open_folder(self) -> None:
        """Raise Unavailable if only root can enter the folder above the test's."""
        if why := closed_to_others(str(self.path.parent)) if os.geteuid() == 0 else "":
            raise Unavailable(why)

    def needs_to_be_open(self, file: Argument) -> None:
        """Raise Unavailable if other users cannot execute this program."""
        if why := closed_to_others(os.fsdecode(file)):
            raise Unavailable(why)

    # Services

    def supervise(self, service: str, **options: Unpack[Options]) -> Running:
        """Start supervise on a service and wait until it answers (`supervise/ok` has a reader)."""
        running = self.start("supervise", service, **options)
        eventually(lambda: self.is_supervised(service), what=f"supervise {service} answers")
        return running

    def is_supervised(self, service: str) -> bool:
        """Does a process hold `supervise/ok` open for reading?"""
        try:
            os.close(os.open(self.path / service / "supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def status(self, service: str) -> Status:
        """The service's status file, decoded. Raises OSError, ValueError."""
        return read_status(self.path / service / "supervise/status")

    def control(self, service: str, letters: bytes) -> None:
        """Write command letters to the service's control FIFO, as svc does."""
        journal.note("control", service=service, letters=letters)
        with witness.unwatched():
            fd = os.open(self.path / service / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(fd, letters)
            finally:
                os.close(fd)

    def fixture(self, name: str) -> Path:
        """A file or folder of `fixtures/`."""
        return data_folder("fixtures") / name

    # The end

    def replay(self, title: str) -> str:
        """The steps of the test as a shell script that does not need the suite."""
        witness.settle()
        with witness.unwatched():
            start = self.first_files[1] if self.first_files else replay.tree(self.path)
        titles = [title, *replay.origins(self.implementation.origins)]
        start = [*replay.stand_ins(self.absent, self.stand_ins), *start]
        return replay.script("\n".join(titles), start, self.journal, self.path)

    def keep(self, folder: Path, title: str, failure: str) -> None:
        """Write the evidence to the folder; `failure` is the bug report, if there is one."""
        before = self.first_files[0] if self.first_files else ""
        files = {"before": before, "after": evidence.listing(self.path)}
        left = evidence.Left(self.evidence, self.journal, files)
        evidence.keep(folder, left, self.replay(title), failure)

    def _nobody_is_left(self) -> bool:
        """Has every process of this test ended, or does it only sleep? A thread counts as one.

        A sleeper changes nothing. (What a signal has woken is not asleep.)
        Without /proc nobody knows: an orphan is no child of this process.
        """
        if not HAS_PROC:
            return False
        own = 2 if self._guard else 1
        return threading.active_count() == own and not any(
            is_alive(pid) and not _only_sleeps(pid) for pid in children() - self._spared
        )

    def check_no_crash(self, within: float = 0.0) -> None:
        """Raise Crashed if a program died of a fault that no test sent, or showed a stack trace.

        First wait, for `within` seconds, until no program runs any more. A crash that the
        test took for an answer explains nothing.
        """
        end = time.monotonic() + deadline(within)
        while time.monotonic() < end and not all(it.has_ended() for it in self.started):
            time.sleep(0.01)
        sent = {e.facts["pid"] for e in self.journal.entries if e.kind == "signal"}
        for running in self.started:
            code = running.popen.poll()
            if code is not None and running.pid not in sent and not running.may_crash:
                Finished(running.argv, code, running.out, running.err).check_no_crash()
        self._check_no_traceback()

    def _check_no_traceback(self) -> None:
        """Raise Crashed if a program showed a stack trace."""
        for running in self.started:
            check_no_traceback(running.argv, running.out + running.err)
        if self.started and self.messages.exists():
            check_no_traceback(self.started[-1].argv, content(self.messages))

    def check_bounds(self) -> None:
        """Raise Crashed if the programs used up too much, or stopped the suite."""
        if self._guard:
            self._guard.check()

    def close(self) -> None:
        """Kill and reap all processes. Raises Crashed after too much output, or a stack trace."""
        begin_test()
        witness.settle()
        witness.watch(None)
        for running in self.started:
            if running.popen.stdin and not running.popen.stdin.closed:
                with suppress(OSError):
                    running.popen.stdin.close()
        try:
            end_all_but(self._spared, self.leaders | {running.pid for running in self.started})
            for running in self.started:
                running.popen.poll()
            probe.forget_ended()
        finally:
            if self._guard:
                self._guard.stop()
        self._check_no_traceback()

    def remove(self) -> None:
        """Remove the folder and the evidence. Raises Crashed if that is impossible."""
        try:
            remove(self.path)
            remove(self.evidence)
        except OSError as error:
            cause = "left what cannot be removed"
            raise Crashed(f"the programs {cause}: {error}", cause) from error
        shutil.rmtree(self.absent, ignore_errors=True)
        self.asked_for.unlink(missing_ok=True)


def _only_sleeps(pid: int) -> bool:
    """Is it a `sleep 1000`? Tests let it stand for a service: it outlasts their deadlines."""
    return argv_of(pid)[1:] == (b"1000",) and comm_of(pid) == b"sleep" and is_asleep(pid)


def _in_child(execute: Callable[[], Never], passed: Sequence[int]) -> None:
    """What a forked child does: it changes its state and executes its program."""
    try:
        prepare.close_all_but(passed)
        execute()
    except Exception as error:
        os.write(2, f"prepare: {error!r}\n".encode())
    finally:
        os._exit(1)


def _facts(options: Options) -> dict[str, object]:
    """How a program is started and what its descriptors refer to, for the journal."""
    return {
        "cwd": options.get("cwd", ""),
        "prepare": list(options.get("prepare", ())),
        "stdin": _target(options.get("stdin")),
        "stdout": _target(options.get("stdout")),
        "stderr": _target(options.get("stderr")),
        "passed": {fd: _target(fd) for fd in options.get("pass_fds", ())},
        "new_session": options.get("new_session", False),
    }


def _target(stream: File | None) -> str:
    """What a stream of a program refers to: "", "pipe", or a file's name."""
    if stream is None or stream == subprocess.DEVNULL:
        return ""
    if stream in (PIPE, subprocess.STDOUT):
        return "pipe" if stream == PIPE else "stdout"
    try:
        return os.readlink(
            f"/proc/self/fd/{stream if isinstance(stream, int) else stream.fileno()}"
        )
    except OSError:
        return ""
