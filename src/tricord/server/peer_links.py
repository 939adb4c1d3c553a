# SPDX-License-Identifier: Apache-2.0
"""A member's links to its peers, as its settings say: times, certificates, the cluster's secret."""

from __future__ import annotations

import dataclasses
import ssl

from tricord.base.environment import Disk, Environment
from tricord.base.errors import ConfigurationError
from tricord.base.message import message
from tricord.server.configuration import Configuration
from tricord.transport.peer.cuts import Cuts
from tricord.transport.peer.dialling import DialTls
from tricord.transport.peer.hooks import PeerHooks
from tricord.transport.peer.links import PeerLinks
from tricord.transport.peer.settings import PeerSettings
from tricord.transport.renewed import RenewedContext
from tricord.transport.tls import peer_context, server_context
from tricord.transport.tls_reason import reason_of

SECRET_BYTES_MIN = 16


@message
class PeerTls:
    """How a member dials the others, where its settings do not say it; None: in plain text."""

    dialling: DialTls


def open_links(
    environment: Environment,
    configuration: Configuration,
    hooks: PeerHooks,
    cuts: Cuts | None = None,
    *,
    tls: PeerTls | None = None,
) -> PeerLinks:
    """Links that dial nobody yet. Raises ConfigurationError for files that cannot be used."""
    settings = dataclasses.replace(
        PeerSettings(),
        heartbeat=configuration.tick_seconds,
        election_timeout=configuration.election_timeout / 1000,
    )
    return PeerLinks(
        environment,
        hooks,
        settings,
        secret=read_secret(environment.disk, configuration.cluster_secret_file),
        insecure=configuration.insecure,
        tls=tls.dialling if tls is not None else dialling_tls(configuration),
        cuts=cuts,
    )


def listening_tls(configuration: Configuration) -> ssl.SSLContext | None:
    """For the peers' own port; it asks for certificates. None: plain text. Raises ConfigurationError."""
    if not configuration.peer_cert_file:
        return None
    files = _peer_files(configuration)
    try:
        return RenewedContext(lambda: server_context(*files), files).for_listener()
    except (OSError, ssl.SSLError) as error:
        raise _unusable(configuration, error) from error


def dialling_tls(configuration: Configuration) -> DialTls:
    """How to dial peers, as the settings say. Raises ConfigurationError."""
    if not configuration.peer_tls:
        return None
    if not configuration.peer_cert_file:
        # The port that clients use, with the clients' certificate: the secret proves who is there.
        context = peer_context(None, None, None)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    certificate, key, authority = files = _peer_files(configuration)
    try:
        return RenewedContext(lambda: peer_context(authority, certificate, key), files).current
    except (OSError, ssl.SSLError) as error:
        raise _unusable(configuration, error) from error


def _peer_files(configuration: Configuration) -> tuple[str, str, str]:
    return configuration.peer_cert_file, configuration.peer_key_file, configuration.peer_trusted_ca_file


def _unusable(configuration: Configuration, error: OSError) -> ConfigurationError:
    files = f"{configuration.peer_cert_file}, {configuration.peer_key_file} and {configuration.peer_trusted_ca_file}"
    return ConfigurationError(f"cannot use the peers' files {files}: {reason_of(error)}")


def read_secret(disk: Disk, path: str) -> bytes:
    """The cluster's secret; none without a path. Raises ConfigurationError."""
    if not path:
        return b""
    try:
        file = disk.open(path)
        try:
            secret = file.pread(file.size(), 0).strip()
        finally:
            file.close()
    except OSError as error:
        raise ConfigurationError(f"cannot read cluster_secret_file {path}: {error.strerror or error}") from error
    if len(secret) < SECRET_BYTES_MIN:
        raise ConfigurationError(f"the secret in {path} has {len(secret)} bytes: it needs {SECRET_BYTES_MIN} at least")
    return secret
