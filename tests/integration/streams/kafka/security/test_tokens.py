"""Each role at work on a secured broker, by tokens that expire."""

import asyncio
import time
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.kafka.security import MskTokens
from tests.secured import REAUTHENTICATION_SECONDS, ROLES, Secured, allow_all, with_tokens
from tests.world import World

SIGNER = '''
import base64, json, os, time

class MSKAuthTokenProvider:
    """Signs nothing: a token that a broker takes which was told to verify none."""

    @staticmethod
    def generate_auth_token(region):
        assert region == "us-east-1"
        expires = int(time.time()) + 60
        claims = {"sub": os.environ["STUB_PRINCIPAL"], "iat": expires - 61, "exp": expires}
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".", expires * 1000
'''


@pytest.fixture
def signer(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH whose MSK signer is a stub."""
    package = tmp_path / "aws_msk_iam_sasl_signer"
    package.mkdir()
    (package / "__init__.py").write_text(SIGNER)
    return tmp_path


async def test_each_role_does_its_work_with_the_least_permissions(
    secured: Secured, world: World, signer: Path, chelsea: bytes
) -> None:
    """By tokens, and longer than a token lasts: each is renewed in time, and nothing is lost meanwhile."""
    await allow_all(world)
    for role in ROLES:
        world.start(role, env=with_tokens(secured, role, signer), wait=False)
    keys = [f"uploads/ann/{i}.png" for i in range(8)]
    for worker in world.workers:
        worker.wait_ready()
    world.put("uploads/ann/broken.png", b"no picture")
    began = time.monotonic()
    for key in keys:
        world.put(key, chelsea)
        await asyncio.sleep(REAUTHENTICATION_SECONDS / 3)
    assert time.monotonic() - began > 2 * REAUTHENTICATION_SECONDS  # each connection ended at least once meanwhile
    assert world.wait_outcomes(*keys, "uploads/ann/broken.png") == dict.fromkeys(keys, "cat") | {
        "uploads/ann/broken.png": "unsupported_format"
    }


async def test_tokens_that_cannot_be_signed_are_an_outage() -> None:
    def without_credentials(_region: str) -> tuple[str, int]:
        raise RuntimeError("no credentials")

    with pytest.raises(KafkaConnectionError, match="no credentials"):
        await MskTokens("eu-central-1", without_credentials).token()


async def test_the_real_signer_gives_a_token_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    token = await MskTokens("eu-central-1").token()
    padded = token + "=" * (-len(token) % 4)
    assert b"kafka.eu-central-1.amazonaws.com" in urlsafe_b64decode(padded)
