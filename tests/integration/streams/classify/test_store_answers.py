"""
Whatever a store answers: both ways of reading an object give the same verdict, and never another exception.

The store is a server of this file's that answers each request with the same bytes.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import md5
from http import HTTPStatus

import boto3
import pytest
from botocore.config import Config

from streams.classify.images import S3Images
from streams.classify.object_store import StoredImage, Unlimited
from streams.classify.s3_errors import (
    FetchError,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnreadableError,
    StoreUnavailableError,
)
from streams.notifications.upload import ImageUploaded

BODY = b"its own bytes"
ETAG = md5(BODY, usedforsecurity=False).hexdigest()
MAX_BYTES = 1000


class Store:
    """Answers everything alike, and counts the requests."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests = 0
        self.never_ends = False
        self.images: S3Images

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            writer.write(self.answer)
            await writer.drain()
            while self.never_ends:
                await asyncio.sleep(0.01)
                writer.write(b"x" * MAX_BYTES)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client may go at any time
        finally:
            writer.close()

    async def read(self, key: str, version_id: str | None = None) -> StoredImage | FetchError:
        upload = ImageUploaded("pets", key, datetime.now(UTC), "0" * 64, version_id)
        try:
            return await self.images.fetch(upload, MAX_BYTES, Unlimited())
        except FetchError as error:
            return error

    async def read_both_ways(self, answer: bytes, version_id: str | None = None) -> list[StoredImage | FetchError]:
        self.answer = answer
        return [await self.read(key, version_id) for key in ("x.jpg", "for//boto3.jpg")]


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: it reads botocore's descriptions of S3 once."""
    return boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")


@pytest.fixture
async def store(session: boto3.Session) -> AsyncIterator[Store]:
    store = Store()
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    store.images = S3Images(
        lambda: session.client("s3", endpoint_url=url, config=Config(retries={"total_max_attempts": 1})),
        endpoint=url,
        access_key_id="a",
        secret_access_key="b",
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    async with server:
        yield store


def response(status: int, *headers: str | bytes, body: bytes = b"", length: int | None = -1) -> bytes:
    lines = [header if isinstance(header, bytes) else header.encode() for header in headers]
    if length is not None:
        lines.append(b"Content-Length: %d" % (len(body) if length < 0 else length))
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n".encode()
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def refusal(status: int, code: str | None, message: str = "on purpose") -> bytes:
    if code is None:
        return response(status)
    body = f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message><Key>x</Key></Error>'
    return response(status, "Content-Type: application/xml", body=body.encode())


def found(*headers: str | bytes, etag: str | None = ETAG, body: bytes = BODY, length: int | None = -1) -> bytes:
    stated = [] if etag is None else [f'ETag: "{etag}"']
    dated = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"
    return response(200, dated, *stated, *headers, body=body, length=length)


SSE_C = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided."


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (404, "NoSuchKey", "", ObjectMissingError),
        (404, "NoSuchVersion", "", ObjectMissingError),
        (400, "NoSuchVersion", "", ObjectMissingError),
        (400, "InvalidArgument", "Invalid version id specified", ObjectMissingError),
        (404, None, "", ObjectMissingError),
        (405, "MethodNotAllowed", "", ObjectMissingError),
        (410, None, "", ObjectMissingError),
        (403, "AccessDenied", "", ObjectForbiddenError),
        (403, None, "", ObjectForbiddenError),
        (400, "InvalidRequest", SSE_C, ObjectUnreadableError),
        (400, "InvalidArgument", "a key of the customer's is wanted", ObjectUnreadableError),
        (400, "KMS.DisabledException", "", ObjectUnreadableError),
        (400, "KMS.ThrottlingException", "", StoreUnavailableError),
        (400, "RequestTimeout", "", StoreUnavailableError),
        (400, None, "", ObjectUnreadableError),
        (403, "InvalidObjectState", "", ObjectUnreadableError),
        (412, "PreconditionFailed", "", ObjectUnreadableError),
        (451, None, "", ObjectUnreadableError),
        (304, None, "", StoreUnavailableError),
        (401, None, "", StoreUnavailableError),
        (400, "ExpiredToken", "", StoreUnavailableError),
        (403, "InvalidAccessKeyId", "", StoreUnavailableError),
        (403, "SignatureDoesNotMatch", "", StoreUnavailableError),
        (403, "RequestTimeTooSkewed", "", StoreUnavailableError),
        (404, "NoSuchBucket", "", ObjectUnreadableError),
        (409, "OperationAborted", "", StoreUnavailableError),
        (429, None, "", StoreUnavailableError),
        (500, "InternalError", "", StoreUnavailableError),
        (503, "SlowDown", "", StoreUnavailableError),
        (507, None, "", StoreUnavailableError),
    ],
)
async def test_both_ways_give_the_same_verdict_on_a_refusal(
    store: Store, status: int, code: str | None, message: str, kind: type[FetchError]
) -> None:
    for got in await store.read_both_ways(refusal(status, code, message), "v1"):
        assert type(got) is kind, got
        assert (got.status, got.code) == (status, code)


