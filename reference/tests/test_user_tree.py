"""docs/howto/user-tree.md, line by line, as an ordinary user with an empty environment."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/user-tree.md").read_text()
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
AS_USER = AS_NOBODY if os.geteuid() == 0 else []
IS_UP = "until svstat ~/service/clock | grep -q ': up '; do sleep 0.1; done\n"


def blocks() -> tuple[str, str, str, str]:
    """The blocks of the page: to install, to start, a crontab, and to stop."""
    install, start, crontab, stop = re.findall(r"```(?:sh|text)\n(.*?)```", PAGE, re.DOTALL)
    return install, start, crontab, stop


def can_be_read_by_a_user() -> bool:
    """Can the user run an interpreter that is new enough, and read this checkout?"""
    if AS_USER and not shutil.which("setpriv"):
        return False
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    calls = [["test", "-r", str(ROOT / "install")], ["/usr/bin/python3", "-c", code]]
    return all(subprocess.run([*AS_USER, *call], check=False).returncode == 0 for call in calls)


pytestmark = pytest.mark.skipif(
    not can_be_read_by_a_user(), reason="a user cannot read the checkout or run /usr/bin/python3"
)


class User:
    """An ordinary user, who owns nothing but a home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, script: str, path: str = "/usr/bin:/bin") -> None:
        """Run a script in the checkout; it must not fail."""
        call = [*AS_USER, "env", "-i", f"HOME={self.home}", f"PATH={path}", "sh", "-ec", script]
        subprocess.run(call, cwd=ROOT, check=True, timeout=120)

    def end_all(self) -> None:
        """End the tree of the user as the page says, and no other svscan of the account."""
        first, *rest = blocks()[3].splitlines(keepends=True)
        assert first == 'pkill -x -u "$(id -u)" svscan\n'
        kill = f"kill $(pgrep -f '^svscan {self.home}/service$')\n"
        gone = "svok ~/service/clock && exit 1 || [ $? -eq 100 ]"
        self.run("".join([kill, *rest, gone]), f"{self.home}/bin:/usr/bin:/bin")


@pytest.fixture
def user() -> Iterator[User]:
    """A user with a home and a service, but no programs yet."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "me"
        (home / "service/clock").mkdir(parents=True)
        (home / "service/clock/run").write_text("#!/bin/sh\nexec sleep 1000\n")
        (home / "service/clock/run").chmod(0o755)
        if AS_USER:
            for path in (home, *home.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield User(home)


def test_a_user_installs_starts_a_tree_and_removes_the_programs(user: User) -> None:
    install, start, _, _ = blocks()
    user.run(f"{install}{start}{IS_UP}")
    user.end_all()
    user.run(f"{install.replace('./install', './install --remove')}rm ~/bin/stop-services")
    assert list((user.home / "bin").iterdir()) == []


def test_cron_starts_the_tree(user: User) -> None:
    install, _, crontab, _ = blocks()
    assignment, entry = crontab.replace("/home/me", str(user.home)).splitlines()
    path = assignment.removeprefix("PATH=")
    user.run(install)
    # cron runs the command in the home directory, with the PATH of the crontab.
    user.run(f"cd; ({entry.removeprefix('@reboot ')}) &\n{IS_UP}", path)
    user.end_all()
