"""P4: the cost of a call with 1,000 and 10,000 routes: at most 1.05 x the cost with 10.

Each round calls five routes, exact or with a parameter, spread evenly over the table.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from .figure import Figure, Goal
from .load import Request
from .project import Project, endpoints
from .rounds import Contender

SIZES = (10, 1_000, 10_000)
CALLED = 5


def requests(count: int, key: str, *, parameter: bool) -> tuple[Request, ...]:
    """Return calls of `CALLED` endpoints, evenly spread over `count`."""
    fitting = [each for each in endpoints(count) if each.has_parameter is parameter]
    step = len(fitting) // CALLED
    return tuple(each.request(key) for each in fitting[::step][:CALLED])


def main() -> None:
    """Measure exact routes, then routes with a parameter, and write the result."""
    figure = Figure("p4", __doc__)
    names = [f"{size:,} routes" for size in SIZES]
    goals = [Goal(name, names[0], 1.05) for name in names[1:]]
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        projects = [Project(Path(folder) / str(size)) for size in SIZES]
        keys = []
        for project, size in zip(projects, SIZES, strict=True):
            project.write_endpoints(size)
            keys.append(project.key("bench:read"))
        for part, parameter in (("exact", False), ("parameter", True)):
            contenders = [
                Contender(name, project.program("run"), requests(size, key, parameter=parameter))
                for name, project, size, key in zip(names, projects, SIZES, keys, strict=True)
            ]
            figure.compare(part, contenders, goals)
    figure.write()


if __name__ == "__main__":
    main()
