# SPDX-License-Identifier: Apache-2.0
"""--discovery-srv: the members of a new cluster are named by SRV records (RFC 2782).

``_etcd-server-ssl._tcp.DOMAIN`` lists those that speak TLS to each other, ``_etcd-server._tcp.DOMAIN`` those that do
not; --discovery-srv-name puts a suffix behind the service. Records have no names of members, so each is called by its
address until it says its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.cli.etcd_cluster import NoCluster, resolved

if TYPE_CHECKING:
    from dns.resolver import Resolver

SERVICES = (("https", "_etcd-server-ssl"), ("http", "_etcd-server"))


def members_by_srv(
    domain: str, suffix: str, name: str, advertised: tuple[str, ...], resolver: Resolver | None = None
) -> tuple[str, str]:
    """The list ``NAME=URL,...``, and what this member (``name``) is called in it. Asks the system's name servers where
    ``resolver`` is None. Raises NoCluster."""
    from dns.resolver import Resolver  # here, since no other member needs it

    try:
        resolver = resolver or Resolver()
    except OSError as error:
        raise NoCluster(f"error setting up initial cluster: {error}") from None
    ending = f"-{suffix}" if suffix else ""
    urls: list[str] = []
    failures = []
    for scheme, service in SERVICES:
        try:
            urls += _look_up(resolver, scheme, f"{service}{ending}", domain)
        except NoCluster as failure:
            failures.append(str(failure))
    if not urls:
        raise NoCluster("error setting up initial cluster: " + "\n".join(failures))
    own = {resolved(url) for url in advertised}
    mine = [url for url in urls if resolved(url) in own]
    if not mine:
        raise NoCluster(f'error setting up initial cluster: cannot find local etcd member "{name}" in SRV records')
    return ",".join(f"{_place(url)}={url}" for url in urls), _place(mine[0])


def _look_up(resolver: Resolver, scheme: str, service: str, domain: str) -> list[str]:
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN, NoAnswer

    question = f"{service}._tcp.{domain}"
    try:
        answer = resolver.resolve(question, "SRV")
    except (NXDOMAIN, NoAnswer):
        raise NoCluster(f"error querying DNS SRV records for {service} lookup {question}: no such host") from None
    except (DNSException, ValueError) as error:
        raise NoCluster(f"error querying DNS SRV records for {service} lookup {question}: {error}") from None
    found = sorted((record.target.to_text(omit_final_dot=True), record.port) for record in answer)
    return [f"{scheme}://{target}:{port}" for target, port in found]


def _place(url: str) -> str:
    return url.partition("://")[2]
