"""The sections `[plans.<name>]` of neurova.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from ..functions.descriptions import SCOPE
from ..functions.rate_limits import parse_limit
from .section import Section


class Plan(Section, frozen=True):
    """What each consumer that holds the plan may do.

    `scopes` are added to those of its keys. `limit` and `quota` (calls in 30 days, 0 for none) bind
    all its keys together.
    """

    scopes: tuple[str, ...] = ()
    limit: str = ""
    quota: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0


def find_plans_faults(plans: Mapping[str, Plan]) -> Iterator[tuple[str, str]]:
    """Yield each key below `[plans]` with an invalid value, and what is wrong."""
    for name, plan in plans.items():
        for scope in plan.scopes:
            if not SCOPE.fullmatch(scope):
                yield f"{name}.scopes", f'{scope!r} is not a scope, write it like "booking:write"'
        if plan.limit:
            try:
                parse_limit(plan.limit)
            except ValueError as error:
                yield f"{name}.limit", str(error)
