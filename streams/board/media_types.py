"""The media type of a picture that a browser may show, from its first bytes. Pure; decodes nothing."""

from typing import Final

HEAD_BYTES: Final = 32

_SIGNATURES: Final = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
)
_AVIF_BRANDS: Final = (b"avif", b"avis")


def media_type(head: bytes) -> str | None:
    """
    The media type of a JPEG, PNG, GIF, WebP or AVIF by its first bytes; None for anything else.

    SVG is left out on purpose: it is a document, with scripts.

    Source: WHATWG MIME Sniffing, "Matching an image type pattern"; for AVIF ISO/IEC 14496-12, box ``ftyp``.
    """
    for at, signature, found in _SIGNATURES:
        if head[at : at + len(signature)] == signature:
            return found
    if head[:4] == b"RIFF" and head[8:14] == b"WEBPVP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "image/avif"
    return None
