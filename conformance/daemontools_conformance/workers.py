"""Run the collected tests in several processes at a time.

Most tests only wait, so more of them run at a time than there are processors. A
worker is a fork of the process that has collected the tests: it starts at once, and it
has the modules, the clauses and the implementation already. It takes the number of
its next test from a file whose position all workers share, and it sends the reports
of the test through a pipe of its own.
"""

import gc
import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import BinaryIO, Never

import pytest

from daemontools_conformance.running.witness import unwatched

_NUMBER = 4  # bytes of a test's number in the queue
_SECONDS_TO_END = 20.0  # for the clean-up of an interrupted test


@dataclass
class Worker:
    """A worker as the main process sees it."""

    pid: int
    pipe: Connection
    test: pytest.Item | None = None  # the test that it runs now
    finished: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Sender:
    """The plugin of a worker that sends each report to the main process."""

    config: pytest.Config
    pipe: Connection

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send the report in plain types; the journal of the test does not note that."""
        plain = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        with unwatched():
            self.pipe.send(plain)


def run(
    session: pytest.Session, order: Sequence[pytest.Item], number: int, begin: Callable[[], None]
) -> None:
    """Run the tests in this order in `number` workers, each of which calls `begin` first.

    Raises session.Failed when enough tests have failed (-x), and session.Interrupted.
    """
    with tempfile.TemporaryFile() as queue:
        queue.write(b"".join(n.to_bytes(_NUMBER, "big") for n in range(len(order))))
        queue.seek(0)
        gc.collect()
        gc.freeze()  # so that no collection in a worker copies the pages that it shares
        workers: list[Worker] = []
        try:
            for _ in range(number):
                _add_worker(session, order, queue, workers, begin)
            while workers:
                for pipe in wait([worker.pipe for worker in workers]):
                    worker = next(one for one in workers if one.pipe is pipe)
                    if not _has_told(session, order, worker):
                        workers.remove(worker)
                        if worker.test:  # it died in the middle of this one
                            _report_death(session, worker)
                            _add_worker(session, order, queue, workers, begin)
                    _check_go_on(session)
        finally:
            queue.truncate(0)
            _end(workers)


def _check_go_on(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def _has_told(session: pytest.Session, order: Sequence[pytest.Item], worker: Worker) -> bool:
    """Pass on what the worker says; False if it has ended."""
    hook = session.config.hook
    try:
        said = worker.pipe.recv()
    except (EOFError, OSError):
        os.waitpid(worker.pid, 0)
        worker.pipe.close()
        return False
    if isinstance(said, int):
        worker.test = order[said]
        hook.pytest_runtest_logstart(nodeid=worker.test.nodeid, location=worker.test.location)
        return True
    report = hook.pytest_report_from_serializable(config=session.config, data=said)
    hook.pytest_runtest_logreport(report=report)
    if report.when == "teardown" and worker.test:
        hook.pytest_runtest_logfinish(nodeid=worker.test.nodeid, location=worker.test.location)
        worker.test = None
    return True


def _report_death(session: pytest.Session, worker: Worker) -> None:
    assert worker.test
    report = pytest.TestReport(
        nodeid=worker.test.nodeid,
        location=worker.test.location,
        keywords={},
        outcome="failed",
        longrepr="the worker that ran this test died",
        when="call",
    )
    session.config.hook.pytest_runtest_logreport(report=report)


def _end(workers: Sequence[Worker]) -> None:
    """Interrupt the workers, which then clean up, and wait until they have ended."""
    for worker in workers:
        os.kill(worker.pid, signal.SIGINT)
    end = time.monotonic() + _SECONDS_TO_END
    for worker in workers:
        while os.waitpid(worker.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                os.kill(worker.pid, signal.SIGKILL)
            time.sleep(0.01)
        worker.pipe.close()


# In a worker


def _add_worker(
    session: pytest.Session,
    order: Sequence[pytest.Item],
    queue: BinaryIO,
    workers: list[Worker],
    begin: Callable[[], None],
) -> None:
    """Start a worker. An interrupt waits: CPython drops one that arrives in a hook of fork."""
    mine, its = Pipe(duplex=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        pid = os.fork()
        if pid == 0:
            mine.close()
            for other in workers:  # else nobody notices when the main process has gone
                other.pipe.close()
            _work(session, order, queue, its, begin)
        its.close()
        workers.append(Worker(pid, mine))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _work(
    session: pytest.Session,
    order: Sequence[pytest.Item],
    queue: BinaryIO,
    pipe: Connection,
    begin: Callable[[], None],
) -> Never:
    """Run tests until none is left, until an interrupt, or until nobody listens."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        plugins = session.config.pluginmanager
        if terminal := plugins.get_plugin("terminalreporter"):
            plugins.unregister(terminal)
        if capture := plugins.get_plugin("capturemanager"):  # the files that it has are shared
            capture.stop_global_capturing()
            capture.start_global_capturing()
            capture.suspend_global_capture()
        plugins.register(_Sender(session.config, pipe))
        begin()
        while data := os.read(queue.fileno(), _NUMBER):
            number = int.from_bytes(data, "big")
            pipe.send(number)
            item = order[number]
            # What it shares with the test before (packages, a module) is still set up.
            session._setupstate.teardown_exact(item)  # noqa: SLF001 - as pytest does between tests
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=item.parent)
        session._setupstate.teardown_exact(None)  # noqa: SLF001 - as pytest does at its end
    except (KeyboardInterrupt, BrokenPipeError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        session._setupstate.teardown_exact(None)  # noqa: SLF001 - as pytest does at its end
    finally:
        os._exit(0)
