import sys
from pathlib import Path

# Import functions from the project's root, as the platform does.
ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
