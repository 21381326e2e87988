import pytest

from streams.contracts.user_names import KeyPattern, NoUserError, user_name

PATTERN = KeyPattern("uploads/{user_name}/{name}")


def test_metadata_beats_the_key_beats_the_default() -> None:
    assert user_name("uploads/key/x.jpg", {"user-name": "meta"}, PATTERN, "default") == "meta"
    assert user_name("uploads/key/x.jpg", {}, PATTERN, "default") == "key"
    assert user_name("elsewhere/x.jpg", {}, PATTERN, "default") == "default"


@pytest.mark.parametrize("key", ["uploads/ann/deep/er/x.jpg", "uploads/ann/a b+c.jpg", "uploads/ann/new\nline"])
def test_the_rest_of_the_key_may_be_anything(key: str) -> None:
    assert PATTERN.user_name(key) == "ann"


@pytest.mark.parametrize("key", ["uploads/x.jpg", "uploads//x.jpg", "x", "uploads/ann/", "Uploads/ann/x"])
def test_a_key_that_does_not_fit_names_nobody(key: str) -> None:
    assert PATTERN.user_name(key) is None
    with pytest.raises(NoUserError, match="no default"):
        user_name(key, {}, PATTERN, None)


def test_characters_of_regular_expressions_in_the_pattern_are_themselves() -> None:
    assert KeyPattern("a.b+(c)/{user_name}.jpg").user_name("a.b+(c)/zoë.jpg") == "zoë"
    assert KeyPattern("a.b/{user_name}").user_name("aXb/zoë") is None


def test_metadata_that_is_not_ascii_is_decoded() -> None:
    assert user_name("k", {"user-name": "=?UTF-8?B?Wm/Dqw==?="}, PATTERN, None) == "Zoë"


def test_metadata_that_cannot_be_decoded_is_taken_as_it_is() -> None:
    assert user_name("k", {"user-name": "=?no-such-charset?B?Wm?="}, PATTERN, None) == "=?no-such-charset?B?Wm?="


@pytest.mark.parametrize("bad", ["x" * 256, "nul\x00"])
def test_a_name_that_no_row_can_hold_is_refused(bad: str) -> None:
    with pytest.raises(NoUserError):
        user_name("k", {"user-name": bad}, PATTERN, None)


@pytest.mark.parametrize("pattern", ["uploads/{name}", "{user_name}/{user_name}", ""])
def test_a_pattern_names_the_user_exactly_once(pattern: str) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        KeyPattern(pattern)


@pytest.mark.parametrize("bad", ["=?utf-7?Q?+2AA-?=", "=?unicode_escape?Q?=5Cud800?="])
def test_a_charset_that_makes_what_json_cannot_hold_is_refused(bad: str) -> None:
    with pytest.raises(NoUserError, match="lone surrogate"):
        user_name("k", {"user-name": bad}, PATTERN, None)


@pytest.mark.parametrize("name", ["O'Brien; --", "\u202eevil\u202c", "a\u200bb", "e\u0301", "\x01\x1b[31m", "🐈" * 255])
def test_a_name_that_only_looks_odd_is_kept_as_it_is(name: str) -> None:
    assert user_name(f"uploads/{name}/x.jpg", {}, PATTERN, None) == name
