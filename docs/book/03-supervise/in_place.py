"""Without the rename: a reader that looks between two steps sees an empty status."""

import os
import subprocess
import sys

STATUS = bytes.fromhex("4000000037c219bf 2ef02e94 39300000 00 75")  # up, pid 12345, wanted up


def write(name):
    """Write a status in two steps, and look between them."""
    with open(name, "wb") as file:  # the first step empties the file
        look()
        file.write(STATUS)  # the second step fills it


def look():
    """What svstat says now."""
    subprocess.run(["svstat", "s"], check=True)


os.makedirs("s/supervise", exist_ok=True)
if not os.path.exists("s/supervise/ok"):
    os.mkfifo("s/supervise/ok")
os.open("s/supervise/ok", os.O_RDONLY | os.O_NONBLOCK)  # svstat asks whether supervise is there
with open("s/supervise/status", "wb") as file:
    file.write(STATUS)

if sys.argv[1:] == ["rename"]:
    write("s/supervise/status.new")
    os.rename("s/supervise/status.new", "s/supervise/status")
else:
    write("s/supervise/status")
