from collections.abc import Iterator
from http import HTTPStatus

import pytest
from typer.testing import CliRunner

from deploy.local.ports import free_port
from streams.cli import app
from streams.runtime.health import Health, HealthServer
from streams.runtime.outages import Outages


@pytest.fixture
def outages() -> Outages:
    return Outages()


@pytest.fixture
def process(outages: Outages, monkeypatch: pytest.MonkeyPatch) -> Iterator[Health]:
    """A process that serves its health here, and an environment that names it as a container's does."""
    health = Health(outages)
    with HealthServer(health, "127.0.0.1", 0) as server:
        monkeypatch.setenv("HEALTH_HOST", "0.0.0.0")
        monkeypatch.setenv("HEALTH_PORT", str(server.port))
        yield health


def asked(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["health", *arguments])
    return result.exit_code, result.output


@pytest.mark.usefixtures("process")
def test_a_process_that_is_well_answers_and_the_exit_code_is_zero() -> None:
    code, said = asked()
    assert (code, '"status": "ok"' in said) == (0, True)


def test_a_degraded_process_is_not_restarted(process: Health, outages: Outages) -> None:
    outages.begin("database", "refused")
    code, said = asked("--live")
    assert code == 0
    code, said = asked()
    assert (code, "database is away since" in said) == (0, True)


def test_a_process_that_is_not_ready_yet_says_so(process: Health) -> None:
    assert asked("--ready")[0] == 1
    process.become_ready()
    assert asked("--ready")[0] == 0


def test_a_process_whose_loop_is_stuck_is_not_live(process: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "failures", lambda: ["the event loop has not turned for 40 s"])
    code, said = asked("--live")
    assert (code, "has not turned" in said) == (1, True)
    assert process.report()[0] is HTTPStatus.SERVICE_UNAVAILABLE


def test_nothing_there_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTH_PORT", str(free_port()))
    code, said = asked("--live")
    assert code == 1
    assert "does not answer" in said
    assert "Traceback" not in said


def test_two_questions_at_once_are_a_mistake() -> None:
    assert asked("--live", "--ready")[0] == 2
