"""`make conformance`: 20,000 generated calls, of which at least half reach a function."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.conformance.run import Run, copy_project, fuzz, prepare

# Examples per operation: first conforming and other calls, then only conforming calls, all of
# which reach their function.
PARTS = {"all": 400, "positive": 900}


def main() -> int:
    """Run, print the counts, and return 0 if all responses conform to the document."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--least", type=int, default=20_000, help="minimum number of calls")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder) / "project")
        document, key = prepare(project)
        run = Run(0, "")
        for mode, examples in PARTS.items():
            words = ["--mode", mode, "--max-examples", str(examples), "--seed", str(arguments.seed)]
            words += ["--phases", "fuzzing"] if mode == "positive" else []
            run += fuzz(project, document, key, "--workers", "2", *words)
    undocumented = sorted(run.undocumented(document))
    failed = sum(count for status, count in run.statuses.items() if status >= 500)
    share = run.reached / max(run.calls, 1)
    print(f"calls {run.calls}, of which {run.reached} ({share:.0%}) reached a function")
    print("statuses", ", ".join(f"{status}: {count}" for status, count in run.statuses.items()))
    print(f"5xx {failed}, undocumented {len(undocumented)} {undocumented or ''}")
    conforms = run.code == 0 and not failed and not undocumented
    enough = run.calls >= arguments.least and 2 * run.reached >= run.calls
    if not conforms:
        print(run.output)
    elif not enough:
        print("too few calls, or too few that reach a function: raise the examples in PARTS")
    return 0 if conforms and enough else 1


if __name__ == "__main__":
    sys.exit(main())
