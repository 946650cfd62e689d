"""The table of services: what svscan knows between two looks at the directory.

A service is known by the device and inode numbers of its directory, not by its
name: a directory that is renamed while it runs stays the same service, and two
links to one directory are one service.

A service enters the table when its directory is first seen, and leaves it when
a scan does not find its directory and neither of its processes runs. Until then the pipe to
its logger stays open, so that the lines in the pipe are not lost while one of
the two processes is replaced.

Pure: this module makes no system call.
Clauses: svscan/identity/..., svscan/pipe/..., svscan/limit/...
"""

LIMIT = 1000  # services in the table

NOT_RUNNING = 0


class Service:
    """What svscan knows about one service directory."""

    __slots__ = ("is_seen", "log_pid", "pid", "pipe")

    def __init__(self, pipe: tuple[int, int] | None = None) -> None:
        self.pid = NOT_RUNNING  # of the service's supervise
        self.log_pid = NOT_RUNNING  # of the log's supervise; always that without a pipe
        self.pipe = pipe  # (read end, write end); None: it has no log, and never will
        self.is_seen = False  # in the current scan, or the last one


Table = dict[tuple[int, int], Service]  # (device, inode) -> service


def is_full(table: Table) -> bool:
    """Is there no room for another service?

    >>> is_full({(0, inode): Service(None) for inode in range(999)})
    False
    >>> is_full({(0, inode): Service(None) for inode in range(1000)})
    True
    """
    return len(table) >= LIMIT


def lacks_process(service: Service) -> bool:
    """Must a process be started?"""
    return not service.pid or (service.pipe is not None and not service.log_pid)


def begin_scan(table: Table) -> None:
    """Note that no directory has been seen yet."""
    for service in table.values():
        service.is_seen = False


def process_ended(table: Table, pid: int) -> None:
    """Note that a process has ended; one that belongs to no service changes nothing.

    >>> table = {(1, 7): Service((4, 5))}
    >>> table[1, 7].pid, table[1, 7].log_pid = 30, 31
    >>> process_ended(table, 31)
    >>> table[1, 7].pid, table[1, 7].log_pid
    (30, 0)
    """
    for service in table.values():
        if service.pid == pid:
            service.pid = NOT_RUNNING
            return
        if service.log_pid == pid:
            service.log_pid = NOT_RUNNING
            return


def remove_gone(table: Table) -> list[Service]:
    """Remove the services that are over, and return them: the caller must close their pipes.

    >>> table = {(1, 7): Service(None), (1, 8): Service(None)}
    >>> table[1, 8].pid = 30
    >>> len(remove_gone(table)), list(table)
    (1, [(1, 8)])
    """
    gone = {key: service for key, service in table.items() if _is_gone(service)}
    services = list(gone.values())  # before any is removed, since memory may run out here
    for key in gone:
        del table[key]
    return services


def _is_gone(service: Service) -> bool:
    is_running = service.pid != NOT_RUNNING or service.log_pid != NOT_RUNNING
    return not service.is_seen and not is_running
