"""The tables of the embedded bus, and the statements on them."""
# ruff: noqa: S608 - the parts of statements are constants, values are parameters

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from ..base import Delivery, Depth, Failure, Message, Queue

READY, DELAYED, DELIVERED, DEAD = range(4)

LAYOUT = f"""
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, ordered INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bindings (
    event TEXT, queue TEXT, PRIMARY KEY (event, queue)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    body BLOB NOT NULL,
    time REAL NOT NULL,
    trace_id TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    failures BLOB NOT NULL DEFAULT '[]',
    state INTEGER NOT NULL DEFAULT {READY},
    owner INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS messages_ready ON messages (queue, seq) WHERE state = {READY};
CREATE INDEX IF NOT EXISTS messages_delayed ON messages (due) WHERE state = {DELAYED};
CREATE INDEX IF NOT EXISTS messages_delivered ON messages (owner) WHERE state = {DELIVERED};
CREATE INDEX IF NOT EXISTS messages_dead ON messages (queue, seq) WHERE state = {DEAD};
"""
_COLUMNS = "seq, queue, id, event, body, time, trace_id, attempt, failures"
_INSERT = "INSERT INTO messages (queue, id, event, body, time, trace_id) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_DEAD = (
    "INSERT INTO messages (queue, id, event, body, time, trace_id, attempt, failures, state) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, {DEAD})"
)
_CLAIM = f"""UPDATE messages SET state = {DELIVERED}, owner = ? WHERE seq IN (
    SELECT seq FROM messages WHERE queue = ? AND state = {READY} ORDER BY seq LIMIT ?
) RETURNING {_COLUMNS}"""
_DUE = f"UPDATE messages SET state = {READY} WHERE state = {DELAYED} AND (due <= ? OR due > ?)"
_OWNED = f"WHERE seq = ? AND owner = ? AND state = {DELIVERED}"
_END = f"UPDATE messages SET state = ?, due = ?, attempt = ?, failures = ?, owner = 0 {_OWNED}"
_RELEASE = f"UPDATE messages SET state = {READY}, owner = 0 {_OWNED}"
_DEAD = f"WHERE queue = ? AND id = ? AND state = {DEAD}"
_FAILURES = msgspec.json.Decoder(tuple[Failure, ...])


def declare(connection: sqlite3.Connection, queues: Sequence[Queue]) -> None:
    """Create or change queues and their bindings."""
    for queue in queues:
        connection.execute("INSERT OR REPLACE INTO queues VALUES (?, ?)", (queue[0], queue.ordered))
        connection.execute("DELETE FROM bindings WHERE queue = ?", (queue.name,))
        bindings = [(event, queue.name) for event in queue.events]
        connection.executemany("INSERT INTO bindings VALUES (?, ?)", bindings)


def insert(connection: sqlite3.Connection, messages: Sequence[Message]) -> list[str]:
    """Copy messages to the queues of their events; return the events that have no queue."""
    queues = {
        event: [
            name
            for (name,) in connection.execute(
                "SELECT queue FROM bindings WHERE event = ?", (event,)
            )
        ]
        for event in {message.event for message in messages}
    }
    rows = (
        (queue, each.id, each.event, each.body, each.time, each.traceparent)
        for each in messages
        for queue in queues[each.event]
    )
    connection.executemany(_INSERT, rows)
    return sorted(event for event, names in queues.items() if not names)


def claim(
    connection: sqlite3.Connection, queue: str, owner: int, limit: int, now: float, latest: float
) -> list[Delivery]:
    """Deliver the oldest messages of a queue to an owner.

    Delayed messages become ready if they are due by `now`, or after `latest`: such a due time
    means that the clock was set back.
    """
    connection.execute(_DUE, (now, latest))
    rows = connection.execute(_CLAIM, (owner, queue, limit)).fetchall()
    return [_delivery(row) for row in sorted(rows)]


def remove(connection: sqlite3.Connection, seqs: Iterable[int], owner: int) -> None:
    """Delete delivered messages."""
    connection.executemany(f"DELETE FROM messages {_OWNED}", [(seq, owner) for seq in seqs])


