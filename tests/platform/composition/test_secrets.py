"""Secrets in every kind of function of a running platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova.errors import BindError, StateError
from neurova_platform.composition.inventory import load_services
from neurova_platform.settings.loading import load
from neurova_platform.testing.platform import TestPlatform

PROJECT = Path(__file__).parents[2] / "payments"
SECRETS = {"stripe#token": "token 1", "bank#account": "DE00", "mail#sender": "us@example.org"}


@pytest.fixture
def payments(tmp_path: Path) -> Iterator[TestPlatform]:
    with TestPlatform(PROJECT, tmp_path / "state", secrets=SECRETS) as running:
        yield running


def seen(payments: TestPlatform) -> list[str]:
    """Return and clear what the handlers recorded."""
    (runner, *_) = payments.platform.services["shop"].subscriptions
    record: list[str] = runner.handler.__globals__["SEEN"]
    found = list(record)
    record.clear()
    return found


def test_every_kind_of_function_has_its_current_secret(payments: TestPlatform) -> None:
    assert payments.get("/show").json() == {
        "text": "Secret('stripe#token') Secret('stripe#token')",
        "value": "token 1",
    }
    for value in ("token 1", "token 2"):
        payments.set_secret("stripe#token", value)
        assert payments.post("/sell/tea").text == value
        payments.run_subscriptions()
        payments.clock.advance(3601)
        payments.run_schedules()
        assert seen(payments) == [f"tea {value}", f"DE00 {value}"]


def test_secret_of_a_setting_is_used(payments: TestPlatform) -> None:
    assert payments.settings.mail.sender == "us@example.org"
    assert payments.settings.references == {"mail.sender": "mail#sender"}


def test_missing_secrets_prevent_the_start_and_are_all_named(tmp_path: Path) -> None:
    platform = TestPlatform(PROJECT, tmp_path / "state", secrets={"stripe#other": "x"})
    with pytest.raises(StateError) as caught, platform:
        pass
    assert "shop.settle: secret bank#account is not set" in str(caught.value)
    assert "`neurova secrets set stripe#token`" in str(caught.value)


def test_call_during_a_long_outage_is_a_503(
    payments: TestPlatform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    payments.settings.secrets_location.unlink()  # type: ignore[union-attr]  # the embedded store
    payments.platform.secrets.refresh()
    for path in ("/show", "/sell/tea"):
        refused = payments.call("GET" if path == "/show" else "POST", path)
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert "stripe" not in refused.text
    assert "secret stripe#token is not set" in caplog.text
    payments.set_secret("stripe#token", "token 3")
    assert payments.get("/show").json()["value"] == "token 3"


@pytest.mark.parametrize(
    ("decorator", "annotation", "what"),
    [
        (
            'get("/pay", public=True)',
            "Secret",
            'needs a name: write it like Secret["stripe#token"]',
        ),
        ('get("/pay", public=True)', 'Secret["a#b"] | None', "not inside another type"),
        (
            'get("/pay", public=True)',
            'Secret["stripe"]',
            "'stripe' is not a secret reference: write NAME#",
        ),
        (
            'every("1 hour")',
            'Secret["../x#y"]',
            "'../x#y' is not a secret reference: write NAME#FIELD",
        ),
    ],
)
def test_annotation_without_a_valid_name_is_refused(
    tmp_path: Path, decorator: str, annotation: str, what: str
) -> None:
    file = tmp_path / "functions" / "shop" / "pay.py"
    file.parent.mkdir(parents=True)
    (tmp_path / "neurova.toml").write_text("")
    file.write_text(
        f"from neurova import Secret, every, get\n\n\n@{decorator}\n"
        f"async def pay(token: {annotation}) -> None: ...\n"
    )
    with pytest.raises(BindError) as caught:
        load_services(load(tmp_path, environ={}))
    assert "parameter 'token': " in str(caught.value)
    assert what in str(caught.value)
    assert "functions/shop/pay.py:4" in str(caught.value)
