"""What a run leaves behind: results.jsonl, junit.xml, matrix.html, badge.svg."""

from pathlib import Path

from daemontools_conformance.judging.run import Run
from daemontools_conformance.reports import badge, junit, matrix, results


def write_all(run: Run, folder: Path) -> None:
    """Write every report of a run into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = results.lines_of(run)
    (folder / "results.jsonl").write_text(results.as_text(lines))
    report = results.checked(lines)
    known = {id_: demand.clause for id_, demand in run.demands.items()}
    (folder / "junit.xml").write_text(junit.document(report))
    (folder / "matrix.html").write_text(matrix.page([report], known, evidence=["."]))
    (folder / "badge.svg").write_text(badge.image(report))
