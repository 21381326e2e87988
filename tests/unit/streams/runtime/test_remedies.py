"""What a person can mend is one sentence with its remedy; a bug is none."""

import re

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from botocore.exceptions import NoRegionError

from inference.errors import ModelUnusable
from persistence.errors import (
    MisconfiguredDatabase,
    PermanentPersistenceError,
    TransientPersistenceError,
    UnknownMigration,
)
from persistence.selection import InvalidSelection
from streams.app.bucket_parts import Unreachable
from streams.backfill.checkpoint import ResumeRefused
from streams.backfill.listing import ListingRefused
from streams.backfill.waiting_objects import TooManyWait
from streams.kafka.admin import TopicRefused
from streams.kafka.errors import BrokerRefusal
from streams.runtime.errors import FAILED, MISUSED, MendableError
from streams.runtime.health_client import NotAnsweringError
from streams.runtime.remedies import explained
from streams.runtime.settings import InvalidSettingsError


class NoRouteError(KafkaConnectionError):  # type: ignore[misc] # aiokafka has no types
    """As a later release of the client may split it."""


class WrongPasswordError(SaslAuthenticationFailed):  # type: ignore[misc] # aiokafka has no types
    """So may this."""


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (NoRouteError("a:1"), r"\ANo Kafka broker answers: look at KAFKA_BOOTSTRAP_SERVERS", FAILED),
        (WrongPasswordError("no"), r"Kafka refuses the sign-in: .*\. Look at KAFKA_SASL_MECHANISM", FAILED),
        (KafkaError("odd"), "Kafka refuses: odd", FAILED),
        (NoRegionError(), "The store or the queue refuses: .* Look at AWS_REGION", FAILED),
        (TransientPersistenceError("away"), "does not answer as it should: away. Look at DATABASE_HOST", FAILED),
        (MisconfiguredDatabase("no", sqlstate="25006"), r"no\. Look at DATABASE_HOST: it leads to a reader", FAILED),
        (UnknownMigration("There is no migration '9'."), r"\AThere is no migration '9'\.\Z", MISUSED),
        (MisconfiguredDatabase("no", sqlstate="28P01"), "Look at DATABASE_USERNAME and DATABASE_PASSWORD", FAILED),
        (MisconfiguredDatabase("root certificate x"), "cannot be used: root .*DATABASE_SSL_ROOT_CERTIFICATE", FAILED),
        (PermanentPersistenceError("no such row\nLINE 1"), r"no such row\Z", FAILED),
        (InvalidSelection("no such column"), "no such column", MISUSED),
        (ModelUnusable("The file is none."), "The file is none.", FAILED),
        (FileNotFoundError(2, "No such file", "labels.csv"), "labels.csv cannot be read or written: no such", FAILED),
        (OSError(28, "1 GB is needed, and 0.2 GB are free", "work"), "work cannot .*: 1 GB is needed, and 0.2", FAILED),
        (TimeoutError(), "No answer in time. Look at KAFKA_BOOTSTRAP_SERVERS", FAILED),
        (ModuleNotFoundError(name="yoyo.backends"), r"yoyo\.backends .*: pip install 'petstream\[sink\]'", MISUSED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_of_a_package_is_known_by_its_class_and_by_what_derives_of_it(
    error: Exception, said: str, code: int
) -> None:
    found = explained(error)
    assert found is not None
    assert found.exit_code == code
    assert re.search(said, found.text)


@pytest.mark.parametrize(
    "bug", [RuntimeError("a bug"), OSError("no file"), ModuleNotFoundError(name="streamz")], ids=str
)
def test_a_bug_is_not_explained_away(bug: Exception) -> None:
    assert explained(bug) is None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InvalidSettingsError, MISUSED),
        (ListingRefused, MISUSED),
        (TooManyWait, MISUSED),
        (ResumeRefused, MISUSED),
        (Unreachable, MISUSED),
        (BrokerRefusal, FAILED),
        (TopicRefused, FAILED),
        (NotAnsweringError, FAILED),
    ],
)
def test_an_error_of_ours_carries_its_remedy_and_its_exit_code(kind: type[MendableError], code: int) -> None:
    error = kind("It is not there", "look at SETTING.")
    assert error.remedy == "look at SETTING."
    found = explained(error)
    assert found is not None
    assert (found.text, found.remedy, found.exit_code) == (
        "It is not there: look at SETTING.",
        "look at SETTING.",
        code,
    )


def test_a_class_that_is_renamed_is_still_explained() -> None:
    renamed = type("RenamedError", (BrokerRefusal,), {"__module__": "elsewhere"})
    assert explained(renamed("It is not there.")) is not None
