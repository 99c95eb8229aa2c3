"""Every database returns the same value for each column type, or refuses the value."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import CompileError, StatementError
from sqlalchemy.schema import CreateTable
from tests.contracts.databases import transact

from neurova.database.base import Database, Transaction
from neurova.database.sqlite.database import SqliteDatabase


class Color(enum.Enum):
    RED = 1


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARIS, ATHENS = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
MONEY = sa.Numeric(20, 2)
INSTANT = sa.DateTime(timezone=True)
NAIVE = datetime(2026, 1, 1, 12, 0, 0, 5)


def table(kind: Any) -> sa.Table:
    return sa.Table("values", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("v", kind))


async def create(tx: Transaction, kind: Any, *values: Any) -> sa.Table:
    """Create a table with one row for each value."""
    made = table(kind)
    await tx.execute(CreateTable(made))
    for number, value in enumerate(values):
        await tx.execute(made.insert(), {"id": number, "v": value})
    return made


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (INSTANT, NOON.astimezone(PARIS), NOON),
        (INSTANT, NOON.replace(microsecond=7), NOON.replace(microsecond=7)),
        (sa.TIMESTAMP(timezone=True), NOON.astimezone(ATHENS), NOON),
        (sa.DateTime(), NAIVE, NAIVE),
        (sa.Date(), date(2026, 2, 28), date(2026, 2, 28)),
        (sa.Time(), time(9, 30, 1, 5), time(9, 30, 1, 5)),
        (sa.Interval(), timedelta(days=-1, microseconds=1), timedelta(days=-1, microseconds=1)),
        (sa.Boolean(), True, True),
        (sa.LargeBinary(), b"\x00\xff", b"\x00\xff"),
        (sa.JSON(), {"a": [1, 2.5, None, "ä"]}, {"a": [1, 2.5, None, "ä"]}),
        (sa.Uuid(), UUID(int=7), UUID(int=7)),
        (sa.Enum(Color, native_enum=False), Color.RED, Color.RED),
        (sa.Float(), 0.1, 0.1),
        (MONEY, Decimal("9999999999999.99"), Decimal("9999999999999.99")),
        (MONEY, Decimal("1.005"), Decimal("1.01")),
        (MONEY, Decimal("-1.005"), Decimal("-1.01")),
        (MONEY, 3, Decimal("3.00")),
        (sa.Numeric(30, 20), Decimal("0.12345678901234"), Decimal("0.12345678901234000000")),
        (sa.Numeric(4), Decimal("12.5"), Decimal("13")),
        (sa.Numeric(), Decimal("1E-12"), Decimal("1E-12")),
        (sa.Numeric(), Decimal("123456789012345"), Decimal("123456789012345")),
        (sa.Numeric(10, 2, asdecimal=False), 1.25, 1.25),
    ],
    ids=repr,
)
async def test_value_is_stored_alike(
    database: Database, kind: Any, value: Any, stored: Any
) -> None:
    async def work(tx: Transaction) -> tuple[Any, int, Any]:
        made = await create(tx, kind, value, None)
        (read,) = (await tx.execute(sa.select(made.c.v).where(made.c.id == 0))).scalars()
        same = sa.select(sa.func.count()).where(made.c.v == value)
        equal = 1 if isinstance(kind, sa.JSON) else (await tx.execute(same)).scalar_one()
        return read, equal, (await tx.execute(sa.select(made.c.v).where(made.c.id == 1))).scalar()

    read, equal, none = await transact(database, work)
    assert (str(read), equal, none) == (str(stored), 1, None)
    assert isinstance(read, type(stored))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (INSTANT, NAIVE),
        (sa.DateTime(), NOON),
        (sa.Time(), time(9, tzinfo=PARIS)),
        (sa.Numeric(5, 2), Decimal("999.995")),
        (sa.JSON(), float("nan")),
        (sa.Boolean(), 2),
        (sa.Date(), "2026-01-01"),
    ],
    ids=repr,
)
async def test_wrong_value_is_refused(database: Database, kind: Any, value: Any) -> None:
    async def work(tx: Transaction) -> None:
        made = await create(tx, kind)
        with pytest.raises(StatementError):
            await tx.execute(made.insert(), {"id": 1, "v": value})

    await transact(database, work)


async def test_values_are_compared_and_sorted_alike(database: Database) -> None:
    late, early = NOON.astimezone(PARIS).replace(hour=12), NOON.astimezone(ATHENS).replace(hour=12)

    async def work(tx: Transaction) -> tuple[list[Any], list[Any], Any]:
        made = await create(tx, INSTANT, late, early)
        instants = sa.select(made.c.id).where(made.c.v < NOON).order_by(made.c.v)
        before = list((await tx.execute(instants)).scalars())
        await tx.execute(sa.text('DROP TABLE "values"'))
        made = await create(tx, sa.Numeric(12, 2), *map(Decimal, ("0.30", "10", "-2", "9.99")))
        money = sa.select(made.c.id).order_by(made.c.v)
        order = list((await tx.execute(money)).scalars())
        amount = made.c.v
        first = made.c.id == 0
        for _ in range(2):
            await tx.execute(made.update().where(first).values(v=amount - Decimal("0.10")))
        left = amount - Decimal("0.10")
        checks = (amount >= Decimal("0.1"), left >= 0, amount * 3 == Decimal("0.3"))
        return before, order, (await tx.execute(sa.select(*checks).where(first))).one()

    before, order, checks = await transact(database, work)
    assert (before, order, tuple(checks)) == ([1, 0], [2, 0, 3, 1], (True, True, True))


@pytest.mark.parametrize("values", [["0.10"] * 3, ["0.1", "0.2", "12345678901.01"]])
async def test_sum_of_decimals_is_exact(database: Database, values: list[str]) -> None:
    total = sum(map(Decimal, values))

    async def work(tx: Transaction) -> tuple[Any, ...]:
        made = await create(tx, MONEY, *map(Decimal, values))
        summed = sa.func.sum(made.c.v)
        return tuple((await tx.execute(sa.select(summed, summed == total))).one())

    assert await transact(database, work) == (total, True)


NOT_ON_SQLITE = [
    (MONEY, Decimal("12345678901234567.89"), "at most 15 digits"),
    (sa.Numeric(), Decimal("NaN"), "NaN"),
    (sa.Float(), float("nan"), "NaN"),
]


@pytest.mark.parametrize(("kind", "value", "what"), NOT_ON_SQLITE, ids=repr)
async def test_value_that_sqlite_would_change_is_refused(
    database: Database, kind: Any, value: Any, what: str
) -> None:
    async def work(tx: Transaction) -> None:
        made = await create(tx, kind)
        insert = made.insert().values(v=value)
        if isinstance(database, SqliteDatabase):
            with pytest.raises(StatementError, match=what):
                await tx.execute(insert)
        else:
            await tx.execute(insert)
            assert str((await tx.execute(sa.select(made.c.v))).scalar()) == str(value)

    await transact(database, work)


async def test_arithmetic_of_times_is_right_or_refused(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        made = await create(tx, INSTANT, NOON)
        later = sa.select(made.c.v + timedelta(hours=1), sa.extract("hour", made.c.v))
        if isinstance(database, SqliteDatabase):
            with pytest.raises(CompileError, match="do it in Python"):
                await tx.execute(later)
        else:
            found = (await tx.execute(later)).one()
            assert tuple(found) == (NOON + timedelta(hours=1), 12)

    await transact(database, work)
