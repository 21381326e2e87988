"""A table of labels as people and spreadsheets write it: read, or one sentence with file and line."""

import re
from pathlib import Path

import pytest

from inference.lab.evaluate import read_labels
from inference.lab.labels import read_table

HEADED = [("file", "label"), ("a.jpg", "cat"), ("b/c d.jpg", "dog")]


def table(path: Path, content: bytes | str) -> Path:
    file = path / "labels.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("rows", [HEADED, HEADED[1:]], ids=["header", "no header"])
def test_a_table_is_read_however_a_spreadsheet_wrote_it(
    tmp_path: Path, mark: str, delimiter: str, newline: str, rows: list[tuple[str, str]]
) -> None:
    lines = [delimiter.join(cells) for cells in rows]
    file = table(tmp_path, (newline.join(lines) + newline).encode(mark))
    assert [(row.path, row.expected) for row in read_labels(file)] == [
        (tmp_path / "a.jpg", "cat"),
        (tmp_path / "b/c d.jpg", "dog"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        'file,label\n"a;b,c.jpg",cat\n',
        '"a;b,c.jpg";cat\n',
        'Label;note; FILE \nCAT ;x;"a;b,c.jpg"\n',
        'file,expected,label of others\n"a;b,c.jpg", Cat,dog\n',
        '\n\n;;\nfile;label;\n;;\n"a;b,c.jpg";cat;\n;;\n\n',
    ],
    ids=["quoted", "quoted without header", "columns in any order", "expected", "empty lines"],
)
def test_quotes_other_columns_capitals_and_empty_lines_are_taken(tmp_path: Path, content: str) -> None:
    [row] = read_labels(table(tmp_path, content))
    assert (row.path.name, row.expected) == ("a;b,c.jpg", "cat")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "names no picture"),
        ("file,label\n", "names no picture"),
        ("name,label\na,cat\n", "line 1: these are neither the names of columns"),
        ("file,kind\na,cat\n", "line 1: these are neither the names of columns"),
        ("a.jpg\nb.jpg\n", "line 1: these are neither the names of columns"),
        ("file,label\na.jpg,cat\n\nb.jpg,horse\n", "line 4: 'horse' is neither a label nor a reason: write cat or"),
        ("a.jpg,cat\nb.jpg\n", "line 2: '' is neither"),
        ("file,label\n,cat\n", "line 2: this names no file"),
        ("file,label\na\0.jpg,cat\n", "line 2: this names no file"),
        ('file,label\n"a\nb.jpg",cat\nc.jpg,cow\n', "line 4: 'cow'"),
        (b"file,label\na.jpg,cat\nZo\xeb.jpg,cat\n", "line 3: this is not utf-8: save the table as CSV in UTF-8"),
        (b"\xff\xfef\0i\0l", "line 1: this is not utf-16"),
        ("file,label\n" + "x" * 200_000 + ",cat\n", "line 2: this is no CSV"),
    ],
)
def test_what_is_no_table_of_labels_is_one_sentence_with_the_line(
    tmp_path: Path, content: bytes | str, said: str
) -> None:
    file = table(tmp_path, content)
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        read_labels(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)


def test_slice_and_origin_are_read_where_the_table_names_them(tmp_path: Path) -> None:
    file = table(tmp_path, "Origin;file;Slice;label\n a ;1.jpg; phone;cat\n;2.jpg;;dog\n")
    rows = [(row.file, row.label, row.slice, row.origin) for row in read_table(file, ("cat", "dog"))]
    assert rows == [("1.jpg", "cat", "phone", "a"), ("2.jpg", "dog", "", "")]
    [row] = read_table(table(tmp_path, "1.jpg,cat,phone\n"), ("cat", "dog"))
    assert row.slice == "", "without names of columns there are two"
