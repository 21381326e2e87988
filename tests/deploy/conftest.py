from collections.abc import Iterator

import pytest

from deploy.local.errors import PartUnavailable
from tests.absent import cannot_run
from tests.deploy.cloud import Cloud
from tests.deploy.stacks import Deployed, deploy


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """deploy/aws, deployed."""
    try:
        cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    except PartUnavailable as missing:
        cannot_run(str(missing))
    with cloud:
        yield deploy(cloud)
