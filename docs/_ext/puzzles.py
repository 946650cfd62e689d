"""The puzzles: a line of the reference is wrong; which clause notices?

They are mutants of the catalogue, and each answer is a clause that catches its mutant:
`tox -e mutants` tries them all.

    {puzzles}           the changed lines
    {puzzle-answers}    the clauses
"""

import tomllib
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).parents[2] / "conformance/upkeep/mutants/catalogue.toml"

# From easy to hard.
CHOSEN = [
    "svstat-says-up-for-down",
    "tai64n-no-space",
    "once-means-up",
    "svok-answers-for-a-plain-directory",
    "status-pid-big-endian",
    "term-sends-cont-too",
    "setlock-lock-not-inherited",
    "setlock-first-option-counts",
    "status-written-in-place",
    "supervise-control-without-a-writer",
    "svscan-knows-services-by-inode-and-name",
    "svscan-keeps-no-reading-end",
    "match-star-takes-last",
    "multilog-margin",
]


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
        f"1. {' and '.join(f'`{clause}`' for clause in mutant['clauses'])};"
        f" `./check -e mutants -- {mutant['name']}` shows it"
        for mutant in chosen()
    )


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from sphinx.util.docutils import SphinxDirective

    def directive(text: str) -> type[SphinxDirective]:
        class Made(SphinxDirective):
            def run(self) -> list[Any]:
                return self.parse_text_to_nodes(text)

        return Made

    app.add_directive("puzzles", directive(puzzles()))
    app.add_directive("puzzle-answers", directive(answers()))
    return {"version": "1", "parallel_read_safe": True}
