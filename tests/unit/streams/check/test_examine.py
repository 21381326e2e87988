"""What the doctor says where the part itself is not needed."""

import io
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from rich.console import Console

from persistence.migrate import Migration
from streams.check import aws as check_aws
from streams.check import database as check_database
from streams.check import examine as check
from streams.check import kafka as check_kafka
from streams.check import model as check_model
from streams.check.finding import Finding, Role, clock
from streams.cli import check_command, migrations_table
from streams.cli.check_table import document, summary, table
from streams.cli.fitting_table import tabbed
from streams.kafka import authorized_operations
from streams.kafka.admin import _wrong_partitions
from streams.kafka.permissions import PERMISSIONS, Permission
from streams.runtime.settings import BridgeSettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BRIDGE = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "SQS_QUEUE_URL": "http://127.0.0.1:9/q"}


@pytest.mark.parametrize(("seconds", "said"), [(90, "90 s ahead of"), (-400, "400 s behind")])
def test_clocks_that_disagree_are_told_with_which_is_ahead(seconds: int, said: str) -> None:
    (found,) = clock("sink", "the database", NOON, NOON + timedelta(seconds=seconds))
    assert said in found.found
    assert "ntpd" in (found.remedy or "")


def test_clocks_that_agree_well_enough_are_not_spoken_of() -> None:
    assert clock("sink", "the database", NOON, NOON + timedelta(seconds=59)) == []


def test_a_full_disk_for_temporary_files_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: type("Usage", (), {"free": 1024})())
    (found,) = check_model.room("classify")
    assert "TMPDIR" in (found.remedy or "")


def test_no_place_for_temporary_files_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> NoReturn:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    (found,) = check_model.room("sink")
    assert "TMPDIR" in (found.remedy or "")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NoCredentialsError(), "AWS_ACCESS_KEY_ID"),
        ("AccessDenied", "allow the role s3:ListBucket"),
        ("403", "allow the role s3:ListBucket"),
        ("RequestTimeTooSkewed", "set the clock"),
        ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        ("404", "look at S3_BUCKET"),
    ],
    ids=str,
)
def test_what_aws_refuses_has_the_remedy_of_its_code(error: Any, remedy: str) -> None:
    raised = error if isinstance(error, Exception) else ClientError({"Error": {"Code": error}}, "HeadBucket")
    assert remedy in check_aws._remedy(raised, "S3_BUCKET", "S3_ENDPOINT_URL", "s3:ListBucket")


def test_a_topic_that_nobody_can_write_to_is_noticed() -> None:
    partitions = [{"replicas": [1]}, {"replicas": [1]}]
    (found,) = _wrong_partitions("image-uploads", partitions, 1, {"min.insync.replicas": "2"})
    assert found.remedy == "alter the topic: min.insync.replicas=1"


def test_each_setting_that_is_missing_is_a_finding_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in BRIDGE:
        monkeypatch.delenv(name, raising=False)
    found = _examined("bridge")
    assert [each.subject for each in found] == ["settings", "settings"]
    assert {(each.remedy or "").split()[1] for each in found} == set(BRIDGE)


@pytest.mark.parametrize(
    ("url", "roles", "looked_at"),
    [
        ("", (), ["classify", "sink"]),  # a store publishes to Kafka itself
        ("http://127.0.0.1:9/q", (), ["bridge", "classify", "sink"]),
        ("", ("bridge",), ["bridge"]),
    ],
)
def test_without_a_queue_the_bridge_is_only_checked_if_it_is_named(
    url: str,
    roles: tuple[Role, ...],
    looked_at: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    async def examined(role: str, _now: object) -> list[Finding]:
        asked.append(role)
        return [Finding(role, "kafka", "x")]

    monkeypatch.setenv("SQS_QUEUE_URL", url)
    monkeypatch.setattr(check_command, "examine", examined)
    assert check_command.run(roles, as_json=True) == 0
    assert asked == looked_at
    assert ("SQS_QUEUE_URL is not set" in capsys.readouterr().out) is ("bridge" not in looked_at)


def test_a_role_that_is_not_installed_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_role: str, _settings: object) -> NoReturn:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    for name, value in BRIDGE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(check, "_looks", missing)
    assert _examined("bridge")[-1] == Finding(
        "bridge", "packages", "torch is not installed", "pip install 'petstream[torch]'"
    )