async def test_a_refusal_that_obstore_understands_is_not_asked_for_again(store: Store) -> None:
    store.answer = refusal(404, "NoSuchKey")
    assert isinstance(await store.read("x.jpg"), ObjectMissingError)
    assert store.requests == 1


async def test_a_key_that_reads_like_an_answer_changes_no_verdict(store: Store) -> None:
    store.answer = refusal(404, "NoSuchKey")
    key = "Server returned non-2xx status code: 403 Forbidden: <Code>ExpiredToken</Code>"
    assert isinstance(await store.read(key), ObjectMissingError)


@pytest.mark.parametrize("key", ["", "\ud800", "kind: Connect"])
async def test_a_key_that_no_client_takes_is_that_objects_fault(store: Store, key: str) -> None:
    store.answer = refusal(400, "InvalidRequest")
    assert isinstance(await store.read(key), ObjectUnreadableError)


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
@pytest.mark.parametrize("name", ["Content-Disposition", "Content-Type", "Cache-Control", "x-amz-meta-note", "Server"])
async def test_a_header_that_is_not_ascii_hinders_nobody(store: Store, name: str, charset: str) -> None:
    header = f'{name}: inline; filename="Zoë.png"'.encode(charset)
    for got in await store.read_both_ways(found(header, "x-amz-meta-user-name: ann")):
        assert isinstance(got, StoredImage), got
        assert (got.data, got.metadata["user-name"], got.etag) == (BODY, "ann", ETAG)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"X-Amz-Meta-User-Name: ann", "ann"),
        ("x-amz-meta-user-name: Zoë".encode(), "Zoë"),
        ("x-amz-meta-user-name: Zoë".encode("latin-1"), "Zoë"),
        ("x-amz-meta-user-name: 猫".encode(), "猫"),
        (b"x-amz-meta-user-name: =?UTF-8?Q?Zo=C3=AB?=", "=?UTF-8?Q?Zo=C3=AB?="),
        (b"x-amz-meta-user-name:", ""),
    ],
)
async def test_both_ways_read_the_same_name_out_of_a_header(store: Store, header: bytes, name: str) -> None:
    for got in await store.read_both_ways(found(header)):
        assert isinstance(got, StoredImage), got
        assert got.metadata == {"user-name": name}


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    ("answer", "looks_like_s3"),
    [
        (found(), True),
        (found(etag="another-2"), True),
        (found(etag=None), False),
        (found(length=None), False),
        (found("Transfer-Encoding: chunked", length=None, body=CHUNKED), False),
        (response(200, "Content-Type: text/html", body=BODY), False),
    ],
    ids=["ordinary", "multipart", "no etag", "no length", "chunked", "a proxy's page"],
)
async def test_bytes_that_no_s3_vouches_for_are_taken_and_marked(
    store: Store, answer: bytes, looks_like_s3: object
) -> None:
    for got in await store.read_both_ways(answer):
        assert isinstance(got, StoredImage), got
        assert got.data == BODY
        assert got.looks_like_s3 is looks_like_s3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (found(length=len(BODY) + 7), StoreUnavailableError),
        (found("Transfer-Encoding: chunked", length=None, body=CHUNKED[:-9]), StoreUnavailableError),
        (b"", StoreUnavailableError),
        (b"220 mail.example ESMTP\r\n\r\n", StoreUnavailableError),
        (response(302, "Location: /elsewhere"), StoreUnavailableError),
        (refusal(301, "PermanentRedirect"), StoreUnavailableError),
        (found("Content-Length: many", length=None), ObjectUnreadableError),
        (found(length=MAX_BYTES + 1), ObjectTooLargeError),
        (found(body=b"x" * (MAX_BYTES + 1), length=None), ObjectTooLargeError),
        (response(503, "Content-Type: text/html", body=b"<html><p>Sorry"), StoreUnavailableError),
        (response(404, "Content-Type: text/html", body=b"<html><p>Sorry"), ObjectMissingError),
    ],
    ids=[
        "fewer bytes than stated",
        "a chunk is missing",
        "nothing",
        "not HTTP",
        "a circle",
        "nowhere",
        "no number",
        "stated too large",
        "too large",
        "a page with 503",
        "a page with 404",
    ],
)
async def test_both_ways_give_the_same_verdict_on_a_broken_answer(
    store: Store, answer: bytes, kind: type[FetchError]
) -> None:
    for got in await store.read_both_ways(answer):
        assert type(got) is kind, got


async def test_a_date_that_is_none_is_that_answers_fault(store: Store) -> None:
    for got in await store.read_both_ways(found().replace(b"Wed, 21 Oct 2015 07:28:00 GMT", b"yesterday")):
        assert isinstance(got, ObjectUnreadableError)


async def test_an_answer_that_never_ends_is_read_up_to_the_limit(store: Store) -> None:
    store.never_ends = True
    async with asyncio.timeout(60):
        for got in await store.read_both_ways(found(length=None)):
            assert isinstance(got, ObjectTooLargeError)
    store.never_ends = False
