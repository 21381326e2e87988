import pytest

from streams.app import classifier
from streams.runtime.settings import ClassifySettings, load


class ReachedError(Exception):
    pass


async def test_all_threads_of_a_classifier_share_one_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is made before anything that could start a thread."""

    def use_one_arena() -> None:
        raise ReachedError

    def service(*_: object, **__: object) -> None:
        pytest.fail("too late")

    monkeypatch.setattr("inference.engines.allocator.use_one_arena", use_one_arena)
    monkeypatch.setattr(classifier, "service", service)
    with pytest.raises(ReachedError):
        await classifier.run(load(ClassifySettings, kafka_bootstrap_servers="localhost:9", model_uri="model.pt"))
