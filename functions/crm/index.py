"""Full-text search of customers over the table `texts` and the database's own index."""

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

from .domain import CUSTOMER_COLUMNS, Customer, customers, from_row, texts
from .words import parse_query, phone_suffixes, split_words

WEIGHTS = {"name": 8, "company": 4, "email": 4, "phone": 4, "note": 1, "interaction": 1}
"""The score of a prefix match, by part; a whole word scores twice as much."""
FTS5 = "texts.seq IN (SELECT rowid FROM texts_index WHERE texts_index MATCH '\"' || {} || '\"*')"
TSVECTOR = "texts.vector @@ CAST('''' || {} || ''':*' AS tsquery)"
FIELDS = ("name", "company", "email", "phone")

_insert = texts.insert()
_delete_fields = texts.delete().where(texts.c.customer == bindparam("id"), texts.c.part.in_(FIELDS))
_move = texts.update().where(texts.c.customer == bindparam("id")).values(customer=bindparam("into"))


async def index_customer(tx: Tx, customer: Customer) -> None:
    """Replace the indexed words of a customer's fields with their current values."""
    await tx.execute(_delete_fields, {"id": customer.id})
    words = {name: split_words(getattr(customer, name) or "") for name in FIELDS}
    words["phone"] = phone_suffixes(customer.phone or "")
    rows = [_row(customer.id, part, found) for part, found in words.items() if found]
    if rows:
        await tx.execute(_insert, rows)


async def index_text(tx: Tx, id: str, part: str, text: str) -> None:
    """Add the words of a note or an interaction to a customer's index."""
    await tx.execute(_insert, _row(id, part, split_words(text)))


async def move_texts(tx: Tx, duplicate: str, into: str) -> None:
    """Move the indexed notes and interactions of a duplicate; delete its indexed fields."""
    await tx.execute(_delete_fields, {"id": duplicate})
    await tx.execute(_move, {"id": duplicate, "into": into})


async def search(tx: Tx, text: str, limit: int, skip: int) -> list[Customer]:
    """Return the customers that match every word of a query, as a word or a prefix; best first.

    The words may be spread over a customer's fields, notes and interactions. A query that looks
    like the end of a phone number is searched as that too. A query without words finds nothing.
    """
    alternatives = [_score_all(words) for words in parse_query(text)]
    if not alternatives:
        return []
    matches = union_all(*alternatives).subquery()
    best = (
        select(matches.c.customer, func.max(matches.c.score).label("score"))
        .group_by(matches.c.customer)
        .subquery()
    )
    statement = (
        select(*CUSTOMER_COLUMNS)
        .join(best, best.c.customer == customers.c.id)
        .order_by(best.c.score.desc(), customers.c.seq)
        .limit(limit)
        .offset(skip)
    )
    return [from_row(Customer, row) for row in (await tx.execute(statement)).mappings()]


class HasPrefix(FunctionElement[Any]):
    """An SQL condition: a row of `texts` has a word with the given prefix.

    It uses the table `texts_index` (FTS5) or the column `vector` (tsvector). The prefix has only
    letters and digits and is quoted, so it cannot inject query operators.
    """

    inherit_cache = True  # no Boolean type: SQLite would append "= 1"


@compiles(HasPrefix, "sqlite")
def _compile_for_sqlite(element: HasPrefix, compiler: SQLCompiler, **options: Any) -> str:
    return FTS5.format(compiler.process(element.clauses, **options))


@compiles(HasPrefix, "postgresql")
def _compile_for_postgresql(element: HasPrefix, compiler: SQLCompiler, **options: Any) -> str:
    return TSVECTOR.format(compiler.process(element.clauses, **options))


def _score_all(words: list[str]) -> Select[Any]:
    """Select the customers that match every word, with the sum of the scores."""
    first, *others = [_score_word(word).subquery() for word in words]
    score: SQLColumnExpression[int] = first.c.score
    joined: Any = first
    for other in others:
        joined = joined.join(other, other.c.customer == first.c.customer)
        score = score + other.c.score
    return select(first.c.customer, score.label("score")).select_from(joined)


def _score_word(word: str) -> Select[Any]:
    """Select the customers that match one word, with their best score."""
    spaced = literal(" ") + texts.c.words + literal(" ")
    weight: ColumnElement[int] = case(WEIGHTS, value=texts.c.part)
    score = weight * case((spaced.contains(f" {word} "), 2), else_=1)
    best = func.max(score).label("score")
    has_prefix = HasPrefix(literal(word, String))
    return select(texts.c.customer, best).where(has_prefix).group_by(texts.c.customer)


def _row(id: str, part: str, words: list[str]) -> dict[str, str]:
    return {"customer": id, "part": part, "words": " ".join(words)}
