"""The short forms of `call`, for platforms that are not in this process."""

from __future__ import annotations

from typing import Any, Protocol

from neurova_platform.testing.response import Response


class Verbs(Protocol):
    """A platform with `call`, like `TestPlatform`."""

    def call(self, method: str, path: str, **options: Any) -> Response:
        """Make one call."""

    def get(self, path: str, **options: Any) -> Response:
        """GET a path."""
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        """POST to a path."""
        return self.call("POST", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        """PATCH a path."""
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        """DELETE a path."""
        return self.call("DELETE", path, **options)
