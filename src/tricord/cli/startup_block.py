# SPDX-License-Identifier: Apache-2.0
"""What a person reads when a member is up: which endpoints speak what, and three lines to try."""

from __future__ import annotations

from tricord.server.address import Address
from tricord.server.configuration import Configuration


def startup_block(configuration: Configuration, listening: Address, advertised: Address) -> str:
    """The block, without a closing newline. ``listening`` and ``advertised`` have the port that was bound."""
    scheme = "https" if configuration.tls else "http"
    url = f"{scheme}://{advertised}"
    etcdctl = f"etcdctl --endpoints={url}" if configuration.tls or advertised.port != 2379 else "etcdctl"
    tricord = "tricord" if etcdctl == "etcdctl" else f"tricord --endpoints {url}"
    trust = " --cacert CA.pem" if configuration.tls else ""
    how = "TLS" if configuration.tls else "plain text"
    return f"""\
tricord member {configuration.name!r} serves on {listening} ({how}), data in {configuration.data_dir}
  gRPC, as etcd v3       {advertised}
  JSON, as etcd's        {url}/v3/kv/range, put, deleterange, txn, compaction
  health                 {url}/health, /livez, /readyz
  version, metrics       {url}/version, /metrics
try
  {etcdctl}{trust} put greeting hello
  {tricord}{trust} get greeting
  curl{trust} {url}/health
stop with Ctrl-C"""
