"""The environment as the kernel handed it over: a list of byte strings, no more.

Most entries read NAME=value, but nothing enforces it. A block may hold the same
name twice, and entries without "="; C programs pass them on untouched, in order,
and so must these programs. `os.environ` is a dictionary and has lost all that.
"""

import os


def original_block() -> list[bytes]:
    """The entries of this process's environment at the time of exec, in order.

    Source: /proc/self/environ, which the kernel fills from the stack that exec
    built. Where there is no /proc the dictionary must do: order and values are
    right, duplicates and entries without "=" are lost.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            block = file.read()
    except OSError:
        return [name + b"=" + value for name, value in os.environb.items()]
    return block.split(b"\0")[:-1]
