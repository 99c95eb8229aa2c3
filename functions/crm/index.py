"""What customers are found by: kept in `texts`, looked for with each database's own index."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    bindparam,
    case,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from neurova import Tx

from .domain import STORED, Customer, customers, read, texts
from .words import endings, readings, words

WEIGHTS = {"name": 8, "company": 4, "email": 4, "phone": 4, "note": 1, "interaction": 1}
"""What a word counts where it is found; a whole word counts twice what a beginning does."""
FTS5 = "texts.seq IN (SELECT rowid FROM texts_index WHERE texts_index MATCH '\"' || {} || '\"*')"
TSVECTOR = "texts.vector @@ CAST('''' || {} || ''':*' AS tsquery)"
OWN = ("name", "company", "email", "phone")

_add = texts.insert()
_drop = texts.delete().where(texts.c.customer == bindparam("id"), texts.c.part.in_(OWN))
_move = texts.update().where(texts.c.customer == bindparam("id")).values(customer=bindparam("into"))


async def put(tx: Tx, customer: Customer) -> None:
    """Let a customer be found by its values as they are now, and no more by earlier ones."""
    await tx.execute(_drop, {"id": customer.id})
    said = {name: words(getattr(customer, name) or "") for name in OWN}
    said["phone"] = endings(customer.phone or "")
    rows = [_row(customer.id, part, found) for part, found in said.items() if found]
    if rows:
        await tx.execute(_add, rows)


async def add(tx: Tx, id: str, part: str, text: str) -> None:
    """Let a customer be found by a note or an interaction too."""
    await tx.execute(_add, _row(id, part, words(text)))


async def move(tx: Tx, gone: str, into: str) -> None:
    """Let a customer be found by the notes and interactions of one that became part of it."""
    await tx.execute(_drop, {"id": gone})
    await tx.execute(_move, {"id": gone, "into": into})


async def search(tx: Tx, text: str, limit: int, skip: int) -> list[Customer]:
    """Return the customers that have each word of a text, or words that begin so; best first.

    The words may be spread over a customer's values, notes and interactions. A text that may be
    the end of a phone number is looked for as one, too; one without letters or digits finds nobody.
    """
    found = [_ranked(reading) for reading in readings(text)]
    if not found:
        return []
    either = union_all(*found).subquery()
    best = (
        select(either.c.customer, func.max(either.c.score).label("score"))
        .group_by(either.c.customer)
        .subquery()
    )
    page = (
        select(*STORED)
        .join(best, best.c.customer == customers.c.id)
        .order_by(best.c.score.desc(), customers.c.seq)
        .limit(limit)
        .offset(skip)
    )
    return [read(Customer, row) for row in (await tx.execute(page)).mappings()]


class Begins(FunctionElement[Any]):
    """Tell of a row of `texts` whether one of its words begins with a word: letters and digits.

    It is the index that tells: the table `texts_index` (FTS5), or the column `vector` (tsvector).
    Quoted, as both do it here, a word is never taken for an operator.
    """

    inherit_cache = True  # and no Boolean type: SQLite would be asked whether it equals 1


@compiles(Begins, "sqlite")
def _by_fts5(begins: Begins, compiler: SQLCompiler, **options: Any) -> str:
    return FTS5.format(compiler.process(begins.clauses, **options))


@compiles(Begins, "postgresql")
def _by_tsvector(begins: Begins, compiler: SQLCompiler, **options: Any) -> str:
    return TSVECTOR.format(compiler.process(begins.clauses, **options))


def _ranked(sought: list[str]) -> Select[Any]:
    """Return the statement of all customers that have every word, each with its score."""
    first, *others = [_having(word).subquery() for word in sought]
    score: SQLColumnExpression[int] = first.c.score
    joined: Any = first
    for other in others:
        joined = joined.join(other, other.c.customer == first.c.customer)
        score = score + other.c.score
    return select(first.c.customer, score.label("score")).select_from(joined)


def _having(word: str) -> Select[Any]:
    """Return the statement of all customers that have one word, each with the best of its parts."""
    spaced = literal(" ") + texts.c.words + literal(" ")
    weight: ColumnElement[int] = case(WEIGHTS, value=texts.c.part)
    score = weight * case((spaced.contains(f" {word} "), 2), else_=1)
    best = func.max(score).label("score")
    begins = Begins(literal(word, String))
    return select(texts.c.customer, best).where(begins).group_by(texts.c.customer)


def _row(id: str, part: str, found: list[str]) -> dict[str, str]:
    return {"customer": id, "part": part, "words": " ".join(found)}
