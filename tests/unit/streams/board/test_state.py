"""What the board keeps of the events, and what a frame has."""

from streams.board.pictures import PictureView
from streams.board.state import Board
from streams.notifications.upload import ImageUploaded
from tests.board_events import NOON, after, classified, rejected, upload


def only(board: Board, since: int = 0) -> PictureView:
    (picture,) = board.frame(since, NOON).pictures
    return picture


def store(board: Board, version: int = 1, at: float = 400) -> None:
    event = classified(version=version)
    board.stored(event.id, (event.sequencer, event.uploaded_at), event.model.rev, after(at))


def test_a_picture_is_followed_from_upload_to_row() -> None:
    board = Board(100)
    board.queued(upload(), after(40))
    assert (only(board).queued, only(board).decided, only(board).stored) == (1772366400040, None, None)
    board.decided(classified(), after(260))
    assert (only(board).label, only(board).decided, only(board).work) == ("cat", 1772366400250, 120)
    store(board)
    assert only(board).stored == 1772366400400
    assert only(board).queued == 1772366400040


def test_an_upload_of_the_page_joins_its_own_notification() -> None:
    board = Board(100)
    sent = ImageUploaded("pictures", "uploads/ann/cat.jpg", after(-5), "0" * 64)
    board.sent(sent)
    assert only(board).queued is None
    board.queued(upload(), after(40))
    assert only(board).queued is not None
    board.decided(classified(), after(260))
    assert only(board).label == "cat"


def test_a_notification_that_overtakes_the_answer_to_its_upload_keeps_its_time() -> None:
    board = Board(100)
    board.queued(upload(), after(40))
    board.sent(ImageUploaded("pictures", "uploads/ann/cat.jpg", after(-5), "0" * 64))
    assert only(board).queued == 1772366400040
    board.decided(classified(), after(260))
    assert (only(board).label, only(board).queued) == ("cat", 1772366400040)


def test_it_does_not_matter_whether_result_or_notification_is_read_first() -> None:
    board = Board(100)
    board.decided(classified(), after(260))
    board.queued(upload(), after(40))
    assert (only(board).label, only(board).queued) == ("cat", 1772366400040)


def test_a_repeated_notification_changes_nothing() -> None:
    board = Board(100)
    board.queued(upload(), after(40))
    before = board.revision
    board.queued(upload(), after(9000))
    assert (board.revision, only(board).queued) == (before, 1772366400040)


def test_a_later_upload_begins_anew_and_an_older_result_does_not_touch_it() -> None:
    board = Board(100)
    board.decided(classified(version=1), after(260))
    store(board)
    board.queued(upload(version=2), after(5000))
    assert (only(board).label, only(board).stored) == (None, None)
    board.decided(classified(version=1), after(6000))
    assert only(board).label is None
    board.decided(rejected(version=2), after(6000))
    assert only(board).reason == "undecodable"


def test_of_one_version_a_label_stands_over_a_rejection_and_not_the_other_way_round() -> None:
    board = Board(100)
    board.decided(rejected(), after(260))
    board.decided(classified(), after(300))
    assert only(board).label == "cat"
    board.decided(rejected(), after(400))
    assert (only(board).label, only(board).reason) == ("cat", None)


def test_a_newer_models_result_replaces_the_row_it_had() -> None:
    board = Board(100)
    board.decided(classified(), after(260))
    store(board)
    board.decided(classified(rev=2), after(900))
    assert only(board).stored is None
    store(board)  # still the row of the first model
    assert only(board).stored is None


def test_a_row_of_an_older_version_does_not_count_as_stored() -> None:
    board = Board(100)
    board.decided(classified(version=2), after(260))
    store(board, version=1)
    assert only(board).stored is None
    assert list(board.unstored) == [classified().id]
    store(board, version=2)
    assert only(board).stored is not None
    assert list(board.unstored) == []


def test_a_viewer_gets_only_what_changed_since() -> None:
    board = Board(100)
    board.queued(upload("uploads/ann/1.jpg"), after(1))
    before = board.frame(0, NOON).revision
    assert board.frame(before, NOON).pictures == []
    board.queued(upload("uploads/ann/2.jpg"), after(2))
    assert only(board, before).key == "uploads/ann/2.jpg"


def test_a_viewer_that_reads_slowly_gets_one_frame_of_the_newest_and_a_count() -> None:
    board = Board(10_000)
    for number in range(5000):
        board.decided(classified(f"uploads/ann/{number}.jpg"), after(260))
    frame = board.frame(0, NOON)
    assert [picture.key for picture in frame.pictures][-1] == "uploads/ann/4999.jpg"
    assert (len(frame.pictures), frame.missed) == (60, 4940)


def test_a_page_that_is_loaded_anew_has_the_order_of_one_that_stayed() -> None:
    board = Board(100)
    stayed: list[str | None] = []
    for number, ms in ((0, 1), (1, 2), (0, 300), (2, 301), (1, 302)):
        before = board.revision
        key = f"uploads/ann/{number}.jpg"
        if ms < 300:
            board.queued(upload(key), after(ms))
        else:
            board.decided(classified(key), after(ms))
        stayed += [each.key for each in board.frame(before, NOON).pictures if each.key not in stayed]
    assert [each.key for each in board.frame(0, NOON).pictures] == stayed
    board.decided(rejected("uploads/ann/1.jpg", version=2), after(400))
    assert [each.key for each in board.frame(0, NOON).pictures] == stayed


def test_what_is_remembered_is_bounded() -> None:
    board = Board(100)
    for number in range(250):
        board.decided(classified(f"uploads/ann/{number}.jpg"), after(260))
    assert (len(board), len(board.unstored)) == (100, 100)
    assert board.picture(classified("uploads/ann/0.jpg").id) is None
    assert board.frame(0, NOON).seen == {"cat": 250}


def test_what_is_shown_is_remembered() -> None:
    board = Board(70)
    for version in (1, 2):
        for number in (*range(60), *range(40)):
            board.decided(classified(f"uploads/ann/{number}.jpg", version=version), after(260))
    for number in reversed(range(60)):
        board.queued(upload(f"uploads/ann/{number}.jpg", version=3), after(400))
    for number in range(100, 112):
        board.decided(classified(f"uploads/ann/{number}.jpg"), after(500))
    assert board.frame(0, NOON).pictures[-1].key == "uploads/ann/111.jpg"


def test_a_large_upload_event_is_not_remembered_whole() -> None:
    board = Board(100)
    board.decided(rejected(event=b"x" * 2_000_000), after(260))
    picture = board.picture(rejected().id)
    assert picture is not None
    assert len(getattr(picture.outcome, "upload_event", b"")) == 4096
