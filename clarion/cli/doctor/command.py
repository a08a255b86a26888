"""The command: what was found, told as it is found."""

from __future__ import annotations

import typer

from clarion.cli.doctor.finding import Finding
from clarion.lifecycle import run


def doctor() -> None:
    """Check settings, broker, database, ports and mail servers.

    Says what is wrong and what to do about it. The exit status is 1 where something is. Changes
    nothing.
    """
    from clarion.cli.doctor.checks import findings

    wrong: list[Finding] = []

    async def check() -> None:
        async for finding in findings():
            typer.echo(text_of(finding))
            if not finding.ok:
                wrong.append(finding)

    run(check)
    if wrong:
        typer.echo(f"{len(wrong)} to mend.", err=True)
        raise typer.Exit(1)
    typer.echo("All is well.")


def text_of(finding: Finding) -> str:
    """The finding, and under it the remedy."""
    mark = "ok  " if finding.ok else "FAIL"
    text = f"{mark} {finding.subject}: {finding.sentence}"
    return text if finding.ok else f"{text}\n     {finding.remedy}"
