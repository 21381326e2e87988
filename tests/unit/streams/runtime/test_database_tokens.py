import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import NoCredentialsError

from persistence.errors import MisconfiguredDatabase
from streams.runtime.database_tokens import REUSE_SECONDS, DatabaseTokens, tokens

WRITER = ("writer.example", 5432, "petstream_writer")


class Signer:
    def __init__(self) -> None:
        self.asked: list[tuple[str, int, str]] = []

    def generate_db_auth_token(self, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803 - boto3's names
        self.asked.append((DBHostname, Port, DBUsername))
        return f"token {len(self.asked)}"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signed(signer: Signer, clock: Clock) -> DatabaseTokens:
    return DatabaseTokens(signer, clock=clock)


async def test_connections_of_one_moment_share_a_token(signed: DatabaseTokens, signer: Signer) -> None:
    password = signed.password(*WRITER)
    assert set(await asyncio.gather(*(password() for _ in range(20)))) == {"token 1"}
    assert signer.asked == [WRITER]


async def test_a_token_that_aged_is_replaced(signed: DatabaseTokens, signer: Signer, clock: Clock) -> None:
    password = signed.password(*WRITER)
    assert await password() == "token 1"
    clock.now += REUSE_SECONDS - 1
    assert await password() == "token 1"
    clock.now += 1
    assert await password() == "token 2"
    assert await password() == "token 2", "its own age counts, not that of the first"


def test_a_token_is_reused_for_less_than_credentials_are_renewed_ahead() -> None:
    from botocore.credentials import RefreshableCredentials

    ahead = RefreshableCredentials._mandatory_refresh_timeout  # type: ignore[attr-defined]  # private, hence in no stub
    assert timedelta(seconds=REUSE_SECONDS) < timedelta(seconds=ahead) < timedelta(minutes=15)


@pytest.mark.parametrize(
    "other", [("reader.example", *WRITER[1:]), (WRITER[0], 6432, WRITER[2]), (*WRITER[:2], "petstream_reader")]
)
async def test_each_host_port_and_user_has_a_token_of_its_own(
    signed: DatabaseTokens, signer: Signer, other: tuple[str, int, str]
) -> None:
    assert await signed.password(*WRITER)() == "token 1"
    assert await signed.password(*other)() == "token 2"
    assert await signed.password(*WRITER)() == "token 1"
    assert signer.asked == [WRITER, other]


async def test_missing_credentials_are_a_misconfiguration_and_the_next_connection_asks_again(clock: Clock) -> None:
    class Forgetful(Signer):
        def generate_db_auth_token(self, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803 - boto3's names
            token = super().generate_db_auth_token(DBHostname, Port, DBUsername)
            if len(self.asked) == 1:
                raise NoCredentialsError
            return token

    password = DatabaseTokens(Forgetful(), clock=clock).password(*WRITER)
    with pytest.raises(MisconfiguredDatabase, match=r"petstream_writer@writer\.example: no AWS credentials were found"):
        await password()
    assert await password() == "token 2"


async def test_the_token_is_one_that_aws_signs_for_that_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    token = urlsplit("//" + await tokens("eu-central-1").password(*WRITER)())
    assert token.netloc == "writer.example:5432"
    fields = parse_qs(token.query)
    assert fields["Action"] == ["connect"]
    assert fields["DBUser"] == ["petstream_writer"]
    assert "/eu-central-1/rds-db/aws4_request" in fields["X-Amz-Credential"][0]
    assert fields["X-Amz-Expires"] == ["900"]
