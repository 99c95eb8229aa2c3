"""A plan as Markdown, for the comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from .plan import AccessChange, Plan

_LONGEST = 60_000
"""GitHub refuses comments of more than 65,536 characters."""


def write_markdown(plan: Plan, environment: str) -> str:
    """Return a plan as Markdown, access changes first.

    If the plan is too long for a comment, omits the rest and says how many lines it omits.
    """
    lines = [f"### Plan for {_code(environment)}", ""]
    room = _LONGEST
    body = [*_body(plan)] or ["Nothing to change"]
    for number, line in enumerate(body):
        room -= len(line) + 1
        if room < 0:
            left = len(body) - number
            lines += ["```" if "```diff" in lines else "", f"{left} more lines are left out"]
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _body(plan: Plan) -> Iterator[str]:
    if plan.access:
        opened = sum(each.opens for each in plan.access)
        yield f"**Access changes: {len(plan.access)}, of which {opened} (⚠️) admit new callers**"
        yield ""
        yield "| | function | route | before | after |"
        yield "|---|---|---|---|---|"
        yield from map(_row, plan.access)
        yield ""
    if plan.changes:
        yield f"**Resources: {len(plan.changes)}**"
        yield ""
        yield "```diff"
        for each in plan.changes:
            yield from str(each).replace("```", "'''").splitlines()
        yield "```"


def _row(change: AccessChange) -> str:
    words = (change.function, change.route, change.before or "nobody", change.after or "nobody")
    return " | ".join(["| ⚠️" if change.opens else "|", *map(_code, words), ""]).rstrip()


def _code(text: str) -> str:
    """Return text as code, so that Markdown and table syntax in it have no effect."""
    return "`" + " ".join(text.replace("`", "'").replace("|", "\\|").split()) + "`"
