"""A double of a table's memory that fails at a chosen write."""

from __future__ import annotations


class FailingWords:
    """The words of a table; after `writes` writes, the next write raises `error`."""

    def __init__(self, words: memoryview, writes: int, error: type[BaseException]) -> None:
        self._words, self._writes, self._error = words, writes, error

    def __getitem__(self, at: int) -> int:
        return self._words[at]

    def __setitem__(self, at: int, word: int) -> None:
        if not self._writes:
            raise self._error
        self._writes -= 1
        self._words[at] = word
