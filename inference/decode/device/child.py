"""
The process that decodes on a device: all pictures that wait at a time, in one batch.

Like ``decode.child``, with another protocol: each byte from the parent is the number of a slot that has a picture. Each
reply is one byte, the slot's number, plus NOT_TAKEN for a picture that was not decoded.
"""

import socket
import sys
import warnings
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.decode import Limits
from inference.decode.child import die_with_parent, import_object, limit_memory, silence_output
from inference.decode.shared_buffer import SharedBuffer
from inference.manifest import InputSpec

SLOTS: Final = 32
"""Pictures in the process at a time: enough to keep nvJPEG's engines busy, at a few megabytes."""

SLOT_BYTES: Final = 16 * 1024 * 1024  # larger files are decoded on the CPU
READY: Final = 0xFF
NOT_TAKEN: Final = 0x80  # added to the slot's number


class ChildSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The child's settings, as JSON in the command line."""

    parent: int
    socket: int
    buffers: list[int]
    spec: InputSpec
    limits: Limits
    memory_bytes: int
    decoder: str


def main(settings_json: str) -> None:
    """Serve until the parent closes the socket."""
    settings = msgspec.json.decode(settings_json, type=ChildSettings)
    die_with_parent(settings.parent)
    warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
    decode = import_object(settings.decoder)(settings.spec, settings.limits, len(settings.buffers))
    buffers = [SharedBuffer(fd, settings.spec.size, SLOT_BYTES) for fd in settings.buffers]
    limit_memory(settings.memory_bytes)  # after the device is open: CUDA maps more than any limit allows
    silence_output()
    with socket.socket(fileno=settings.socket) as parent:
        parent.sendall(bytes([READY]))
        while slots := parent.recv(len(buffers)):
            squares = zip(slots, decode([buffers[slot].picture() for slot in slots]), strict=True)
            parent.sendall(bytes(_answer(slot, buffers[slot], pixels) for slot, pixels in squares))


def _answer(slot: int, buffer: SharedBuffer, pixels: NDArray[np.uint8] | None) -> int:
    if pixels is None:
        return slot | NOT_TAKEN
    buffer.put_pixels(pixels)
    return slot


if __name__ == "__main__":
    main(sys.argv[1])
