"""The account of the tables finds each kind of difference."""

import pytest

from tests.chaos.account import Expected, settle


def row(key: str, version: str, outcome: str, etag: str = "e2") -> dict[str, str | None]:
    rejected = outcome not in ("cat", "dog")
    return {
        "source_key": key,
        "source_version_id": version,
        "source_etag": etag,
        "outcome": "rejected" if rejected else outcome,
        "reason": outcome if rejected else None,
    }


def test_an_account_without_differences_holds() -> None:
    expected = {"a": Expected("v2", "cat", "e2"), "b": Expected("v2", "undecodable")}
    account = settle(expected, 3, [row("a", "v2", "cat"), row("b", "v2", "undecodable")], published=4, dead_letters=0)
    assert account.holds
    assert account.outcomes == {"cat": 1, "undecodable": 1}
    assert account.reprocessed == 1


def test_the_account_finds_what_is_lost_wrong_or_doubled() -> None:
    expected = {key: Expected("v2", "cat") for key in ("good", "old", "other", "lost", "twice")}
    rows = [
        row("good", "v2", "cat"),
        row("old", "v1", "cat"),
        row("other", "v2", "missing"),
        row("twice", "v2", "cat"),
        row("twice", "v2", "cat"),
        row("from nowhere", "v1", "cat"),
    ]
    account = settle(expected, 7, rows, published=9, dead_letters=0)
    assert not account.holds
    assert account.lost == ["lost"]
    assert [text.partition(":")[0] for text in account.wrong] == ["old", "other"]
    assert set(account.doubled) == {"from nowhere", "twice"}
    assert account.reprocessed == 2


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([], "lost"),
        ([row("a", "v2", "dog")], "wrong"),
        ([row("a", "v2", "forbidden")], "wrong"),
        ([row("a", "v1", "cat")], "wrong"),
        ([row("a", "v2", "cat", etag="e1")], "wrong"),
        ([row("a", "v2", "cat")] * 2, "doubled"),
        ([row("a", "v2", "cat"), row("b", "v2", "cat")], "doubled"),
    ],
)
def test_each_difference_alone_breaks_the_account(found: list[dict[str, str | None]], kind: str) -> None:
    account = settle({"a": Expected("v2", "cat", "e2")}, 1, found, published=1, dead_letters=0)
    assert not account.holds
    assert [name for name in ("lost", "wrong", "doubled") if getattr(account, name)] == [kind]


def test_a_dead_letter_breaks_the_account() -> None:
    expected = {"a": Expected("v2", "cat")}
    assert not settle(expected, 1, [row("a", "v2", "cat")], published=1, dead_letters=1).holds


def test_an_object_that_retention_took_may_have_the_row_of_any_version_or_none_if_it_is_gone() -> None:
    wanted = Expected("v2", "cat", "e2", is_any_version=True)
    gone = Expected("v2", "cat", "e2", also="missing", is_any_version=True, may_be_absent=True)
    for version in ("v1", "v2"):
        assert settle({"a": wanted}, 1, [row("a", version, "cat")], published=1, dead_letters=0).holds
    assert settle({"a": wanted}, 1, [], published=0, dead_letters=0).lost == ["a"]
    assert settle({"a": wanted}, 1, [row("a", "v1", "missing")], published=1, dead_letters=0).wrong
    assert settle({"a": wanted}, 1, [row("a", "v1", "cat", etag="e1")], published=1, dead_letters=0).wrong
    assert settle({"a": gone}, 1, [], published=0, dead_letters=0).holds
    assert settle({"a": gone}, 1, [row("a", "v2", "missing")], published=1, dead_letters=0).holds
