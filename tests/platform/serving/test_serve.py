"""Start checks of the server."""

from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_platform.serving.serve import check_certificate


def test_unusable_certificate_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(ConfigError, match=r"cert\.pem.*PEM"):
        check_certificate(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
