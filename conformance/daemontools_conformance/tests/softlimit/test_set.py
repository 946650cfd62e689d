"""softlimit: which limits each option sets, and to what."""

from dataclasses import replace

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import child, direct
from daemontools_conformance.running.sandbox import Sandbox

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
ABOVE = 18446744073709551615  # no hard limit is greater
FILES = "open files"


def soft(sandbox: Sandbox, name: str, *words: str | bytes, hard: str = "") -> str:
    """The child's soft limit of this name after `softlimit words...`."""
    prepare = ["--hard-limit", hard] if hard else []
    return child(sandbox, "softlimit", *words, prepare=prepare).limits[name][0]


def sets_only(sandbox: Sandbox, letter: str) -> None:
    """The option of this letter sets its soft limit, and the child sees no other change."""
    name, _, amount = LIMITS[letter]
    before = direct(sandbox)
    after = child(sandbox, "softlimit", f"-{letter}", str(amount))
    limits = {**before.limits, name: (str(amount), before.limits[name][1])}
    assert after == replace(before, limits=limits)


@clause("softlimit/set/a")
def test_a_limits_the_address_space(sandbox: Sandbox) -> None:
    sets_only(sandbox, "a")


@clause("softlimit/set/c")
def test_c_limits_core_files(sandbox: Sandbox) -> None:
    sets_only(sandbox, "c")


@clause("softlimit/set/d")
def test_d_limits_the_data_segment(sandbox: Sandbox) -> None:
    sets_only(sandbox, "d")


@clause("softlimit/set/f")
def test_f_limits_the_size_of_files(sandbox: Sandbox) -> None:
    sets_only(sandbox, "f")


@clause("softlimit/set/l")
def test_l_limits_locked_memory(sandbox: Sandbox) -> None:
    sets_only(sandbox, "l")


@clause("softlimit/set/o")
def test_o_limits_open_descriptors(sandbox: Sandbox) -> None:
    sets_only(sandbox, "o")


@clause("softlimit/set/p")
def test_p_limits_processes(sandbox: Sandbox) -> None:
    sets_only(sandbox, "p")


@clause("softlimit/set/r")
def test_r_limits_resident_memory(sandbox: Sandbox) -> None:
    sets_only(sandbox, "r")


@clause("softlimit/set/s")
def test_s_limits_the_stack(sandbox: Sandbox) -> None:
    sets_only(sandbox, "s")


@clause("softlimit/set/t")
def test_t_limits_processor_time(sandbox: Sandbox) -> None:
    sets_only(sandbox, "t")


@clause("softlimit/set/m")
def test_m_sets_four_limits(sandbox: Sandbox) -> None:
    before = direct(sandbox)
    after = child(sandbox, "softlimit", "-m", "300000000")
    names = ("data size", "stack size", "locked memory", "address space")
    hard = {name: before.limits[name][1] for name in names}
    limits = {name: (_least("300000000", hard[name]), hard[name]) for name in names}
    assert after == replace(before, limits={**before.limits, **limits})


def _least(amount: str, hard: str) -> str:
    return amount if hard == "unlimited" else str(min(int(amount), int(hard)))


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
@pytest.mark.parametrize("letter", [letter for letter in LIMITS if letter != "p"])
def test_equals_sign_means_the_hard_limit(sandbox: Sandbox, letter: str) -> None:
    name, resource, amount = LIMITS[letter]
    prepare = ["--limit", f"{resource}={amount}"]
    seen = child(sandbox, "softlimit", f"-{letter}", "=", prepare=prepare)
    assert seen.limits[name] == (direct(sandbox).limits[name][1],) * 2


@clause("softlimit/amount/above-hard")
@pytest.mark.parametrize("above", ["1", "1000000000000"])
@pytest.mark.parametrize("letter", LIMITS)
def test_above_the_hard_limit_means_the_hard_limit(
    sandbox: Sandbox, letter: str, above: str
) -> None:
    name, resource, amount = LIMITS[letter]
    prepare = ["--hard-limit", f"{resource}={amount}"]
    words = [f"-{letter}", str(amount + int(above))]
    seen = child(sandbox, "softlimit", *words, prepare=prepare)
    assert seen.limits[name] == (str(amount),) * 2


