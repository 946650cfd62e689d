"""The test's own account file, for programs that look up accounts.

The file is bound over /etc/passwd in a mount namespace that only the program sees.
"""

from daemontools_conformance.running.sandbox import Argument, Sandbox

# In the order of passwd(5). Names may hold any byte but colon and newline.
LINES = [
    b"root:x:0:0:root:/root:/bin/sh",
    b"greatest:x:4294967295:4294967295::/:/bin/sh",
    b"large:x:4294967294:4294967293::/:/bin/sh",
    b"without:x:4294967295:4013::/:/bin/sh",
    b"wraps:x:65536:65536::/:/bin/sh",
    b"long" * 63 + b":x:4014:4015:" + b"Long " * 5000 + b":/:/bin/sh",
    b"middle:x:2147483648:65536::/:/bin/sh",
    b"sixteen:x:70000:70001::/:/bin/sh",
    b"twice:x:4001:4002::/:/bin/sh",
    b"twice:x:4003:4004::/:/bin/sh",
    b"caf\xe9\xff:x:4005:4006::/:/bin/sh",
    b"with blank:x:4007:4008::/:/bin/sh",
    b"0:x:4009:4010::/:/bin/sh",
    b"member:x:4011:4012::/:/bin/sh",
]
GROUPS = [b"root:x:0:", b"extra:x:5001:member,root", b"more:x:5002:member"]


def with_accounts(sandbox: Sandbox, program: str, *arguments: Argument) -> list[Argument]:
    """The command that runs a program of the implementation with these accounts."""
    sandbox.write("passwd", b"\n".join(LINES) + b"\n")
    sandbox.write("group", b"\n".join(GROUPS) + b"\n")
    script = 'mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec "$@"'
    words = sandbox.words(program, *arguments)
    return ["unshare", "-m", "sh", "-c", script, "sh", *words]
