"""Rate limits while Redis is down: a node admits its share and records what it admitted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from ..base import Bucket, Decision, Limiter


class Outage:
    """Admit this node's share of each limit; the shares of all `nodes` add up to the limit.

    `rank`: the position of this node, from 0. `local` counts the calls of all processes of this
    node. Each process records only the calls that it admitted itself.
    """

    def __init__(self, local: Limiter) -> None:
        self._local = local
        self._admitted: Counter[Bucket] = Counter()
        self.lock = threading.Lock()
        self.nodes, self.rank = 1, 0
        self.decisions = 0

    def admit(self, buckets: Sequence[Bucket], cost: int) -> Decision:
        """Charge `cost` to this node's share of every bucket, or to none. Raises Unavailable."""
        shares = tuple(bucket._replace(limit=self.share(bucket.limit)) for bucket in buckets)
        self.decisions += 1
        decision = self._local.admit(shares, cost)
        if decision.admitted:
            for bucket in buckets:
                self._admitted[bucket] += cost
        return decision

    def take(self) -> Counter[Bucket]:
        """Return and reset the units admitted during the outage, to add them in Redis."""
        admitted, self._admitted = self._admitted, Counter()
        return admitted

    def put_back(self, admitted: Counter[Bucket]) -> None:
        """Restore units that could not be added in Redis."""
        self._admitted += admitted

    def share(self, limit: int) -> int:
        """Return this node's share of a limit; the lowest ranks share the remainder."""
        share, remainder = divmod(limit, self.nodes)
        return share + (self.rank < remainder)
