# SPDX-License-Identifier: Apache-2.0
"""Who founds the cluster, as etcd's flags say it: --initial-cluster, or SRV records, or this member alone."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from tricord.base.errors import ConfigurationError
from tricord.cli import etcd_values as values
from tricord.cli.etcd_arguments import Given, quoted
from tricord.cli.etcd_flags import FLAGS

# An address that is never reached: connecting a datagram socket to it only asks the kernel for the way.
SOMEWHERE = ("192.0.2.1", 9)


class NoCluster(ConfigurationError):
    """The list of members cannot be used: etcd logs it as fatal and exits with 1."""

    code = "etcd_cluster"
    summary = "the list of members cannot be used"
    hint = "write --initial-cluster NAME=http://HOST:PORT,... with the URLs of --initial-advertise-peer-urls"


def bootstrap_members(given: Given, name: str) -> tuple[tuple[str, ...], str]:
    """The peer URLs that this member advertises, and the list ``NAME=URL,...``. Raises NoCluster."""
    said = given.values
    advertised: tuple[str, ...] = said["initial-advertise-peer-urls"]
    flag_default = FLAGS["initial-advertise-peer-urls"].default
    if advertised == (flag_default,):
        bound = urlsplit(said["listen-peer-urls"][0])
        host = default_host() if bound.hostname == "0.0.0.0" else ""
        if host:
            advertised = (f"{urlsplit(advertised[0]).scheme}://{host}:{bound.port}",)
    if given.is_set("initial-cluster"):
        return advertised, _normal(said["initial-cluster"])
    # etcd fills in the name that was given, and leaves its default list alone otherwise.
    return advertised, _listed(name, advertised if name != "default" else (flag_default,))


def _listed(name: str, urls: tuple[str, ...]) -> str:
    return ",".join(f"{name}={url}" for url in urls)


def _normal(cluster: str) -> str:
    """Each entry checked as etcd checks it."""
    entries = []
    for part in cluster.split(","):
        if not part.strip():
            continue
        name, _, url = part.strip().partition("=")
        try:
            entries += [f"{name}={one}" for one in values.urls(url) or values.urls(" ")]
        except ValueError as error:
            raise NoCluster(f"error setting up initial cluster: {error}") from None
    return ",".join(entries)


def own_urls(cluster: str, name: str) -> tuple[str, ...]:
    """The URLs of a member in the list, ascending."""
    entries = (entry.partition("=") for entry in cluster.split(",") if entry)
    return tuple(sorted(url for known, _, url in entries if known == name))


def check_advertised(cluster: str, name: str, advertised: tuple[str, ...]) -> None:
    """The list names this member by what it advertises, or by names of the same addresses. Raises NoCluster."""
    listed = own_urls(cluster, name)
    if set(listed) == set(advertised):
        return
    addresses = [sorted(resolved(url) for url in urls) for urls in (advertised, listed)]
    if addresses[0] == addresses[1]:
        return
    missing = [url for url in listed if url not in advertised]
    texts = " != ".join(quoted(",".join(urls)) for urls in (advertised, listed))
    if missing:
        raise NoCluster(
            f"--initial-cluster has {_listed(name, tuple(missing))} but missing from"
            f" --initial-advertise-peer-urls={','.join(advertised)} (resolved urls: {texts})"
        )
    extra = [url for url in advertised if url not in listed]
    raise NoCluster(
        f"--initial-advertise-peer-urls has {','.join(extra)} but missing from"
        f" --initial-cluster={_listed(name, listed)} (resolved urls: {texts})"
    )


def resolved(url: str) -> str:
    """The URL with an address in place of its host's name, where the name is known."""
    parts = urlsplit(url)
    try:
        address = str(socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        address = parts.hostname or ""
    return f"{parts.scheme}://{address}:{parts.port}"


def default_host() -> str:
    """This machine's address on its way out; empty: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(SOMEWHERE)
            return str(asking.getsockname()[0])
        except OSError:
            return ""
