import sys
from pathlib import Path

# Functions are files of a project, found from its root as the platform finds them.
ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
