"""The compression codecs of Kafka's protocol, and which of them this installation reads. Pure."""

from collections.abc import Callable
from typing import Final

from aiokafka import codec
from aiokafka.errors import UnsupportedCodecError

_SAMPLE: Final = b"which codecs can be read? " * 40

_CODECS: Final[dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]]] = {
    "gzip": (codec.gzip_encode, codec.gzip_decode),
    "snappy": (codec.snappy_encode, codec.snappy_decode),
    "lz4": (codec.lz4_encode, codec.lz4_decode),
    "zstd": (codec.zstd_encode, codec.zstd_decode),
}


def readable() -> dict[str, bool]:
    """
    By codec, whether a message compressed with it can be read here.

    The producer, or ``compression.type`` of the topic, chooses the codec; the consumer cannot. aiokafka reads all but
    gzip with cramjam, which is not among its dependencies: without it, the first such message ends the process.
    """
    return {name: _reads(*functions) for name, functions in _CODECS.items()}


def _reads(encode: Callable[[bytes], bytes], decode: Callable[[bytes], bytes]) -> bool:
    try:
        return bytes(decode(encode(_SAMPLE))) == _SAMPLE
    except (UnsupportedCodecError, NotImplementedError, ImportError, AttributeError):
        return False