@clause("softlimit/amount/around-32-bits")
@pytest.mark.parametrize("amount", [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**53 + 1])
def test_amounts_that_do_not_fit_into_32_bits(sandbox: Sandbox, amount: int) -> None:
    assert soft(sandbox, "file size", "-f", str(amount)) == str(amount)


@clause("softlimit/amount/zero")
@pytest.mark.parametrize("letter", "cflpr")
def test_zero_is_a_limit(sandbox: Sandbox, letter: str) -> None:
    name = LIMITS[letter][0]
    expected = direct(sandbox, prepare=["--limit", f"{LIMITS[letter][1]}=0"]).limits[name]
    assert child(sandbox, "softlimit", f"-{letter}", "0").limits[name] == expected
    assert expected[0] == "0"


@clause("softlimit/amount/empty")
def test_the_empty_argument_is_0(sandbox: Sandbox) -> None:
    assert soft(sandbox, "core file size", "-c", "", hard="CORE=1000") == "0"


@clause("softlimit/amount/leading-zeros")
@pytest.mark.parametrize("amount", ["050", "0000000000000000000000000000050"])
def test_leading_zeros_do_not_count(sandbox: Sandbox, amount: str) -> None:
    assert soft(sandbox, FILES, "-o", amount) == "50"


@clause("softlimit/amount/modulo")
@pytest.mark.parametrize(
    ("amount", "counts_as"),
    [
        ("18446744073709551616", "0"),
        ("18446744073709551666", "50"),
        ("36893488147419103283", "51"),
        (f"1{7:080}", "7"),  # 10 ** 80 is a multiple of 2 ** 64
        ("1606938044258990275541962092341162602522202993782792835301385", "9"),
    ],
)
def test_numbers_count_modulo_2_to_the_64(sandbox: Sandbox, amount: str, counts_as: str) -> None:
    assert soft(sandbox, "core file size", "-c", amount, hard="CORE=1000000") == counts_as


@clause("softlimit/amount/unlimited")
def test_the_greatest_number_is_unlimited(sandbox: Sandbox) -> None:
    if direct(sandbox).limits["file size"][1] == "unlimited":
        assert soft(sandbox, "file size", "-f", str(ABOVE)) == "unlimited"
    assert soft(sandbox, "file size", "-f", str(ABOVE), hard="FSIZE=100000") == "100000"


@clause("softlimit/amount/great")
@pytest.mark.parametrize("amount", [2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2])
def test_numbers_above_2_to_the_63(sandbox: Sandbox, amount: int) -> None:
    expected = _least(str(amount), direct(sandbox).limits["file size"][1])
    assert soft(sandbox, "file size", "-f", str(amount)) == expected


@clause("softlimit/options/joined")
def test_the_argument_in_the_same_word(sandbox: Sandbox) -> None:
    assert soft(sandbox, FILES, "-o50") == "50"


@clause("softlimit/options/joined")
def test_an_equals_sign_in_the_same_word(sandbox: Sandbox) -> None:
    assert soft(sandbox, FILES, "-o=", hard="NOFILE=60") == "60"


@clause("softlimit/options/double-dash")
def test_double_dash_is_skipped(sandbox: Sandbox) -> None:
    assert soft(sandbox, FILES, "-o", "50", "--") == "50"


@clause("softlimit/options/last-counts")
def test_the_last_limit_counts(sandbox: Sandbox) -> None:
    assert soft(sandbox, FILES, "-o", "60", "-o40", "-o", "50") == "50"


@clause("softlimit/options/last-counts")
def test_a_letter_after_m_counts(sandbox: Sandbox) -> None:
    words = ["-m", "300000000", "-s", "2000000"]
    assert soft(sandbox, "stack size", *words) == "2000000"


@clause("softlimit/options/last-counts")
def test_m_after_a_letter_counts(sandbox: Sandbox) -> None:
    words = ["-s", "2000000", "-m", "300000000"]
    assert soft(sandbox, "stack size", *words, hard="STACK=4000000") == "4000000"


@clause("softlimit/options/none")
def test_without_options_nothing_changes(sandbox: Sandbox) -> None:
    assert child(sandbox, "softlimit") == direct(sandbox)
    assert child(sandbox, "softlimit", "--") == direct(sandbox)
