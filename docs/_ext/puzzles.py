"""The puzzles: a line of the reference is wrong; which clause notices?

They are mutants of the catalogue, and each answer names the clauses that must catch its
mutant: docs/test_puzzles.py tries them all.
"""

import tomllib
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).parents[2] / "conformance/upkeep/mutants/catalogue.toml"

# From easy to hard; beside each, why its clause notices.
CHOSEN = {
    "svstat-says-up-for-down": "the line of a service that is down begins with the wrong word",
    "tai64n-no-space": "a label must be followed by a space",
    "once-means-up": "a service started by `o` is started again after its end",
    "svok-answers-for-a-plain-directory": "a FIFO stays when supervise dies; its reader does not",
    "status-pid-big-endian": "a client that reads bytes 12 to 15 finds another number",
    "term-sends-cont-too": "a paused service now dies at once instead of when it is continued",
    "setlock-lock-not-inherited": "exec closes the descriptor, and the lock goes with it",
    "setlock-first-option-counts": "of `-n` and `-N`, the wrong one wins",
    "status-written-in-place": "a reader that has the old file open sees it change",
    "supervise-control-without-a-writer": "no open for writing is left that could fail; and once"
    " a client has gone, each wait ends at once, so the reference pauses before it looks again,"
    " and obeys late (a supervise that does not pause falls short of"
    " `supervise/command/idle-afterwards`)",
    "svscan-knows-services-by-inode-and-name": "after a rename, the service counts as a new one",
    "svscan-keeps-no-reading-end": "the next supervise of the log has no reading end to inherit",
    "match-star-tries-again": "a star that may go on to a later occurrence matches more lines",
    "multilog-margin": "a file is finished only when it is full, in the middle of a line",
}


def chosen() -> list[dict[str, Any]]:
    """The mutants, in order."""
    mutants = {m["name"]: m for m in tomllib.loads(CATALOGUE.read_text())["mutant"]}
    return [mutants[name] for name in CHOSEN]


def puzzles() -> str:
    """What was changed, as Markdown."""
    return "\n".join(
        "\n".join(
            [
                f"### {number}. {mutant['file']}\n",
                "```diff",
                *(f"- {line}" for line in mutant["old"].splitlines()),
                *(f"+ {line}" for line in mutant["new"].splitlines()),
                "```\n",
            ]
        )
        for number, mutant in enumerate(chosen(), 1)
    )


def answers() -> str:
    """Which clauses notice, as a list in Markdown."""
    return "\n".join(
        f"1. {' and '.join(f'`{clause}`' for clause in mutant['clauses'])}:"
        f" {CHOSEN[mutant['name']]}; `./check -e mutants -- {mutant['name']}` shows it"
        for mutant in chosen()
    )
