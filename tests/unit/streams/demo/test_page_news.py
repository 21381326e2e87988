"""The demo says that work waits, once when it begins and once when it ends."""

from streams.board import headline
from streams.demo.page_news import PageNews

WELL = {"kind": "ok", "title": "All is well", "note": "Nothing is waiting."}
UNKNOWN = {"kind": "", "title": "The lag is unknown", "note": ""}
DEAD = {"kind": "bad", "title": "No classifier is working", "note": "3 uploads wait."}
SLOW = {"kind": "warn", "title": "Work is waiting", "note": "1 upload waits."}


def told(*looks: dict[str, str]) -> list[tuple[str, str] | None]:
    news = PageNews()
    return [news.look(each, is_away=False) for each in looks]


def test_work_that_waits_is_one_line_and_its_end_another() -> None:
    begun = ("waiting", "No classifier is working. 3 uploads wait.")
    ended = ("well", "All is well. Nothing is waiting.")
    assert told(WELL, DEAD, DEAD, DEAD, UNKNOWN, DEAD, WELL, WELL) == [
        None, None, begun, None, None, None, ended, None
    ]  # fmt: skip


def test_what_lasts_for_one_look_is_no_news() -> None:
    assert told(DEAD, WELL, SLOW, DEAD, WELL) == [None] * 5


def test_a_second_warning_is_told() -> None:
    assert [each and each[1] for each in told(DEAD, DEAD, SLOW, SLOW)][1::2] == [
        "No classifier is working. 3 uploads wait.",
        "Work is waiting. 1 upload waits.",
    ]


def test_a_service_that_does_not_answer_has_a_line_of_its_own() -> None:
    news = PageNews()
    assert [news.look(DEAD, is_away=True) for _ in range(3)] == [None] * 3
    assert news.look(DEAD, is_away=False) is None, "the board may show the outage a little longer"
    assert news.look(WELL, is_away=False) is None
    for title in (
        headline._no_answer(["database"]),
        headline._no_answer(["database", "queue"]),
        "Kafka does not answer",
    ):
        assert told(*2 * [{"kind": "bad", "title": title, "note": ""}]) == [None, None]
