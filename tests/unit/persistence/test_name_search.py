import pytest

from persistence.errors import InvalidSelection
from persistence.name_search import patterns
from persistence.rejection_reads import RejectionFilter
from persistence.rejection_reads import count_statement as count_of_rejections
from persistence.selection import Selection, count_statement, page_statement


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("isk", ("%isk%",)),
        ("ann/cat", ("%ann/cat%",)),
        ("al", ("al%", "%/al%")),
        ("7", ("7%", "%/7%")),
        ("ab-", ("%ab-%",)),
        ("-x", ("%-x%",)),
        ("a-", ("a-%", "%/a-%")),
        ("a_b", (r"%a\_b%",)),
        ("a__", (r"a\_\_%", r"%/a\_\_%")),
        ("100%", (r"%100\%%",)),
        ("c:\\cat", (r"%c:\\cat%",)),
    ],
)
def test_each_pattern_has_a_trigram_and_no_character_of_a_name_is_a_wildcard(
    part: str, expected: tuple[str, ...]
) -> None:
    assert patterns(part) == expected


@pytest.mark.parametrize("part", ["", "--", "%", "_", "a" * 256])
def test_a_part_that_no_index_finds_is_refused(part: str) -> None:
    for refusing in (Selection, RejectionFilter):
        with pytest.raises(InvalidSelection, match="a letter or a digit"):
            refusing(name_part=part)


def test_no_part_becomes_part_of_a_statement() -> None:
    hostile = "%'; DROP TABLE image_rejections; --"
    for statement, values in (
        page_statement(Selection(name_part=hostile), None, 5),
        count_statement(Selection(name_part=hostile), 5),
        count_of_rejections(RejectionFilter(name_part=hostile), 5),
    ):
        assert "DROP" not in statement
        assert "%\\%'; DROP TABLE image\\_rejections; --%" in values
