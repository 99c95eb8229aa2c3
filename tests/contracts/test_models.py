"""The contract of model registries, over MLflow's files and an MLflow server."""

from __future__ import annotations

import pytest
from tests.contracts.models import NAME, PARAMETERS, Published, publish
from tests.runtime.models.registry import EXAMPLE

from neurova.models.base import BrokenModel, Reference, UnknownModel
from neurova.models.flavour import load_extra, load_predict

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's warnings about its own code


@pytest.fixture(scope="module", params=PARAMETERS)
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Published:
    return publish(request, tmp_path_factory.mktemp("models"))


def test_versions_have_their_tags_metrics_and_predictions(published: Published) -> None:
    registry = published.registry
    assert registry.names() == [NAME]
    first, second = registry.versions(NAME)
    assert (first.version, second.version) == ("1", "2")
    assert registry.find(NAME, "2") == second
    assert (second.tags["data"], second.tags["code"]) == ("d2", "c")
    assert load_extra(registry, second).metrics == {"mae": 1.0}
    assert load_predict(registry, second)([EXAMPLE])[0] == pytest.approx(2)


def test_equal_hashes_are_registered_once(published: Published) -> None:
    again = published.publisher.register(
        NAME, published.folders[0], {"data": "d1", "code": "c"}, {}
    )
    assert (again[0].version, again[1]) == ("1", False)
    assert len(published.registry.versions(NAME)) == 2


def test_alias_moves_forth_and_back(published: Published) -> None:
    publisher, registry = published.publisher, published.registry
    reference = Reference(NAME, "champion")
    with pytest.raises(UnknownModel, match="has no previous version"):
        publisher.rollback(NAME, "champion")
    assert publisher.promote(NAME, "1", "champion") == ""
    assert registry.resolve(reference).version == "1"
    assert publisher.promote(NAME, "2", "champion") == "1"
    assert registry.aliases(NAME) == {"champion": "2", "previous-champion": "1"}
    assert publisher.rollback(NAME, "champion") == "1"
    assert registry.resolve(reference).version == "1"


def test_what_does_not_exist_is_unknown(published: Published) -> None:
    registry = published.registry
    for call in (
        lambda: registry.resolve(Reference(NAME, "absent")),
        lambda: registry.resolve(Reference("absent", "champion")),
        lambda: registry.find(NAME, "99"),
        lambda: published.publisher.promote(NAME, "99", "champion"),
    ):
        with pytest.raises(UnknownModel):
            call()
    assert registry.versions("absent") == []
    with pytest.raises(BrokenModel):
        registry.fetch(registry.find(NAME, "1"), "absent")
