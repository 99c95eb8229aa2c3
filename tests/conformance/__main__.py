"""make conformance: 20,000 calls that Schemathesis makes up, half of them to the functions' own."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.conformance.run import Run, fuzz, lay, prepare

# Of calls that fit the document and that do not; and, as these soon are the most, of the former
# alone, which all reach their function.
PARTS = {"all": 400, "positive": 900}


def main() -> int:
    """Run, say what was seen, and return 0 when all of it was as the document says."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--least", type=int, default=20_000, help="calls in all")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = lay(Path(folder) / "project")
        document, key = prepare(project)
        run = Run(0, "")
        for mode, examples in PARTS.items():
            words = ["--mode", mode, "--max-examples", str(examples), "--seed", str(asked.seed)]
            words += ["--phases", "fuzzing"] if mode == "positive" else []
            run += fuzz(project, document, key, "--workers", "2", *words)
    undocumented = sorted(run.undocumented(document))
    failed = sum(count for status, count in run.statuses.items() if status >= 500)
    share = run.reached / max(run.calls, 1)
    print(f"calls {run.calls}, of which {run.reached} ({share:.0%}) reached a function")
    print("statuses", ", ".join(f"{status}: {count}" for status, count in run.statuses.items()))
    print(f"5xx {failed}, undocumented {len(undocumented)} {undocumented or ''}")
    sound = run.code == 0 and not failed and not undocumented
    enough = run.calls >= asked.least and 2 * run.reached >= run.calls
    if not sound:
        print(run.told)
    elif not enough:
        print("too few calls, or too few that reach a function: mend PARTS")
    return 0 if sound and enough else 1


if __name__ == "__main__":
    sys.exit(main())
