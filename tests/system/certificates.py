"""Certificates made by openssl, and how clients see them."""

import ssl
import subprocess

import pytest


def make_certificate(directory, name):
    """A certificate of its own for 127.0.0.1, in the same files each time."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    # By default openssl makes it a CA's, and a CA's is no server's.
    command += ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", cert]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    return cert, key


def trusting(cert):
    return ssl.create_default_context(cafile=str(cert))


def certificate(server):
    """The certificate that a new connection is shown."""
    return ssl.get_server_certificate((server.host, server.port))
