"""Settle the charges of an hour."""

from typing import Annotated

from neurova import Secret, every

from .domain import SEEN


@every("1 hour")
async def settle(
    account: Annotated[Secret, "bank#account"], token: Annotated[Secret, "stripe#token"]
) -> None:
    SEEN.append(f"{account.value} {token.value}")
