"""softlimit: which limits each option sets, and to what."""

import resource
from dataclasses import replace

import pytest

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import child, direct
from daemontools_conformance.running.record import Record
from daemontools_conformance.running.sandbox import Argument, Sandbox

# letter -> the limit's names for the kernel's record and for prepare.py, and an
# amount under which every implementation can run
LIMITS = {
    "a": ("address space", "AS", 1000000000),
    "c": ("core file size", "CORE", 1000),
    "d": ("data size", "DATA", 500000000),
    "f": ("file size", "FSIZE", 100000),
    "l": ("locked memory", "MEMLOCK", 4096),
    "o": ("open files", "NOFILE", 50),
    "p": ("processes", "NPROC", 5000),
    "r": ("resident set", "RSS", 5000000),
    "s": ("stack size", "STACK", 1000000),
    "t": ("cpu time", "CPU", 1000),
}
FILES = "open files"


def allowed(option: str, *values: str) -> list[Argument]:
    """The option with each value. Raises Unavailable if this machine's hard limit is lower."""
    for value in values:
        name, _, amount = value.partition("=")
        if 0 <= resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] < int(amount):
            raise Unavailable(f"needs a hard limit of {value} or higher")
    return [word for value in values for word in (option, value)]


def soft(sandbox: Sandbox, name: str, *words: str | bytes, hard: str = "") -> str:
    """The child's soft limit of this name after `softlimit words...`."""
    prepare = allowed("--hard-limit", hard) if hard else []
    return child(sandbox, "softlimit", *words, prepare=prepare).limits[name][0]


def limited(sandbox: Sandbox, vector: Vector) -> Record:
    """What the child sees after softlimit with the vector's words, under its hard limits."""
    words = vector.input["words"][: -len(vector.answer["child"])]
    return child(sandbox, "softlimit", *words, prepare=hard_limits(vector))


def as_written(sandbox: Sandbox, vector: Vector) -> Record:
    """What it must see: what was there before, but for the soft limits of the answer."""
    before = direct(sandbox, prepare=hard_limits(vector))
    limits = dict(before.limits)
    for which, amount in vector.answer["limits"]:
        name = next(name for name, own, _ in LIMITS.values() if own == which.decode())
        hard = before.limits[name][1]
        limits[name] = (min(amount.decode(), hard, key=_size), hard)
    return replace(before, limits=limits)


def hard_limits(vector: Vector) -> list[Argument]:
    """The options that set the vector's hard limits; only a machine's own can be unlimited."""
    pairs = [name + b"=" + hard for name, hard in vector.input["hard"] if hard != b"unlimited"]
    return allowed("--hard-limit", *(pair.decode() for pair in pairs))


def _size(limit: str) -> float:
    return float("inf") if limit == "unlimited" else int(limit)


@clause("softlimit/set/a")
def test_a_limits_the_address_space(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/c")
def test_c_limits_core_files(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/d")
def test_d_limits_the_data_segment(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/f")
def test_f_limits_the_size_of_files(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/l")
def test_l_limits_locked_memory(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/o")
def test_o_limits_open_descriptors(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/p")
def test_p_limits_processes(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/r")
def test_r_limits_resident_memory(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/s")
def test_s_limits_the_stack(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/t")
def test_t_limits_processor_time(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/m")
def test_m_sets_four_limits(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector) == as_written(sandbox, vector)


@clause("softlimit/set/hard-stays")
def test_all_hard_limits_stay(sandbox: Sandbox) -> None:
    before = direct(sandbox)
    words = [word for letter in LIMITS for word in (f"-{letter}", str(LIMITS[letter][2]))]
    after = child(sandbox, "softlimit", *words)
    assert {n: hard for n, (_, hard) in after.limits.items()} == {
        n: hard for n, (_, hard) in before.limits.items()
    }


@clause("softlimit/set/may-be-raised")
def test_a_later_softlimit_raises_the_limit_again(sandbox: Sandbox) -> None:
    file = sandbox.file("softlimit")
    hard = direct(sandbox).limits[FILES][1]
    assert soft(sandbox, FILES, "-o", "50", file, "-o", "=") == hard
    assert soft(sandbox, FILES, "-o", "50", file, "-o", "60") == "60"


@clause("softlimit/amount/equals")
def test_a_lone_equals_sign_is_an_amount(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/amount/equals")
@pytest.mark.parametrize("letter", [letter for letter in LIMITS if letter != "p"])
def test_equals_sign_means_the_hard_limit(sandbox: Sandbox, letter: str) -> None:
    name, own, amount = LIMITS[letter]
    prepare = allowed("--limit", f"{own}={amount}")
    seen = child(sandbox, "softlimit", f"-{letter}", "=", prepare=prepare)
    assert seen.limits[name] == (direct(sandbox).limits[name][1],) * 2


@clause("softlimit/amount/above-hard")
def test_an_amount_above_the_hard_limit(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits
    assert sandbox.messages.read_bytes() == b""


@clause("softlimit/amount/above-hard")
@pytest.mark.parametrize("above", ["1", "1000000000000"])
@pytest.mark.parametrize("letter", LIMITS)
def test_above_the_hard_limit_means_the_hard_limit(
    sandbox: Sandbox, letter: str, above: str
) -> None:
    name, own, amount = LIMITS[letter]
    prepare = allowed("--hard-limit", f"{own}={amount}")
    words = [f"-{letter}", str(amount + int(above))]
    seen = child(sandbox, "softlimit", *words, prepare=prepare)
    assert seen.limits[name] == (str(amount),) * 2


@clause("softlimit/amount/around-32-bits")
@pytest.mark.parametrize("amount", [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**53 + 1])
def test_amounts_that_do_not_fit_into_32_bits(sandbox: Sandbox, amount: int) -> None:
    assert soft(sandbox, "file size", "-f", str(amount)) == str(amount)


@clause("softlimit/amount/zero")
def test_no_amount_is_too_small(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/amount/zero")
@pytest.mark.parametrize("letter", "cflpr")
def test_zero_is_a_limit(sandbox: Sandbox, letter: str) -> None:
    name = LIMITS[letter][0]
    expected = direct(sandbox, prepare=["--limit", f"{LIMITS[letter][1]}=0"]).limits[name]
    assert child(sandbox, "softlimit", f"-{letter}", "0").limits[name] == expected
    assert expected[0] == "0"


@clause("softlimit/amount/empty")
def test_the_empty_argument_is_0(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/amount/leading-zeros")
def test_leading_zeros_do_not_count(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/amount/modulo")
def test_numbers_count_modulo_2_to_the_64(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/amount/unlimited")
def test_the_greatest_number_is_unlimited(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/amount/great")
def test_numbers_above_2_to_the_63(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/options/joined")
def test_the_argument_in_the_same_word(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/options/double-dash")
def test_double_dash_is_skipped(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/options/long-options")
def test_a_long_option_is_skipped(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/options/last-counts")
def test_the_last_limit_counts(sandbox: Sandbox, vector: Vector) -> None:
    assert limited(sandbox, vector).limits == as_written(sandbox, vector).limits


@clause("softlimit/options/none")
def test_without_options_nothing_changes(sandbox: Sandbox) -> None:
    assert child(sandbox, "softlimit") == direct(sandbox)
    assert child(sandbox, "softlimit", "--") == direct(sandbox)