def end(
    connection: sqlite3.Connection,
    delivery: Delivery,
    owner: int,
    state: int,
    due: float,
    failures: tuple[Failure, ...],
) -> None:
    """Record a failed attempt: the message is DELAYED until `due`, or DEAD."""
    attempt = delivery.attempt + (state == DELAYED)
    values = (state, due, attempt, msgspec.json.encode(failures), delivery.handle, owner)
    connection.execute(_END, values)


def insert_dead(
    connection: sqlite3.Connection, delivery: Delivery, failures: tuple[Failure, ...]
) -> None:
    """Add a dead letter whose message this bus did not deliver."""
    each = delivery.message
    values = (delivery.queue, each.id, each.event, each.body, each.time, each.traceparent)
    connection.execute(_INSERT_DEAD, (*values, delivery.attempt, msgspec.json.encode(failures)))


def release(connection: sqlite3.Connection, seq: int, owner: int) -> None:
    """Return one delivered message to its queue."""
    connection.execute(_RELEASE, (seq, owner))


def release_all(connection: sqlite3.Connection, owners: Iterable[int], attempts: int = 0) -> None:
    """Return all messages of some owners to their queues; add `attempts` to each count."""
    connection.executemany(
        f"UPDATE messages SET state = {READY}, owner = 0, attempt = attempt + ? "
        f"WHERE owner = ? AND state = {DELIVERED}",
        [(attempts, owner) for owner in owners],
    )


def has_ready(connection: sqlite3.Connection, queue: str) -> bool:
    """Return whether a queue has a ready message."""
    select = f"SELECT 1 FROM messages WHERE queue = ? AND state = {READY} LIMIT 1"
    return connection.execute(select, (queue,)).fetchone() is not None


def has_due(connection: sqlite3.Connection, now: float, latest: float) -> bool:
    """Return whether a delayed message has become due."""
    select = f"SELECT min(due), max(due) FROM messages WHERE state = {DELAYED}"
    first, last = connection.execute(select).fetchone()
    return first is not None and (first <= now or last > latest)


def count(connection: sqlite3.Connection, queue: str) -> Depth:
    """Count the messages of a queue by state."""
    select = "SELECT state, count(*) FROM messages WHERE queue = ? GROUP BY state"
    found = dict(connection.execute(select, (queue,)).fetchall())
    first = f"SELECT time FROM messages WHERE queue = ? AND state = {READY} ORDER BY seq LIMIT 1"
    (oldest,) = connection.execute(first, (queue,)).fetchone() or (0.0,)
    ready, delivered, delayed, dead = (
        found.get(state, 0) for state in (READY, DELIVERED, DELAYED, DEAD)
    )
    return Depth(ready, delivered, delayed, dead, oldest)


def dead(connection: sqlite3.Connection, queue: str, limit: int) -> list[Delivery]:
    """Return the oldest dead letters of a queue."""
    select = f"SELECT {_COLUMNS} FROM messages WHERE queue = ? AND state = {DEAD} "
    rows = connection.execute(select + "ORDER BY seq LIMIT ?", (queue, limit)).fetchall()
    return [_delivery(row) for row in rows]


def replay(connection: sqlite3.Connection, queue: str, ids: Sequence[str]) -> list[str]:
    """Make dead letters ready as first attempts; return the ids of the messages found."""
    update = f"UPDATE messages SET state = {READY}, attempt = 1 {_DEAD}"
    return [id for id in ids if connection.execute(update, (queue, id)).rowcount]


def replace(connection: sqlite3.Connection, queue: str, id: str, body: bytes) -> bool:
    """Replace the body of a dead letter; return False if it does not exist."""
    update = f"UPDATE messages SET body = ? {_DEAD}"
    return connection.execute(update, (body, queue, id)).rowcount > 0


def drop(connection: sqlite3.Connection, queue: str, ids: Sequence[str]) -> list[str]:
    """Delete dead letters; return the ids of the messages found."""
    delete = f"DELETE FROM messages {_DEAD}"
    return [id for id in ids if connection.execute(delete, (queue, id)).rowcount]


def _delivery(row: tuple[int, str, str, str, bytes, float, str, int, bytes]) -> Delivery:
    seq, queue, id, event, body, time, traceparent, attempt, failures = row
    message = Message(id, event, body, time, traceparent)
    return Delivery(message, queue, attempt, _FAILURES.decode(failures), seq)
