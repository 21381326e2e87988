"""
Repairs JPEG files with a damaged metadata segment or a missing end marker. Pure.

Source: ITU-T T.81, annex B.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

END: Final = b"\xff\xd9"
_MARKER: Final = re.compile(
    rb"\xff([\xc0-\xcf\xd8-\xfe])"
)  # without RST and stuffing, which are part of entropy-coded data
_START: Final = 0xD8
_END: Final = 0xD9
_SCAN: Final = 0xDA
_FRAMES: Final = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE: Final = 0xC2
_TABLES: Final = {0xC4, 0xDB, 0xDD}
_KEPT_METADATA: Final = {0xE0: (b"JFIF\0", 16), 0xEE: (b"Adobe", 14)}  # these determine the colour space
_COEFFICIENTS: Final = frozenset(range(64))
_MOST_SEGMENTS: Final = 10_000  # a hostile file of 64 MB can have millions
_FILL_BYTES: Final = 2048  # more than any MCU of 10 blocks takes, so that no block is cut short by the marker
_FILLS: Final = tuple(
    (pattern * _FILL_BYTES)[:_FILL_BYTES] for pattern in (b"\0", b"\xff\0", b"\xaa", bytes(range(0xFF)))
)
"""Different fillings: all 0, all 1 (byte-stuffed), alternating, mixed bits."""


class _Segment(NamedTuple):
    """A marker with its data; a scan includes its entropy-coded data."""

    marker: int
    data: bytes


def bare(data: bytes) -> bytes:
    """The file without metadata (so upright, and without a profile) and without damaged segments."""
    kept = [b"\xff\xd8"]
    for marker, segment in islice(_segments(data), _MOST_SEGMENTS):
        begins, length = _KEPT_METADATA.get(marker, (b"", 0))
        if marker in _FRAMES | _TABLES | {_SCAN, _END} or (
            length and segment[4:].startswith(begins) and len(segment) > length
        ):
            kept.append(segment)
    return b"".join(kept)


def with_endings(data: bytes) -> tuple[bytes, ...]:
    """
    The file with several endings, if its end marker is missing and scans for all coefficients have begun; else empty.

    If all rows are present, a decoder ignores the bytes between the last row and the end marker: all variants decode to
    the same pixels. If rows are missing, the decoder reads them from the ending, and the variants differ. The restart
    markers extend this to files with restart intervals.
    """
    segments = [*islice(_segments(data), _MOST_SEGMENTS)]
    if not segments or segments[-1].marker == _END or not _has_all_coefficients(segments):
        return ()
    cut = data.rstrip(b"\xff")  # possibly the first half of the end marker
    return tuple(cut + b"".join(fill + bytes((0xFF, 0xD0 + n)) for n in range(8)) + fill + END for fill in _FILLS)


def _segments(data: bytes) -> Iterator[_Segment]:
    at = 0
    while found := _MARKER.search(data, at):
        marker, start = found[1][0], found.start()
        end = start + 2
        if marker == _END:
            yield _Segment(marker, data[start:end])
            return
        if marker != _START:
            length = int.from_bytes(data[end : end + 2], "big")
            if length < 2 or end + length > len(data):  # noqa: PLR2004 - the length counts its own two bytes
                at = end
                continue
            end += length
            if marker == _SCAN:
                after = _MARKER.search(data, end)
                end = after.start() if after else len(data)
            yield _Segment(marker, data[start:end])
        at = end


def _has_all_coefficients(segments: list[_Segment]) -> bool:
    """Whether the scans cover each coefficient of each component to its last bit."""
    expected: set[int] = set()
    is_progressive = False
    brought: dict[int, set[int]] = defaultdict(set)
    for marker, data in segments:
        if marker in _FRAMES:
            is_progressive = marker == _PROGRESSIVE
            expected = set(data[10::3][: int.from_bytes(data[9:10], "big")])
        elif marker == _SCAN:
            header_end = 5 + 2 * int.from_bytes(data[4:5], "big")
            first, last, bits = data[header_end : header_end + 3] if len(data) > header_end + 2 else (0, 0, 0)
            for component in data[5:header_end:2]:
                if not is_progressive:
                    brought[component] |= _COEFFICIENTS
                elif bits & 0xF == 0:
                    brought[component].update(range(first, last + 1))
    return bool(expected) and all(brought[component] >= _COEFFICIENTS for component in expected)
