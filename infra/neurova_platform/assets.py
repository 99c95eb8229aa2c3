"""Files that ship with the platform: plugins, templates of `neurova new`, the OpenAPI page.

A wheel has the plugins in `_assets/plugins`; an editable install uses the checkout's plugins.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from neurova.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def plugins_folder(configured: str = "") -> Path:
    """Return the configured plugin folder, or else the packaged plugin folder.

    Raises ConfigError if the packaged folder is missing.
    """
    if configured:
        return Path(configured)
    for folder in (_PACKAGE / "_assets" / "plugins", _PACKAGE.parents[1] / "plugins"):
        if any(folder.glob("neurova_*.py")):
            return folder
    raise ConfigError(
        f"no packaged plugins beside {_PACKAGE}",
        fix="reinstall neurova, or set your own folder in [gateway] plugins",
    )


def template(name: str) -> str:
    """Return the text of a `neurova new` template; `name` is its path in `scaffold/templates/`."""
    return (_PACKAGE / "scaffold" / "templates" / name).read_text("utf-8")


@cache
def page() -> dict[str, Path]:
    """Return the files of the OpenAPI page by name."""
    return {file.name: file for file in (_PACKAGE / "openapi" / "page").iterdir()}
