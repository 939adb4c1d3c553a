# SPDX-License-Identifier: Apache-2.0
"""What went wrong with a connection, TLS or a file for it, in words for people: without OpenSSL's tags."""

from __future__ import annotations

import re

OPENSSL = re.compile(r"^\[[A-Z0-9_: ]+\] | \(_ssl\.c:\d+\)$")


def reason_of(error: OSError) -> str:
    """A few words. An SSLError is an OSError, too; this needs no ``ssl``, whose import takes its time."""
    words = OPENSSL.sub("", error.strerror or str(error)).rstrip(".")
    if words == "PEM lib":
        return "it holds no such certificate or key"
    return words or type(error).__name__
