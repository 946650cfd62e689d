"""What a run leaves behind: results.jsonl, junit.xml, matrix.html, badge.svg."""

from pathlib import Path

from daemontools_conformance.judging.run import Run
from daemontools_conformance.reports import badge, junit, matrix, results

REPORTS = ("results.jsonl", "junit.xml", "matrix.html", "badge.svg")


def write_all(run: Run, folder: Path) -> None:
    """Write every report of a run into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = results.lines_of(run)
    report = results.checked(lines)
    known = {id_: demand.clause for id_, demand in run.demands.items()}
    texts = (
        results.as_text(lines),
        junit.document(report),
        matrix.page([report], known, evidence=["."]),
        badge.image(report),
    )
    for name, text in zip(REPORTS, texts, strict=True):
        (folder / name).unlink(missing_ok=True)  # it may be somebody else's link to elsewhere
        with open(folder / name, "x") as file:
            file.write(text)
