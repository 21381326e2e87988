"""Every time that a command prints has the same format."""

import re
from pathlib import Path

from streams.runtime import utc

STREAMS = Path(utc.__file__).parent.parent


def test_no_command_formats_a_time_in_another_way() -> None:
    places = [*STREAMS.glob("cli/*.py"), *STREAMS.glob("demo/*.py"), *STREAMS.glob("check/*.py")]
    found = [path.name for path in places if re.search(r"%H:%M|strftime", path.read_text())]
    assert found == []
