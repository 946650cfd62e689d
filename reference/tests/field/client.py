"""Ask a server: client.py SERVER THREADS TIMES WITHIN, from within a private machine.

Each thread sends so many requests, one after the other, each over a new connection, and
stops at the first without an answer. Prints how many were answered, and what went wrong, as
JSON. With WITHIN seconds, one request is repeated until it is answered.
"""

import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 20.0


def talk(
    kind: int, port: int, request: bytes, *, until: bytes = b"", address: str = "127.0.0.1"
) -> bytes:
    """Send a request, and read a datagram, or a stream to its end or to `until`."""
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect((address, port))
        if request:
            connection.sendall(request)
        if kind == socket.SOCK_DGRAM:
            return connection.recv(4096)
        answer = b""
        while block := connection.recv(65536):
            answer += block
            if until and until in answer:
                break
        return answer


def http(port: int, body: bytes = b"") -> bool:
    """Get a page that contains `body`."""
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = talk(socket.SOCK_STREAM, port, request)
    return answer.startswith(b"HTTP/1.1 200 ") and body in answer


def redis() -> bool:
    """Count one further."""
    answer = talk(socket.SOCK_STREAM, 6379, b"INCR requests\r\n", until=b"\r\n")
    return answer.startswith(b":")


def postgresql() -> bool:
    """Ask for a number, with the client of the package."""
    query = ["setuidgid", "postgres", "psql", "-Atc", "select 6 * 7", "postgres"]
    done = subprocess.run(query, capture_output=True, text=True, cwd="/", check=False)
    return done.stdout == "42\n"


def dns(address: str) -> bool:
    """Ask for the address of www.example, and for recursion if it needs some."""
    name = b"\3www\7example\0"
    flags = struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0)
    query = os.urandom(2) + flags + name + struct.pack("!HH", 1, 1)
    answer = talk(socket.SOCK_DGRAM, 53, query, address=address)
    return answer[:2] == query[:2] and socket.inet_aton("192.0.2.1") in answer


def smtp() -> bool:
    """Say hello and goodbye."""
    with socket.create_connection(("127.0.0.1", 25), PATIENCE_SECONDS) as connection:
        lines = connection.makefile("rwb", buffering=0)
        codes = [lines.readline()[:4]]
        for command in (b"HELO localhost\r\n", b"QUIT\r\n"):
            lines.write(command)
            codes.append(lines.readline()[:4])
    return codes == [b"220 ", b"250 ", b"221 "]


def smbd() -> bool:
    """Begin a negotiation about SMB 2.1."""
    header = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16x", 64, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    body = struct.pack("<HHHHI16sQH", 36, 1, 1, 0, 0, os.urandom(16), 0, 0x0210)
    message = struct.pack("!I", len(header + body)) + header + body
    return b"\xfeSMB" in talk(socket.SOCK_STREAM, 445, message, until=b"\xfeSMB")


def freeradius() -> bool:
    """Ask for the status (RFC 5997), with the secret that Debian's package has for localhost."""
    secret, authenticator = b"testing123", os.urandom(16)

    def packet(signature: bytes) -> bytes:
        return struct.pack("!BBH", 12, 1, 38) + authenticator + b"\x50\x12" + signature

    signature = hmac.new(secret, packet(bytes(16)), hashlib.md5).digest()
    return talk(socket.SOCK_DGRAM, 1812, packet(signature))[0] == 2


def sshd() -> bool:
    """Read the greeting."""
    return talk(socket.SOCK_STREAM, 22, b"", until=b"\n").startswith(b"SSH-2.0-")


REQUESTS: dict[str, Callable[[], bool]] = {
    "nginx": lambda: http(80),
    "apache2": lambda: http(80),
    "gunicorn": lambda: http(8000, b"\nhello\n"),
    "uvicorn": lambda: http(8001, b"\nhello\n"),
    "fghack": lambda: http(8080),
    "redis": redis,
    "postgresql": postgresql,
    "tinydns": lambda: dns("127.0.0.1"),
    "dnscache": lambda: dns("127.0.0.2"),
    "opensmtpd": smtp,
    "postfix": smtp,
    "smbd": smbd,
    "freeradius": freeradius,
    "sshd": sshd,
}


def ask(request: Callable[[], bool]) -> str:
    """What went wrong; empty if the request was answered."""
    try:
        return "" if request() else "wrong answer"
    except OSError as error:
        return repr(error)


def main(server: str, threads: str, times: str, within: str) -> None:
    """Send the requests, and print what came of them."""
    outcomes: list[str] = []
    end = time.monotonic() + float(within)

    def client() -> None:
        for _ in range(int(times)):
            outcomes.append(ask(REQUESTS[server]))
            if outcomes[-1]:
                break

    clients = [threading.Thread(target=client) for _ in range(int(threads))]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    while any(outcomes) and time.monotonic() < end:
        time.sleep(0.02)
        outcomes = [ask(REQUESTS[server])]
    failed = [outcome for outcome in outcomes if outcome]
    print(json.dumps({"answered": outcomes.count(""), "failed": failed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
