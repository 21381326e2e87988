import pytest

from streams.classify.s3_errors import (
    CREDENTIAL_CODES,
    FetchError,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnreadableError,
    Refusal,
    StoreUnavailableError,
    fetch_error,
)


@pytest.mark.parametrize(
    ("kind", "is_about_object"),
    [
        (ObjectMissingError, True),
        (ObjectForbiddenError, True),
        (ObjectTooLargeError, True),
        (ObjectUnreadableError, True),
        (StoreUnavailableError, False),
    ],
)
def test_only_an_unavailable_store_says_nothing_of_the_object(kind: type[FetchError], is_about_object: object) -> None:
    assert kind("").is_about_object is is_about_object


@pytest.mark.parametrize("code", sorted(CREDENTIAL_CODES))
@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_credentials_are_refused_is_no_objects_fault_whatever_the_status(status: int, code: str) -> None:
    assert type(fetch_error(Refusal("", status, code))) is StoreUnavailableError


def test_redirections_and_failures_of_the_server_say_nothing_of_the_object() -> None:
    for status in [*range(300, 400), *range(500, 700)]:
        assert type(fetch_error(Refusal("", status))) is StoreUnavailableError, status


@pytest.mark.parametrize("status", [400, 402, 406, 409, 412, 416, 418, 422, 451])
def test_any_other_refusal_is_that_objects(status: int) -> None:
    assert type(fetch_error(Refusal("", status, "NobodyKnowsThisCode"))) is ObjectUnreadableError


def test_the_error_says_status_code_and_the_stores_words() -> None:
    error = fetch_error(Refusal("Access Denied", 403, "AccessDenied"))
    assert (str(error), error.status, error.code) == ("HTTP 403 AccessDenied Access Denied", 403, "AccessDenied")
    assert str(fetch_error(Refusal("connection refused"))) == "connection refused"
