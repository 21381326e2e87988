"""A fault outside the pixels rejects no picture; missing pixels do, however the file ends."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.manifest import InputSpec

SPEC = InputSpec(size=64, resize=64)
Pixels = NDArray[np.uint8]


def drawn(height: int = 70, width: int = 90) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, 255 - (x + y) % 256], -1).astype(np.uint8))


def stored(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or drawn()).save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> Pixels:
    return decode(data, SPEC, Limits())


def outcome(data: bytes) -> Pixels | str:
    try:
        return pixels(data)
    except RejectedImage as rejected:
        return rejected.reason


def assert_shows(damaged: bytes, whole: bytes) -> None:
    assert damaged != whole
    assert np.array_equal(pixels(damaged), pixels(whole))


# JPEG

JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "restarts, one row each": {"restart_marker_rows": 1, "subsampling": 0},
}


def jpeg(name: str, mode: str = "RGB", size: tuple[int, int] = (70, 90)) -> bytes:
    return stored("JPEG", drawn(*size).convert(mode), **JPEGS[name])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(name: str, mode: str) -> None:
    whole = jpeg(name, mode)
    for ending in (b"", b"\xff", b"\0" * 700, b"\xff" * 9):
        assert_shows(whole[:-2] + ending, whole)


def test_a_large_jpeg_without_its_end_marker_is_scaled_while_it_is_decoded_as_ever() -> None:
    whole = jpeg("progressive", size=(600, 700))
    assert_shows(whole[:-2], whole)


def test_a_jpeg_without_its_end_marker_keeps_profile_and_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    whole = stored("JPEG", exif=exif, icc_profile=profile)
    assert_shows(whole[:-2], whole)


@pytest.mark.parametrize("name", [*JPEGS][:3])
def test_wherever_a_jpeg_is_cut_it_is_whole_or_undecodable(name: str) -> None:
    whole = jpeg(name)
    seen = pixels(whole)
    scan = whole.rindex(b"\xff\xda")
    cuts = {*range(scan, len(whole), 23), *range(len(whole) - 40, len(whole))}
    outcomes = {cut: outcome(whole[:cut]) for cut in cuts}
    shown = {cut for cut, answer in outcomes.items() if not isinstance(answer, str)}
    assert all(np.array_equal(outcomes[cut], seen) for cut in shown)
    assert len(whole) - 2 in shown
    assert len(shown) < 6


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_of_which_rows_outside_the_crop_are_missing_is_undecodable(name: str) -> None:
    """What is kept of a tall picture lies in its middle."""
    whole = jpeg(name, size=(900, 90))
    assert outcome(whole[: int(len(whole) * 0.97)]) == "undecodable"


def test_a_progressive_jpeg_of_which_whole_scans_are_missing_is_undecodable() -> None:
    whole = jpeg("progressive")
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    for scan in scans[1:]:
        tables = whole.rindex(b"\xff\xc4", 0, scan)
        assert outcome(whole[:tables]) == "undecodable"


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(b"\xff\xe0\0\x07JFIF\0", id="JFIF too short"),
        pytest.param(b"\0\x01not a segment", id="bytes between segments"),
        pytest.param(b"\xff\xe1\0\0", id="EXIF without a length"),
        pytest.param(b"\xff\xe2\0\x0cMPF\0II*\0\xff\xff", id="a directory of pictures, cut"),
        pytest.param(b"\xff\xe1\0\x20Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xfe" * 14, id="EXIF of nothing"),
        pytest.param(b"\xff\xed\0\x14Photoshop 3.0\0" + b"8BIM", id="Photoshop's, cut"),
    ],
)
def test_a_damaged_segment_of_a_jpegs_metadata_rejects_nothing(segment: bytes) -> None:
    whole = jpeg("baseline")
    after_jfif = 20
    assert_shows(whole[:after_jfif] + segment + whole[after_jfif:], whole)


# PNG


def chunk(kind: bytes, content: bytes, *, is_sound: bool = True) -> bytes:
    checksum = zlib.crc32(kind + content) ^ (not is_sound)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


AFTER_HEADER = 33


def with_chunk(data: bytes, *chunks: bytes, at: int = AFTER_HEADER) -> bytes:
    return data[:at] + b"".join(chunks) + data[at:]


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"gAMA", b"pHYs", b"tIME"])
@pytest.mark.parametrize("is_sound", [False, True], ids=["checksum", "content"])
@pytest.mark.parametrize("content", [b"", b"k", b"k\0\0\xff\xff\xff\xff"], ids=["empty", "cut", "nonsense"])
def test_a_damaged_chunk_of_a_pngs_metadata_rejects_nothing(kind: bytes, content: bytes, is_sound: object) -> None:
    image = drawn().convert("RGB")
    whole = stored("PNG", image)
    damaged = chunk(kind, content, is_sound=bool(is_sound))
    shown = pixels(with_chunk(whole, damaged))
    if kind == b"tRNS" and is_sound and len(content) >= 6:  # a colour that is sound, and seen nowhere
        return
    assert np.array_equal(shown, pixels(whole))


def test_metadata_behind_the_pixels_may_be_damaged_and_the_end_be_missing() -> None:
    whole = stored("PNG")
    assert_shows(with_chunk(whole, chunk(b"tEXt", b"k\0v", is_sound=False), at=len(whole) - 12), whole)
    assert_shows(whole[:-12], whole)
    assert_shows(whole[:-12] + chunk(b"tEXt", b"k\0v" * 99)[:-50], whole)


def test_what_is_sound_beside_a_damaged_chunk_still_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    whole = stored("PNG", drawn().convert("L"), exif=exif, transparency=128)
    assert_shows(with_chunk(whole, chunk(b"tEXt", b"k\0v", is_sound=False)), whole)


@pytest.mark.parametrize("second", [0, 5])
def test_an_animated_png_with_wrong_numbers_shows_its_first_frame(second: int) -> None:
    whole = stored("PNG")
    control = struct.pack(">IIIIIHHBB", 0, 90, 70, 0, 0, 1, 10, 0, 0)
    animated = with_chunk(whole, chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", control))
    later = struct.pack(">I", second) + control[4:]
    frame = struct.pack(">I", second + 1) + zlib.compress(bytes(70 * 271))
    animated = with_chunk(animated, chunk(b"fcTL", later), chunk(b"fdAT", frame), at=len(animated) - 12)
    assert_shows(animated, whole)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_png_of_which_rows_are_missing_stays_undecodable_beside_any_metadata(kept: float) -> None:
    whole = with_chunk(stored("PNG"), chunk(b"tEXt", b"k\0v", is_sound=False))
    cut = whole[: int(len(whole) * kept)]
    assert outcome(cut) == "undecodable"
    assert outcome(cut + chunk(b"IEND", b"")) == "undecodable"


def test_a_checksum_of_pixels_still_counts() -> None:
    whole = stored("PNG")
    header = bytes((whole[32] ^ 1,))
    assert outcome(whole[:32] + header + whole[33:]) == "undecodable"


# WebP


@pytest.mark.parametrize("options", [{}, {"lossless": True}], ids=["lossy", "lossless"])
def test_a_webp_that_is_cut_within_its_metadata_is_whole(options: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera of some make"
    whole = stored("WEBP", exif=exif, xmp=b"<x/>" * 20, **options)
    pixels_end = whole.index(b"EXIF")
    for cut in (len(whole) - 30, pixels_end + 9, pixels_end):
        assert_shows(whole[:cut], whole)
    assert outcome(whole[: pixels_end - 30]) == "undecodable"


# All of them


def test_many_small_pieces_take_no_time() -> None:
    text = chunk(b"tEXt", b"", is_sound=False)
    png = with_chunk(stored("PNG"), text * 300_000)
    assert outcome(png) == "undecodable"
    assert outcome(b"\xff\xd8" + b"\xff\xfe\0\2" * 300_000) == "undecodable"
    body = b"VP8X" + struct.pack("<I10x", 10) + b"ALPH\0\0\0\0" * 300_000
    assert outcome(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body) in {"undecodable", "too_many_pixels"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_is_as_it_should_be_is_decoded_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object) -> None:
        raise AssertionError("it was repaired_file")

    monkeypatch.setattr("inference.decode.picture.repaired", never)
    pixels(stored(kind))


def test_a_reason_that_only_the_repaired_file_shows_is_given() -> None:
    whole = with_chunk(stored("PNG"), chunk(b"tEXt", b"k", is_sound=False))
    with pytest.raises(RejectedImage, match="too_many_pixels"):
        decode(whole, SPEC, Limits(max_pixels=100))
