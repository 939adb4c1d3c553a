# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of ``docs/`` that say what the code says: settings, errors, ports and etcd's flags (``make docs``).

A test holds the committed pages against what this makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from tricord.api.etcd.errors import TABLE
from tricord.base.errors import TricordError
from tricord.cli.etcd_page import etcd_page
from tricord.cli.exit_codes import MEANINGS, exit_code
from tricord.server.configuration import Configuration, meaning
from tricord.server.configuration_sources import FIELDS, flag_name, variable_name

NOTE = "<!-- Made by `make docs` from the code; do not edit. -->\n"


def pages() -> dict[str, str]:
    """File name -> content of each generated page."""
    return {
        "configuration.md": configuration_page(),
        "errors.md": errors_page(),
        "etcd-command.md": etcd_page(),
        "ports.md": ports_page(),
    }


def configuration_page() -> str:
    """Every setting of a member."""
    parts = [
        f"""\
# Settings of a member

{NOTE}
A member reads its settings from three places, and the later wins, always:

1. a TOML file, named by `--config FILE` or `TRICORD_CONFIG`;
2. environment variables;
3. flags of `tricord serve`.

A key or a `TRICORD_*` variable that is not a setting is an error (exit code 2), with a suggestion. Sizes are numbers
of bytes, or texts with a unit: `64MiB` (B, KiB, MiB, GiB, TiB). `tricord config show` takes the same flags as
`tricord serve` and prints each value and where it came from.

```toml
# tricord.toml
data_dir = "/var/lib/tricord"
listen = "127.0.0.1:2379"
quota_bytes = "4GiB"
```

"""
    ]
    rows = []
    for name, field in FIELDS.items():
        about = meaning(field)
        default = "empty" if field.default == "" else f"`{_plain(field.default)}`"
        rows.append(
            (f"`{name}`", f"`{flag_name(name)}`<br>`{variable_name(name)}`", default, about.unit, _says(field.name))
        )
    parts.append(_table(("setting", "flag, variable", "default", "unit", "what it does"), rows))
    parts.append(
        """
Variables that the commands of the client read, and a member ignores: `TRICORD_ENDPOINTS`, `TRICORD_TIMEOUT`,
`TRICORD_CACERT`, `TRICORD_CERT`, `TRICORD_KEY` (and etcdctl's `ETCDCTL_ENDPOINTS`, `ETCDCTL_CACERT`, `ETCDCTL_CERT`,
`ETCDCTL_KEY` where the former are not set). Variables that Kubernetes sets beside a service called `tricord`
(`TRICORD_SERVICE_HOST`, `TRICORD_PORT_...`) are ignored too.
"""
    )
    return "".join(parts)


def _says(name: str) -> str:
    about = meaning(FIELDS[name])
    sentences = [about.effect]
    if about.choices:
        sentences.append("one of " + ", ".join(f"`{choice}`" for choice in about.choices))
    if about.low is not None and about.high is not None:
        sentences.append(f"from {_plain(about.low)} to {_plain(about.high)}")
    if about.relation:
        sentences.append(about.relation)
    return "; ".join(sentences)


def errors_page() -> str:
    """Every error, and what each exit code means."""
    rows = []
    for depth, kind in _tree(TricordError):
        if kind.__module__ != TricordError.__module__:
            continue
        status, text = TABLE.get(kind, (None, None))
        code = "" if status is None else status.name
        rows.append(
            (
                f"{'· ' * depth}`{kind.__name__}`",
                f"`{kind.code}`",
                "yes" if kind.retryable else "no",
                kind.summary,
                kind.hint,
                code + (f"<br>{text}" if text else ""),
                str(int(exit_code(kind))),
            )
        )
    exits = [(str(int(code)), text) for code, text in MEANINGS.items()]
    headers = ("error", "code", "retry", "says", "what to do", "to etcd's clients", "exit")
    return f"""\
# Errors

{NOTE}
Every error of tricord is one type of this tree (`tricord.errors`); `· ` marks what stands below. `code` never
changes. *Retry*: whether the same request may work later, with nothing done so far. Of a write, `OutcomeUnknown` alone
says that it may have happened; every other error says that it did not. *To etcd's clients*: the gRPC status, and the
text where it is not the error's own.

{_table(headers, rows)}
## Exit codes of the command line

{_table(("code", "meaning"), exits)}"""


def _tree(kind: type[TricordError], depth: int = 0) -> Iterator[tuple[int, type[TricordError]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        yield from _tree(child, depth + 1)


def ports_page() -> str:
    """What listens where."""
    listen = Configuration().listen
    rows = [
        ("gRPC", "HTTP/2: prior knowledge, or ALPN `h2` with TLS", "etcd v3's services, `grpc.health.v1`, reflection"),
        (
            "JSON gateway",
            "HTTP/1.1 or HTTP/2, POST",
            "`/v3/kv/range`, `put`, `deleterange`, `txn`, `compaction`; `/v3/watch`; "
            "`/v3/lease/*`, `/v3/lock/*`, `/v3/election/*`, `/v3/cluster/member/*`, `/v3/maintenance/*`; "
            "of a stream each message is a line",
        ),
        ("health", "HTTP/1.1 or HTTP/2, GET", "`/health`, `/livez`, `/readyz`"),
        ("version", "HTTP/1.1 or HTTP/2, GET", "`/version`"),
        ("variables", "HTTP/1.1 or HTTP/2, GET", "`/debug/vars`, as far as a Python process has what etcd tells there"),
        ("metrics", "HTTP/1.1 or HTTP/2, GET", "`/metrics`"),
    ]
    return f"""\
# Ports

{NOTE}
A member listens on one port, `{listen}` by default (`listen`). It tells HTTP/2 from HTTP/1.1, and every path answers
over both. With `cert_file` and `key_file` the port speaks TLS only, otherwise plain text only. On an address that other
machines reach, plain text must be allowed by `insecure`.

{_table(("what", "spoken", "paths"), rows)}
Other members come to the same port, or to the one of `listen_peer`. Where members gossip (`gossip`), they do
so by UDP on that port's number too ([gossip](gossip.md)).

`tricord etcd` listens where etcd's flags say, on as many ports as they name ([in etcd's place](etcd-command.md)).
`advertise` is the address that clients are told to dial (`MemberList`); it need not be the one that is bound.
"""


def _table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(headers), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def main(directory: str = "docs") -> None:
    """Write the pages into ``directory``."""
    for name, text in pages().items():
        with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
