#!/usr/bin/env -S python3 -IS
"""supervise, program 1 of 4: start ./run, wait until it ends, start it again."""

import os
import sys
import time


def main() -> None:
    """Supervise the directory that the command line names, for ever."""
    if len(sys.argv) != 2:
        die(100, "usage: supervise dir")
    try:
        os.chdir(sys.argv[1])
    except OSError as error:
        die(111, f"fatal: unable to chdir to {sys.argv[1]}: {error.strerror}")
    while True:
        pid = start()
        time.sleep(1)
        os.waitpid(pid, 0)


def start() -> int:
    """Start ./run in a child, and return its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            os.execv("./run", ["./run"])
        except OSError as error:
            die(111, f"fatal: unable to start {sys.argv[1]}/run: {error.strerror}")
    return pid


def die(code: int, message: str) -> None:
    """Say why, and exit at once."""
    os.write(2, f"supervise: {message}\n".encode())
    os._exit(code)


main()
