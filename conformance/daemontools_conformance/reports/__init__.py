"""What a run leaves behind: results.jsonl, junit.xml, matrix.html, badge.svg."""

from pathlib import Path

from daemontools_conformance.reports import badge, junit, matrix, results


def write_all(run: results.Run, folder: Path) -> None:
    """Write every report of a run into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    records = results.records(run)
    (folder / "results.jsonl").write_text(results.as_text(records))
    report = results.checked(records)
    (folder / "junit.xml").write_text(junit.document(report))
    (folder / "matrix.html").write_text(matrix.page([report], run.clauses, evidence=["."]))
    (folder / "badge.svg").write_text(badge.image(report))
