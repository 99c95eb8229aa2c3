"""Load plugin files as Kong does: each by its file name, from one flat folder."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from neurova.errors import ConfigError

from .stores import BOUND, SETTING, PluginStores

_FILE = re.compile(r"[a-z][a-z0-9_]*")
# What Kong adds to each plugin's config.
_KONGS = {"route_id", "service_id", "consumer_id"}


class Loaded(msgspec.Struct, frozen=True):
    """Hold what one plugin file defines; `settings` are its Schema's names, None without one."""

    name: str
    file: Path
    plugin: Any
    priority: int
    settings: frozenset[str] | None

    def instance(self, config: dict[str, Any], stores: PluginStores | None = None) -> Any:
        """Return a plugin with that config; raises ConfigError with the plugin's own reason.

        A plugin whose Schema has `state` finds `stores` in its config.
        """
        if self.settings is not None:
            for key in config:
                if key not in self.settings and key not in _KONGS and not key.startswith("__"):
                    raise ConfigError(
                        f"plugin {self.name}: no setting {key!r}{_nearest(key, self.settings)}"
                    )
        if stores is not None and SETTING in (self.settings or ()):
            config = {**config, BOUND: stores}
        try:
            return self.plugin(config)
        except Exception as error:
            raise ConfigError(f"plugin {self.name}: its config is refused: {error}") from error


def load(folder: Path) -> dict[str, Loaded]:
    """Return the plugins of a folder by Kong's name: `neurova_auth.py` is "neurova-auth".

    Raises ConfigError for a folder or a file that is none of plugins: which, and the fix.
    """
    if not folder.is_dir():
        raise ConfigError(f"plugins folder {folder} is missing: create it, or set another")
    return {found.name: found for found in map(_loaded, sorted(folder.glob("*.py")))}


def named(plugins: Mapping[str, Loaded], name: str) -> Loaded:
    """Return the plugin of that name; raises ConfigError that names the nearest."""
    try:
        return plugins[name]
    except KeyError:
        raise ConfigError(f"no plugin {name!r}{_nearest(name, plugins)}") from None


def _nearest(name: str, known: Mapping[str, Any] | frozenset[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f": did you mean {close[0]!r}?" if close else f": there are {', '.join(sorted(known))}"


def _loaded(file: Path) -> Loaded:
    stem = file.stem
    if not _FILE.fullmatch(stem) or stem in sys.stdlib_module_names:
        # Kong's server puts it into sys.modules under this very name.
        raise ConfigError(
            f"plugin file {file}: name it `<yours>_<what>.py` in lower case; the name is taken by "
            "Python or is none, and Kong loads plugins by it"
        )
    module = _imported(file)
    plugin = getattr(module, "Plugin", None)
    if not isinstance(plugin, type):
        raise ConfigError(f"plugin file {file}: it defines no class Plugin")
    for phase in ("access", "log"):
        if inspect.iscoroutinefunction(getattr(plugin, phase, None)):
            raise ConfigError(f"plugin file {file}: nothing awaits `async def {phase}`: use def")
    priority = getattr(module, "priority", 0)
    if type(priority) is not int:
        raise ConfigError(f"plugin file {file}: priority is no whole number")
    return Loaded(stem.replace("_", "-"), file, plugin, priority, _settings(file, module))


def _imported(file: Path) -> ModuleType:
    name = f"neurova_plugins.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        where = f"{file}:{error.lineno}" if isinstance(error, SyntaxError) else str(file)
        raise ConfigError(
            f"plugin file {where} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return module


def _settings(file: Path, module: ModuleType) -> frozenset[str] | None:
    schema = getattr(module, "Schema", None)
    if schema is None:
        return None
    try:
        return frozenset(name for field in schema for name in field)
    except TypeError:
        raise ConfigError(
            f'plugin file {file}: Schema is a list of {{"<setting>": {{"type": …}}}}'
        ) from None
