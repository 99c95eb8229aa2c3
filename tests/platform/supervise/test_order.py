"""Settings are read anew for each child, but never of another state folder."""

from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_platform.settings.loading import load
from neurova_platform.supervise.order import Order


def test_settings_are_those_of_now_and_flags_still_win(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").write_text("[gateway]\nport = 1\n")
    order = Order(tmp_path, load(tmp_path).state, {"gateway.port": 3})
    (tmp_path / "neurova.toml").write_text("[gateway]\nport = 2\n[runtime]\ndrain = 7\n")
    assert order.settings().runtime.drain == 7
    assert order.settings().gateway.port == 3


def test_another_state_folder_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").write_text("")
    order = Order(tmp_path, load(tmp_path).state)
    (tmp_path / "neurova.toml").write_text('[project]\nstate = "other"\n')
    with pytest.raises(ConfigError, match=r"project\.state was .* stop `neurova run`"):
        order.settings()
