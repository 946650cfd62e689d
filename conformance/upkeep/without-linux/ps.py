"""A `ps` with the options and columns that POSIX, Linux and the BSDs' ps have in common.

    ps [-A] [-ww] [-p PID[,PID]...] -o COLUMN= [-o COLUMN=]...

`without-linux` lets PROC be the folder where /proc is, which nobody else finds there.
"""

import os
import sys

PROC = "/proc"


def shown(pid: str, column: str) -> str:
    """What a column shows of a process. Raises OSError if it has ended."""
    if column == "pid":
        return pid
    if column == "comm":
        return content(pid, "comm").rstrip("\n")
    if column == "args":
        words = content(pid, "cmdline").rstrip("\0").replace("\0", " ")
        return words or f"[{shown(pid, 'comm')}]"
    stat = content(pid, "stat").rpartition(")")[2].split()
    if column == "time":
        hundredths = (int(stat[11]) + int(stat[12])) * 100 // os.sysconf("SC_CLK_TCK")
        return f"{hundredths // 6000}:{hundredths % 6000 / 100:05.2f}"
    if column == "rss":
        return str(int(stat[21]) * os.sysconf("SC_PAGE_SIZE") // 1024)
    return stat[("stat", "ppid", "pgid").index(column)]


def content(pid: str, name: str) -> str:
    """A file of PROC."""
    fd = os.open(f"{PROC}/{pid}/{name}", os.O_RDONLY)
    try:
        return os.fsdecode(os.read(fd, 1 << 20))
    finally:
        os.close(fd)


def main() -> int:
    """Print what the arguments ask for; 1 if there is no such process."""
    words, pids, columns = sys.argv[1:], [], []
    while words:
        match words.pop(0):
            case "-A":
                pids = [name for name in os.listdir(PROC) if name.isdigit()]
            case "-p":
                pids = words.pop(0).split(",")
            case "-o":
                columns.append(words.pop(0).removesuffix("="))
            case "-ww":
                pass
            case other:
                sys.exit(f"ps: illegal option -- {other}")
    lines = []
    for pid in pids:
        try:
            lines.append(" ".join(shown(pid, column) for column in columns) + "\n")
        except OSError:
            continue  # it has ended
    sys.stdout.buffer.write(os.fsencode("".join(lines)))
    return 0 if lines else 1


if __name__ == "__main__":
    sys.exit(main())
