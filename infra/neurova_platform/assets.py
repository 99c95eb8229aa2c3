"""The files that travel with the platform: the gateway's plugins, the templates of `new`, the page.

From a wheel the plugins lie in `_assets/plugins`; in an editable install they are the checkout's.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from neurova.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def plugins() -> Path:
    """Return the folder of the packaged plugins. Raises ConfigError when it is missing."""
    for folder in (_PACKAGE / "_assets" / "plugins", _PACKAGE.parents[1] / "plugins"):
        if any(folder.glob("neurova_*.py")):
            return folder
    raise ConfigError(
        f"the packaged plugins are missing beside {_PACKAGE}: install neurova again, "
        "or name your own folder in [gateway] plugins"
    )


def template(name: str) -> str:
    """Return the text of one template of `neurova new`, by its path below `scaffold/templates/`."""
    return (_PACKAGE / "scaffold" / "templates" / name).read_text("utf-8")


@cache
def page() -> dict[str, Path]:
    """Return the files of the page that reads the OpenAPI document, by name."""
    return {file.name: file for file in (_PACKAGE / "openapi" / "page").iterdir()}
