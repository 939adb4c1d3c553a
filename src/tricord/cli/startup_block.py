# SPDX-License-Identifier: Apache-2.0
"""What a person reads when a member is up: which endpoints speak what, and three lines to try."""

from __future__ import annotations

from tricord.server.address import Address
from tricord.server.configuration import Configuration


def startup_block(configuration: Configuration, listening: Address, advertised: Address) -> str:
    """The block, without a closing newline. ``listening`` and ``advertised`` have the port that was bound."""
    how = "TLS" if configuration.tls else "plain text"
    return "\n".join(
        [
            f"tricord member {configuration.name!r} serves on {listening} ({how}), data in {configuration.data_dir}",
            *(f"  {what:18} {where}" for what, where in endpoints(configuration, advertised).items()),
            "try",
            *(f"  {line}" for line in lines_to_try(configuration, advertised)),
            "stop with Ctrl-C",
        ]
    )


def endpoints(configuration: Configuration, advertised: Address) -> dict[str, str]:
    """What is spoken -> where."""
    url = _url(configuration, advertised)
    return {
        "gRPC, as etcd v3": str(advertised),
        "JSON, as etcd's": f"{url}/v3/kv/range, /v3/kv/put, /v3/watch and so on",
        "keyspaces, values": f"{url}/tricord/v1/ (described by openapi.json there), or gRPC tricord.v1",
        "health": f"{url}/health, /livez, /readyz",
        "version, metrics": f"{url}/version, /metrics",
    }


def lines_to_try(configuration: Configuration, advertised: Address) -> list[str]:
    """Three commands that work as they stand, but for the name of the authority's file with TLS."""
    url = _url(configuration, advertised)
    flags = "" if not configuration.tls and str(advertised) == "127.0.0.1:2379" else f" --endpoints {url}"
    trust = " --cacert CA.pem" if configuration.tls else ""
    return [
        f"etcdctl{flags}{trust} put greeting hello",
        f"tricord{flags}{trust} get greeting",
        f"curl{trust} {url}/health",
    ]


def _url(configuration: Configuration, advertised: Address) -> str:
    return f"{'https' if configuration.tls else 'http'}://{advertised}"
