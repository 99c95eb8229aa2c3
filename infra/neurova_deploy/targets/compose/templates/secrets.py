"""Create passwords and keys once, and write the files that each container reads (0600).

Arguments: the folder of the volumes, and a JSON document: `files`, name of a volume -> name of a
file -> its text, in which @NAME@ is a password; `owned`, the volumes that the user 10001 writes.
"""

import json
import os
import re
import secrets
import sys
from pathlib import Path

USER = 10001


def write(path: Path, content: bytes) -> None:
    """Replace a private file at once."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    own(path.parent)
    making = path.with_name(f".{path.name}")
    making.unlink(missing_ok=True)
    with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    own(making)
    making.replace(path)


def own(path: Path) -> None:
    """Give a path to the user of the containers."""
    if os.geteuid() == 0:
        os.chown(path, USER, USER)


root, wanted = Path(sys.argv[1]), json.loads(sys.argv[2])
store = root / "all" / "values.json"
values = json.loads(store.read_text()) if store.exists() else {}
texts = {
    (volume, name): re.sub(
        "@([a-z]+)@", lambda match: values.setdefault(match[1], secrets.token_hex(32)), text
    )
    for volume, files in wanted["files"].items()
    for name, text in files.items()
}
write(store, json.dumps(values).encode())  # first, so that no password is used and then lost
for (volume, name), text in texts.items():
    write(root / volume / name, bytes.fromhex(text) if name.endswith(".key") else text.encode())
for volume in wanted["owned"]:
    own(root / volume)
