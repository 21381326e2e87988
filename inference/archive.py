"""Makes a TorchScript archive say only what it is: the same network gives the same bytes, whoever built it."""

import io
import re
import zipfile

# The process's count of compiled classes, which TorchScript puts into the class's module name.
_COUNTER = re.compile(rb"[./]___torch_mangle_\d+")


def canonical(archive: bytes) -> bytes:
    """
    The same module without the traces of the process that saved it.

    Left out: the source positions (paths of that machine) and the identifier derived from them, neither of which is
    needed to load. Renamed: the one class, whose name carries a process-wide counter. Records stay uncompressed, as
    the loader demands, and undated.
    """
    cleaned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(cleaned, "w", zipfile.ZIP_STORED) as target:
        for record in source.infolist():
            if record.filename.endswith((".debug_pkl", "/serialization_id")):
                continue
            content = source.read(record)
            if record.filename.endswith((".py", "/data.pkl")):
                content = _COUNTER.sub(b"", content)
            name = _COUNTER.sub(b"", record.filename.encode()).decode()
            target.writestr(zipfile.ZipInfo(name), content)
    return cleaned.getvalue()
