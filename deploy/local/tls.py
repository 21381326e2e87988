"""A certificate for loopback and the private authority that signed it, made by the `openssl` program."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import PartUnavailable

_DAYS = "2"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """PEM files."""

    ca_certificate: Path
    certificate: Path
    key: Path


def self_signed(folder: Path) -> ServerCertificate:
    """
    An authority and a certificate for localhost and 127.0.0.1, valid for two days, made anew by each call.

    The extensions are those that Python's strict verification asks for (on by default from 3.13).

    Raises:
        PartUnavailable: if there is no `openssl`.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise PartUnavailable("openssl is not installed, so no certificate can be made")
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key, key, certificate = (folder / name for name in ("ca.pem", "ca-key.pem", "server-key.pem", "server.pem"))
    new_key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", _DAYS]
    authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    server = [
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"),
        *("-addext", "extendedKeyUsage=serverAuth", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-addext", "authorityKeyIdentifier=keyid"),
    ]
    subject = ["-subj", "/CN=petstream embedded authority"]
    signed = ["-subj", "/CN=localhost", "-CA", str(ca), "-CAkey", str(ca_key)]
    for arguments in (
        [*new_key, *subject, *authority, "-keyout", str(ca_key), "-out", str(ca)],
        [*new_key, *signed, *server, "-keyout", str(key), "-out", str(certificate)],
    ):
        subprocess.run([openssl, *arguments], check=True, capture_output=True, timeout=30)
    return ServerCertificate(ca, certificate, key)
