# SPDX-License-Identifier: Apache-2.0
"""TLS contexts: TLS 1.2 at least, ALPN for HTTP/2 and HTTP/1.1."""

from __future__ import annotations

import ssl

from tricord.base.message import message

ALPN_SERVER = ["h2", "http/1.1"]
ALPN_CLIENT = ["h2"]


# RFC 9113, section 9.2.2: what HTTP/2 forbids of TLS 1.2 is everything but ephemeral keys with AEAD.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@message
class TlsBounds:
    """Which versions and which cipher suites of TLS 1.2 (in OpenSSL's words) are spoken."""

    low: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    high: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    ciphers: str = CIPHERS

    def bind(self, context: ssl.SSLContext) -> None:
        """Put them in force. Raises ssl.SSLError for suites that OpenSSL does not have."""
        context.minimum_version = self.low
        context.maximum_version = self.high
        context.set_ciphers(self.ciphers)


def server_context(
    certificate: str, key: str, client_authority: str | None = None, *, bounds: TlsBounds | None = None
) -> ssl.SSLContext:
    """For a listener. Paths of PEM files; with ``client_authority`` clients must show a certificate signed by it.

    Raises OSError, ssl.SSLError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (bounds or TlsBounds()).bind(context)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(ALPN_SERVER)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    authority: str | None = None, certificate: str | None = None, key: str | None = None, *, verify: bool = True
) -> ssl.SSLContext:
    """For a dialer. ``authority`` is a PEM file of trusted certificates; None: the system's.

    Raises OSError, ssl.SSLError.
    """
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(ALPN_CLIENT)
    return context


def peer_context(authority: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """For dialling other members: no ALPN, their protocol is told by its preface.

    The listener's half is ``server_context`` with the members' authority. Raises OSError, ssl.SSLError.
    """
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