class Admin:
    """Answers what a broker would of what we may do."""

    def __init__(self, **_options: object) -> None:
        pass

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def find_coordinator(self, _group: str) -> int:
        return 1


async def test_an_operation_that_is_not_allowed_is_named_with_the_command_that_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def only_read(_admin: object, names: set[str]) -> dict[str, frozenset[str]]:
        return {name: frozenset({"READ"}) for name in names}

    monkeypatch.setattr(check_kafka, "AIOKafkaAdminClient", Admin)
    monkeypatch.setattr(check_kafka, "authorized", only_read)
    settings = BridgeSettings.model_validate({name.lower(): value for name, value in BRIDGE.items()})
    (found,) = await check_kafka._permissions("bridge", settings)
    assert found.found == "lacks WRITE on the topic image-uploads, WRITE on the topic pipeline-status"
    assert found.remedy == "allow it: petstream topics permissions bridge"
    assert Permission("WRITE", "topic", "image-uploads") in PERMISSIONS["bridge"]


def test_the_bits_of_kafka_are_read_as_its_documentation_numbers_them() -> None:
    assert authorized_operations._operations(0b11000) == {"READ", "WRITE"}
    assert authorized_operations._operations(1 << 10) == {"DESCRIBE_CONFIGS"}


def test_the_summary_counts_what_needs_attention() -> None:
    well, ill = Finding("sink", "kafka", "x"), Finding("sink", "schema", "x", "petstream migrate up")
    warned = Finding("sink", "time-outs", "x", "an administrator runs: …", is_warning=True)
    assert summary([well]) == "1 of 1 checks passed"
    assert summary([well, warned]) == "all 2 work, 1 with a warning"
    assert summary([well, ill]) == "1 of 2 need attention"
    assert summary([well, ill, warned]) == "1 of 3 need attention; 1 more with a warning"


def test_a_warning_is_a_third_state_with_its_own_mark() -> None:
    findings = [
        Finding("sink", "kafka", "x"),
        Finding("sink", "time-outs", "x", "an administrator runs: …", is_warning=True),
        Finding("sink", "schema", "x", "petstream migrate up"),
    ]
    assert [line[0] for line in list(tabbed(table(findings)))[1:]] == ["✓", "⚠", "✗"]
    assert [each["state"] for each in document(findings)["findings"]] == ["ok", "warning", "problem"]
    assert not document(findings)["well"]
    assert document(findings[:2])["well"]


@pytest.mark.parametrize(("seconds", "state"), [(59, None), (61, "warning"), (301, "problem")])
def test_a_clock_is_a_problem_from_where_aws_refuses_signatures(seconds: int, state: str | None) -> None:
    states = [each.state for each in clock("sink", "SQS", NOON, NOON - timedelta(seconds=seconds))]
    assert states == ([] if state is None else [state])


@pytest.mark.parametrize(
    ("found", "code"), [(None, 0), ({"remedy": "look", "is_warning": True}, 0), ({"remedy": "look"}, 1)]
)
def test_the_exit_code_is_1_for_problems_and_0_for_warnings_alone(
    found: dict[str, Any] | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def examined(role: str, _now: object) -> list[Finding]:
        return [Finding(role, "kafka", "x"), Finding(role, "clock", "y", **(found or {}))]

    monkeypatch.setattr(check_command, "examine", examined)
    assert check_command.run(("sink", "bridge"), as_json=False) == code


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("/run/postgresql", True), ("db", False)],
)
def test_only_a_database_on_another_machine_has_to_be_encrypted(host: str, is_here: bool) -> None:  # noqa: FBT001
    assert check_database._is_here(host) is is_here


def test_a_row_of_the_migrations_has_the_first_sentence_and_the_document_all_of_it() -> None:
    long = Migration("0001.a", None, checksum_ok=True, description="Does this. And that, at length.")
    text = io.StringIO()
    Console(file=text, width=80).print(migrations_table.table([long]))
    assert text.getvalue().splitlines()[1].split() == ["0001.a", "missing", "Does", "this."]
    assert migrations_table.document([long])["migrations"][0]["description"] == "Does this. And that, at length."


def _examined(role: Any) -> list[Finding]:
    import asyncio

    return asyncio.run(check.examine(role))


def test_the_doctor_looks_where_temporary_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (found,) = check_model.room("bridge")
    assert str(tmp_path) in found.found
