"""`daemontools new`: a service directory that is right from the start.

    daemontools new /etc/services/web --user web -- /usr/local/bin/webd -p 80
    ln -s /etc/services/web /service

It has `run`, `log/run`, `log/main` and `env`. Everything is made under a name with a dot,
which svscan does not look at, and gets its own name at the end: an svscan in that folder
never sees half of it.
"""

import argparse
import os
import pwd
import shlex
import shutil
import sys
from pathlib import Path

from daemontools.companion.words import printable

DESCRIPTION = """Make a service directory with a logger: run, log/run, log/main, and env for
the variables of the service, one in each file (see envdir). Exit code 0: it is there; 1: the
directory exists already, or an account does not; 100: wrong usage; 111: the system refused
something."""

RUN = """\
#!/bin/sh
exec 2>&1
exec envdir ./env {before}{command}
"""

LOG_RUN = """\
#!/bin/sh
exec {before}multilog t ./main
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("directory", type=Path, help="the service directory, which is made")
    parser.add_argument("--user", metavar="U", help="the account of the service")
    parser.add_argument("--log-user", metavar="L", help="the account of its logger (default: U)")
    parser.add_argument("command", nargs="+", help="after --: the server, in the foreground")


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Read the command line. argparse sees one word for COMMAND, or it could take a `--` out."""
    if "--" not in words:
        return parser.parse_args(words)
    end = words.index("--")
    command = words[end + 1 :]
    parsed = parser.parse_args([*words[:end], "--", "COMMAND"])
    if not command or len(parsed.command) > 1:
        parser.error("-- must stand between DIRECTORY and COMMAND")
    parsed.command = command
    return parsed


def main(options: argparse.Namespace) -> int:
    """Make the directory; its exit code. Raises OSError."""
    directory: Path = options.directory
    log_user = options.log_user or options.user
    for account in filter(None, (options.user, log_user)):
        try:
            pwd.getpwnam(account)
        except KeyError:
            return _refuse(f"unknown account: {printable(account)}")
    if os.path.lexists(directory):
        return _refuse(f"exists already: {printable(directory)}")
    if not directory.parent.is_dir():
        parent = printable(directory.parent)
        return _refuse(f"unable to create {printable(directory)}: no folder {parent}", 111)
    if log_user and os.geteuid() != 0:
        print("daemontools new: warning: setuidgid works in root's tree only", file=sys.stderr)
    new = directory.with_name(f".{directory.name}.new")
    new.mkdir()
    try:
        _fill(new, _run(options.user, options.command), log_user)
        new.rename(directory)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return 0


def _refuse(reason: str, code: int = 1) -> int:
    print(f"daemontools new: {reason}", file=sys.stderr)
    return code


def _run(user: str | None, command: list[str]) -> str:
    """The text of ./run. envdir comes before setuidgid, so that only root need read env."""
    return RUN.format(before=_setuidgid(user), command=shlex.join(command))


def _setuidgid(user: str | None) -> str:
    return f"setuidgid {shlex.quote(user)} " if user else ""


def _fill(new: Path, run: str, log_user: str | None) -> None:
    """Make all files; their modes do not depend on the umask."""
    for folder, mode in ((".", 0o755), ("env", 0o700), ("log", 0o755), ("log/main", 0o750)):
        (new / folder).mkdir(exist_ok=True)
        (new / folder).chmod(mode)
    for script, text in (("run", run), ("log/run", LOG_RUN.format(before=_setuidgid(log_user)))):
        (new / script).write_text(text, errors="surrogateescape")
        (new / script).chmod(0o755)
    if log_user:
        account = pwd.getpwnam(log_user)
        os.chown(new / "log/main", account.pw_uid, account.pw_gid)
