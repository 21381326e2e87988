from collections.abc import Callable

import pytest

from persistence.records import ClassificationRecord, RejectionRecord
from tests import records


@pytest.fixture
def classification() -> Callable[..., ClassificationRecord]:
    return records.classification


@pytest.fixture
def rejection() -> Callable[..., RejectionRecord]:
    return records.rejection
