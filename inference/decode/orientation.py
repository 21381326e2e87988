"""The EXIF orientation of a picture. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from PIL import Image, ImageFile

# Pillow's constants: the transpose that undoes each EXIF orientation (TIFF 6.0, tag 0x0112).
ORIENTATION_TAG: Final = 0x0112
UPRIGHT: Final[Mapping[int, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: ImageFile.ImageFile) -> Any:
    """
    The EXIF orientation, 1 to 8 if valid. Call it after loading: Pillow turns TIFF and HEIC itself when it loads them.

    The orientation in XMP is ignored, as browsers do (Chromium 156, tried). Pillow would use it if EXIF has none.
    """
    try:
        if (block := image.info.get("exif")) is None:  # TIFF stores it elsewhere; Pillow reads XMP from these two
            for name in ("xmp", "XML:com.adobe.xmp"):
                image.info.pop(name, None)
            return image.getexif().get(ORIENTATION_TAG, 1)
        exif = Image.Exif()
        exif.load(block)
        return exif.get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a corrupt EXIF block is no reason to reject a good picture
        return 1
