# SPDX-License-Identifier: Apache-2.0
"""``tricord serve``: run a member in this process until it is told to stop."""

from __future__ import annotations

from tricord.server.configuration_sources import Loaded


def serve(loaded: Loaded) -> int:
    """Run a member until SIGTERM or SIGINT, which let calls under way finish; a second one ends at once.

    \b
    Settings come from a TOML file, then TRICORD_* environment variables, then flags; the later wins.
    Logs go to stderr: text on a terminal, JSON lines otherwise.

    \b
    Examples:
      tricord serve
      tricord serve --data-dir /var/lib/tricord --listen 127.0.0.1:2379
      tricord serve --config tricord.toml --log-format json
      tricord serve --listen 0.0.0.0:2379 --advertise db1.example:2379 \\
          --cert-file server.pem --key-file server.key
      tricord serve --name n1 --data-dir d1 --listen 127.0.0.1:12379 \\
          --initial-cluster n1=127.0.0.1:12379,n2=127.0.0.1:22379,n3=127.0.0.1:32379
    """
    # Here, since it loads everything that a member needs: `--help` stays fast.
    from tricord.cli.run_member import run

    return run(loaded.configuration)
