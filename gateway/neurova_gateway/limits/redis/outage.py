"""What a node does while Redis is down: admit its share, and remember what it admitted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from ..base import Bucket, Decision, Limiter


class Outage:
    """Admit the share of this node: `rank` of `nodes` nodes, whose shares add up to the limit.

    `local` counts for all processes of the node. Each process remembers what it admitted itself.
    """

    def __init__(self, local: Limiter) -> None:
        self._local = local
        self._admitted: Counter[Bucket] = Counter()
        self.lock = threading.Lock()
        self.nodes, self.rank = 1, 0
        self.decisions = 0

    def admit(self, buckets: Sequence[Bucket], cost: int) -> Decision:
        """Charge `cost` to the share of each bucket, or to none. Raises Unavailable."""
        shares = tuple(bucket._replace(limit=self.share(bucket.limit)) for bucket in buckets)
        self.decisions += 1
        decision = self._local.admit(shares, cost)
        if decision.admitted:
            for bucket in buckets:
                self._admitted[bucket] += cost
        return decision

    def take(self) -> Counter[Bucket]:
        """Return what was admitted since the last call, for Redis to add."""
        admitted, self._admitted = self._admitted, Counter()
        return admitted

    def put_back(self, admitted: Counter[Bucket]) -> None:
        """Keep what could not be added."""
        self._admitted += admitted

    def share(self, limit: int) -> int:
        """Return the share of a limit; the nodes of the lowest ranks take the remainder."""
        share, remainder = divmod(limit, self.nodes)
        return share + (self.rank < remainder)
