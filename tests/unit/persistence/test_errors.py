import socket
import ssl

import asyncpg
import pytest

from persistence.errors import (
    MisconfiguredDatabase,
    PermanentPersistenceError,
    PersistenceError,
    RowLockedError,
    TransientPersistenceError,
    sort_driver_error,
    translated_errors,
)

TRANSIENT = (
    "08000 08001 08003 08006 08P01 25006 25P02 25P03 25P04 26000 40001 40P01 40003 53000 53100 53200 53300 "
    "55006 57014 57P01 57P02 57P03 57P05 58000 58030 XX000"
)
MISCONFIGURED = "28000 28P01 3D000 42501 42P01 42703 42804 57P04 XX001 XX002"
PERMANENT = "22000 22001 22003 22007 22008 22021 22P02 23502 23505 23514 21000 54000"


def of_sqlstate(sqlstate: str, message: str = "it said") -> Exception:
    error = asyncpg.PostgresError.new({"C": sqlstate, "M": message})
    assert isinstance(error, Exception)
    return error


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        *((state, TransientPersistenceError) for state in TRANSIENT.split()),
        ("55P03", RowLockedError),
        *((state, MisconfiguredDatabase) for state in MISCONFIGURED.split()),
        *((state, PermanentPersistenceError) for state in PERMANENT.split()),
    ],
)
def test_each_sqlstate_has_its_action(sqlstate: str, kind: type[PersistenceError]) -> None:
    sorted_ = sort_driver_error(of_sqlstate(sqlstate))
    assert type(sorted_) is kind
    assert sorted_.sqlstate == sqlstate
    assert str(sorted_).startswith("it said")


@pytest.mark.parametrize("sqlstate", ["42601", "0A000", "54001", "99999", "P0001"])
def test_a_sqlstate_that_nobody_thought_of_gives_up_no_row(sqlstate: str) -> None:
    assert type(sort_driver_error(of_sqlstate(sqlstate))) is MisconfiguredDatabase


def test_a_plan_that_a_migration_made_stale_is_transient() -> None:
    error = of_sqlstate("0A000", "cached plan must not change result type")
    assert type(sort_driver_error(error)) is TransientPersistenceError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), TransientPersistenceError),
        (ConnectionRefusedError(111, "refused"), TransientPersistenceError),
        (ConnectionResetError(), TransientPersistenceError),
        (socket.gaierror(-2, "unknown name"), TransientPersistenceError),
        (asyncpg.InterfaceError("connection is closed"), TransientPersistenceError),
        (asyncpg.InternalClientError("lost"), TransientPersistenceError),
        (asyncpg.TargetServerAttributeNotMatched("a reader"), TransientPersistenceError),
        (ssl.SSLError("handshake cut off"), TransientPersistenceError),
        (ssl.SSLCertVerificationError("unknown authority"), MisconfiguredDatabase),
        (asyncpg.ClientConfigurationError("no such host syntax"), MisconfiguredDatabase),
        (asyncpg.UnsupportedClientFeatureError("no"), PermanentPersistenceError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), PermanentPersistenceError),
        (TypeError("expected str"), PermanentPersistenceError),
        (OverflowError("int too big"), PermanentPersistenceError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_errors_of_the_client_and_the_network_have_theirs(error: Exception, kind: type[PersistenceError]) -> None:
    assert type(sort_driver_error(error)) is kind


@pytest.mark.parametrize("bug", [KeyError("x"), AttributeError("x"), AssertionError("x"), RuntimeError("x")])
def test_a_bug_is_left_as_it_is(bug: Exception) -> None:
    assert sort_driver_error(bug) is None
    with pytest.raises(type(bug)), translated_errors():
        raise bug


def test_a_translation_keeps_its_cause_and_the_constraint() -> None:
    refused = asyncpg.PostgresError.new({"C": "23514", "M": "no", "n": "classification_records_confidence_check"})
    with pytest.raises(PermanentPersistenceError) as error, translated_errors():
        raise refused
    assert error.value.__cause__ is refused
    assert error.value.constraint == "classification_records_confidence_check"


def test_what_is_sorted_already_passes_unchanged() -> None:
    known = TransientPersistenceError()
    with pytest.raises(TransientPersistenceError) as error, translated_errors():
        raise known
    assert error.value is known


def test_an_error_without_words_says_what_its_class_says() -> None:
    assert str(TransientPersistenceError()).startswith("The database cannot do it now")
