"""Change a list of environment entries: set a variable, or remove one.

A block is what exec hands over: entries in order, mostly NAME=value; a name may
occur twice, and an entry may have no "=". Children can see the order. Each change, in turn,

* removes the first entry of that name, and moves the last entry of the block into its
  place; further entries of that name stay where they are;
* appends the new entry, if it sets a value.

    >>> merged([b"A=1", b"B=2", b"C=3"], [(b"A", b"new")])
    [b'C=3', b'B=2', b'A=new']
    >>> merged([b"A=1", b"B=2", b"C=3"], [(b"A", None)])
    [b'C=3', b'B=2']
    >>> merged([b"A=1", b"A=2"], [(b"A", None)])
    [b'A=2']
    >>> merged([b"odd", b"A=1"], [(b"odd", None), (b"B", b"")])
    [b'odd', b'A=1', b'B=']

A name that itself contains an "=" ends there, so that removing "E=F" sets
E to F: an empty file of that name in an envdir directory has always done so.

    >>> merged([b"E=1"], [(b"E=F", None)])
    [b'E=F']

Source: 0.76's pathexec_env.c. Clauses: envdir/..., envuidgid/...
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Change = tuple[bytes, bytes | None]


def merged(block: "Iterable[bytes]", changes: "Iterable[Change]") -> list[bytes]:
    """`block` after all changes, as a new list; a change is (name, value), or (name, None)."""
    entries = list(block)
    places: dict[bytes | None, set[int]] = {}  # name -> the indices of its entries
    for place, entry in enumerate(entries):
        places.setdefault(_name(entry), set()).add(place)
    for name, value in changes:
        new = name if value is None else name + b"=" + value
        key = new.partition(b"=")[0]
        if places.get(key):
            _remove(entries, places, min(places[key]))
        if b"=" in new:
            places.setdefault(key, set()).add(len(entries))
            entries.append(new)
    return entries


def value_of(block: "Iterable[bytes]", name: bytes) -> bytes | None:
    """The value of the first entry of that name, or None.

    >>> value_of([b"PATH", b"PATH=/bin", b"PATH=/usr/bin"], b"PATH")
    b'/bin'
    """
    start = name + b"="
    return next((entry[len(start) :] for entry in block if entry.startswith(start)), None)


def has_a_name(entry: bytes) -> bool:
    """Is there a name before an "="? An "=" at the very beginning belongs to the name.

    >>> [has_a_name(entry) for entry in (b"A=1", b"A=", b"==x", b"=x", b"odd", b"")]
    [True, True, True, False, False, False]
    """
    return entry.find(b"=", 1) > 0


def _name(entry: bytes) -> bytes | None:
    name, equals, _ = entry.partition(b"=")
    return name if equals else None


def _remove(entries: list[bytes], places: dict[bytes | None, set[int]], place: int) -> None:
    places[_name(entries[place])].remove(place)
    last = entries.pop()
    if place < len(entries):
        places[_name(last)].remove(len(entries))
        places[_name(last)].add(place)
        entries[place] = last
