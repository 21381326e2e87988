from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.backfill.checkpoint import Reached, ResumeFile, ResumeRefused, Task

TASK = Task("backfill", "s3://pets/uploads/", "match=None")


def test_what_was_reached_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert ResumeFile(path, TASK).read() == Reached()
    ResumeFile(path, TASK).write(Reached("a\n\0é", {"listed": 3}))
    assert ResumeFile(path, TASK).read() == Reached("a\n\0é", {"listed": 3})
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@given(after=st.none() | st.text(st.characters(exclude_categories=["Cs"])))
def test_every_key_survives_the_file(tmp_path_factory: pytest.TempPathFactory, after: str | None) -> None:
    file = ResumeFile(tmp_path_factory.getbasetemp() / "any.json", TASK)
    file.write(Reached(after))
    assert file.read().after == after


def test_a_finished_run_leaves_no_file(tmp_path: Path) -> None:
    file = ResumeFile(tmp_path / "state.json", TASK)
    file.write(Reached("a"))
    file.remove()
    file.remove()
    assert file.read() == Reached()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        Task("reconcile", TASK.place, TASK.scope),
        Task("backfill", "s3://other/uploads/", TASK.scope),
        Task("backfill", "s3://pets/uploads/ann", TASK.scope),
        Task("backfill", TASK.place, "match='*.png'"),
        Task("backfill", TASK.place, TASK.scope, "http://localhost:9000"),
    ],
    ids=str,
)
def test_another_runs_file_is_refused_and_left_as_it_is(tmp_path: Path, other: Task) -> None:
    path = tmp_path / "state.json"
    ResumeFile(path, TASK).write(Reached("a"))
    with pytest.raises(ResumeRefused, match="belongs to another run"):
        ResumeFile(path, other).read()
    assert ResumeFile(path, TASK).read().after == "a"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"task": 1}', b"nonsense"])
def test_what_is_no_resume_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(ResumeRefused, match="no file to resume from"):
        ResumeFile(path, TASK).read()


def test_a_place_that_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResumeRefused, match="cannot be written"):
        ResumeFile(tmp_path / "no" / "folder.json", TASK).write(Reached())
    with pytest.raises(ResumeRefused, match="cannot be read"):
        ResumeFile(tmp_path, TASK).read()


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ResumeFile(tmp_path / "state.json", TASK)
    file.write(Reached("a"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ResumeRefused, match="no space left"):
        file.write(Reached("b"))
    assert file.read().after == "a"
