"""Load plugin files like Kong does: from one flat folder, named by file name."""

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

from .stores import BOUND, SETTING, Stores

_FILE = re.compile(r"[a-z][a-z0-9_]*")
# Kong adds these fields to the config of each plugin.
_ADDED_BY_KONG = {"route_id", "service_id", "consumer_id"}


class PluginFile(msgspec.Struct, frozen=True):
    """A loaded plugin file.

    `settings`: the names in its Schema, None without a Schema; `defaults`: their default values.
    """

    name: str
    file: Path
    plugin: Any
    priority: int
    settings: frozenset[str] | None
    defaults: Mapping[str, Any]

    def create(self, config: dict[str, Any], stores: Stores | None = None) -> Any:
        """Create a plugin with `config`. Raises ConfigError if the plugin refuses the config.

        If the plugin's Schema has `state`, its config also contains `stores`.
        """
        if self.settings is not None:
            for key in config:
                if (
                    key not in self.settings
                    and key not in _ADDED_BY_KONG
                    and not key.startswith("__")
                ):
                    raise ConfigError(
                        f"unknown setting {key!r}",
                        where=f"plugin {self.name}",
                        fix=_suggest(key, self.settings),
                    )
        if stores is not None and SETTING in (self.settings or ()):
            config = {**config, BOUND: lambda: stores}
        try:
            return self.plugin(config)
        except Exception as error:
            raise ConfigError(
                f"the plugin refuses its config: {error}", where=f"plugin {self.name}"
            ) from error


def load(folder: Path) -> dict[str, PluginFile]:
    """Return the plugins of a folder by name: `neurova_auth.py` is named "neurova-auth".

    Raises ConfigError with the fix for a missing folder, or a file that is not a plugin.
    """
    if not folder.is_dir():
        raise ConfigError(
            "the plugins folder is missing",
            where=str(folder),
            fix="create the folder, or set another one",
        )
    return {found.name: found for found in map(_load_file, sorted(folder.glob("*.py")))}


def find_plugin(plugins: Mapping[str, PluginFile], name: str) -> PluginFile:
    """Return a plugin by name; if it is missing, raise ConfigError with the nearest name."""
    try:
        return plugins[name]
    except KeyError:
        raise ConfigError(f"no plugin {name!r}", fix=_suggest(name, plugins)) from None


def _suggest(name: str, known: Mapping[str, Any] | frozenset[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(sorted(known))}"


def _load_file(file: Path) -> PluginFile:
    stem = file.stem
    if not _FILE.fullmatch(stem) or stem in sys.stdlib_module_names:
        # Kong's plugin server adds the module to sys.modules under its file name.
        raise _file_error(
            file,
            "Kong cannot load a plugin by this file name",
            "name it `<yours>_<what>.py` in lower case, unlike any standard library module",
        )
    module = _import_file(file)
    plugin = getattr(module, "Plugin", None)
    if not isinstance(plugin, type):
        raise _file_error(file, "no class Plugin", "define it")
    for phase in ("access", "log"):
        if inspect.iscoroutinefunction(getattr(plugin, phase, None)):
            raise _file_error(file, f"`async def {phase}` is never awaited", "use def")
    priority = getattr(module, "priority", 0)
    if type(priority) is not int:
        raise _file_error(file, "priority is not an integer", "set it like 800")
    defaults = _read_defaults(file, module)
    settings = None if defaults is None else frozenset(defaults)
    return PluginFile(stem.replace("_", "-"), file, plugin, priority, settings, defaults or {})


def _import_file(file: Path) -> ModuleType:
    name = f"neurova_plugins.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # because dataclasses look up their module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        where = f"{file}:{error.lineno}" if isinstance(error, SyntaxError) else str(file)
        raise ConfigError(
            f"cannot be loaded: {type(error).__name__}: {error}", where=f"plugin file {where}"
        ) from error
    return module


def _read_defaults(file: Path, module: ModuleType) -> dict[str, Any] | None:
    schema = getattr(module, "Schema", None)
    if schema is None:
        return None
    try:
        return {name: field[name].get("default") for field in schema for name in field}
    except (TypeError, AttributeError):
        raise _file_error(
            file, "Schema is malformed", 'write a list of {"<setting>": {"type": …}}'
        ) from None


def _file_error(file: Path, what: str, fix: str) -> ConfigError:
    return ConfigError(what, where=f"plugin file {file}", fix=fix)
