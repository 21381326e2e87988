from streams.notifications.etags import bare


def test_quotes_and_weakness_are_no_part_of_an_etag() -> None:
    assert bare('"9b2cf5-3"') == bare('W/"9b2cf5-3"') == bare("9b2cf5-3") == "9b2cf5-3"
    assert bare('""') is bare("") is bare(None) is None
