# SPDX-License-Identifier: Apache-2.0
"""TLS as etcd's flags say it: whether a port speaks it is said by the scheme of its URL."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tricord.cli.etcd_arguments import Given, quoted
from tricord.cli.etcd_certificates import self_signed
from tricord.cli.etcd_plan import NotStarted, Plan
from tricord.transport.gate import Admits, has_common_name, names_one_of
from tricord.transport.renewed import RenewedContext
from tricord.transport.tls import CIPHERS, TlsBounds, peer_context, server_context

_ECDHE = "ECDHE_{}_WITH_{}"
_SUITES = {
    "AES_128_CBC_SHA": "AES128-SHA",
    "AES_128_CBC_SHA256": "AES128-SHA256",
    "AES_256_CBC_SHA": "AES256-SHA",
    "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
}
_STREAM = {"CHACHA20_POLY1305": "CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305"}
_OLD = {"RC4_128_SHA": "RC4-SHA", "3DES_EDE_CBC_SHA": "DES-CBC3-SHA"}

CIPHER_SUITES: dict[str, str] = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    **{f"TLS_RSA_WITH_{name}": suite for name, suite in (_SUITES | _OLD).items()},
    **{
        f"TLS_{_ECDHE.format(key, name)}": f"ECDHE-{key}-{suite}"
        for key in ("RSA", "ECDSA")
        for name, suite in (_SUITES | _STREAM | _OLD).items()
        if (key, name) != ("ECDSA", "3DES_EDE_CBC_SHA")
    },
}
"""Names of Go -> names of OpenSSL; empty: of TLS 1.3, which always has all of them."""


@dataclass(slots=True)
class Security:
    """TLS of one member. None: no https URL is listened on."""

    clients: ssl.SSLContext | None = None
    peers: ssl.SSLContext | None = None
    dialling: RenewedContext | None = None
    """For other members."""
    admits_client: Admits | None = None
    admits_peer: Admits | None = None
    warnings: list[tuple[str, dict[str, object]]] = field(default_factory=list)


def open_security(given: Given, plan: Plan) -> Security:
    """Read the files, make those that are to be made. Raises NotStarted."""
    said = given.values
    bounds = _bounds(said)
    security = Security()
    client_urls = (*plan.client_urls, *plan.http_urls, *plan.metrics_urls)
    certificate, key = _files(said, "", "client", security, client_urls, plan)
    for url in client_urls:
        if url.startswith("https"):
            _must_have(certificate and key, url, metrics=url in plan.metrics_urls)
        elif certificate or key:
            text = "scheme is http or unix while key and cert files are present; ignoring key and cert files"
            security.warnings.append((text, {"client-url": url}))
    if _has_https(client_urls):
        security.clients = _listener(said, "", certificate, key, bounds)
    if said["client-cert-allowed-hostname"]:
        security.admits_client = names_one_of(said["client-cert-allowed-hostname"])
    _secure_peers(said, plan, security, bounds)
    return security


def _secure_peers(said: dict[str, Any], plan: Plan, security: Security, bounds: TlsBounds) -> None:
    certificate, key = _files(said, "peer-", "peer", security, plan.peer_urls, plan)
    for url in plan.peer_urls:
        if url.startswith("https") and not (certificate and key):
            where = url.removeprefix("https://")
            raise NotStarted(f"cannot listen on TLS for {where}: KeyFile and CertFile are not presented")
        if url.startswith("http:") and (certificate or key):
            text = "scheme is HTTP while key and cert files are present; ignoring key and cert files"
            security.warnings.append((text, {"peer-url": url}))
    if _has_https(plan.peer_urls):
        security.peers = _listener(said, "peer-", certificate, key, bounds)
    if said["peer-cert-allowed-cn"]:
        security.admits_peer = has_common_name(said["peer-cert-allowed-cn"])
    elif said["peer-cert-allowed-hostname"]:
        security.admits_peer = names_one_of(said["peer-cert-allowed-hostname"])
    if _has_https((*plan.advertised_peers, *plan.peer_urls)):
        made_here = said["peer-auto-tls"] and not (said["peer-cert-file"] or said["peer-key-file"])
        shown = (said["peer-client-cert-file"] or certificate, said["peer-client-key-file"] or key)
        authority = said["peer-trusted-ca-file"]
        security.dialling = _renewed(
            lambda: _dialling(authority, shown, bounds, verify=not made_here), (authority, *shown)
        )


def _files(
    said: dict[str, Any], prefix: str, kind: str, security: Security, urls: tuple[str, ...], plan: Plan
) -> tuple[str, str]:
    certificate, key = said[f"{prefix}cert-file"], said[f"{prefix}key-file"]
    if not said[f"{prefix}auto-tls"]:
        return certificate, key
    if certificate or key:
        security.warnings.append((f"ignoring {kind} auto TLS since certs given", {}))
        return certificate, key
    try:
        directory = f"{plan.configuration.data_dir}/fixtures/{kind}"
        return self_signed(directory, urls, said["self-signed-cert-validity"])
    except OSError as error:
        raise NotStarted(f"cannot make a certificate in {directory}: {error.strerror or error}") from error


def _must_have(files: str, url: str, *, metrics: bool) -> None:
    if files:
        return
    if metrics:
        raise NotStarted("client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url")
    raise NotStarted(f"TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS scheme")


def _has_https(urls: tuple[str, ...]) -> bool:
    return any(url.startswith("https") for url in urls)


def _listener(said: dict[str, Any], prefix: str, certificate: str, key: str, bounds: TlsBounds) -> ssl.SSLContext:
    paths = (certificate, key, said[f"{prefix}trusted-ca-file"])
    renewed = _renewed(lambda: _listening(said, prefix, certificate, key, bounds), paths)
    return renewed.for_listener()


def _listening(said: dict[str, Any], prefix: str, certificate: str, key: str, bounds: TlsBounds) -> ssl.SSLContext:
    """etcd asks for a certificate as soon as it knows an authority."""
    authority = said[f"{prefix}trusted-ca-file"] or None
    context = server_context(certificate, key, authority, bounds=bounds)
    if said[f"{prefix}client-cert-auth"] and authority is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _dialling(authority: str, shown: tuple[str, str], bounds: TlsBounds, *, verify: bool) -> ssl.SSLContext:
    certificate, key = shown
    context = peer_context(authority or None, certificate or None, key or None)
    bounds.bind(context)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _renewed(make: Callable[[], ssl.SSLContext], paths: tuple[str, ...]) -> RenewedContext:
    try:
        return RenewedContext(make, paths)
    except FileNotFoundError as error:
        named = error.filename or "a certificate, key or authority"
        raise NotStarted(f"open {named}: no such file or directory") from error
    except (OSError, ssl.SSLError, ValueError) as error:
        raise NotStarted(f"cannot use the files of TLS: {getattr(error, 'strerror', '') or error}") from error


def _bounds(said: dict[str, Any]) -> TlsBounds:
    versions = {"TLS1.2": ssl.TLSVersion.TLSv1_2, "TLS1.3": ssl.TLSVersion.TLSv1_3}
    for name in said["cipher-suites"]:
        if name not in CIPHER_SUITES:
            raise NotStarted(f"unexpected TLS cipher suite {quoted(name)}")
    suites = [CIPHER_SUITES[name] for name in said["cipher-suites"] if CIPHER_SUITES[name]]
    return TlsBounds(
        low=versions[said["tls-min-version"] or "TLS1.2"],
        high=versions.get(said["tls-max-version"], ssl.TLSVersion.MAXIMUM_SUPPORTED),
        ciphers=":".join(suites) or CIPHERS,
    )
