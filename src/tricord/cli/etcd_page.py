# SPDX-License-Identifier: Apache-2.0
"""The page about ``tricord etcd``: every flag, and what of etcd is otherwise."""

from __future__ import annotations

from tricord.cli.etcd_flags import FLAGS, Flag

INTRODUCTION = """\
# In etcd's place: `tricord etcd`

<!-- Made by `make docs` from the code; do not edit. -->

`tricord etcd` runs a member as `etcd` would be run: with etcd's flags, variables and configuration file, where they
say, with log lines and exit codes as tools expect them. `tricord serve` is the same member with tricord's own
settings.

```
tricord etcd --name n1 --data-dir n1.etcd \\
  --listen-client-urls http://10.0.0.1:2379 --advertise-client-urls http://10.0.0.1:2379 \\
  --listen-peer-urls http://10.0.0.1:2380 --initial-advertise-peer-urls http://10.0.0.1:2380 \\
  --initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380
```

Tools that start a program called `etcd` get a file of two lines by that name on their path:

```
#!/bin/sh
exec tricord etcd "$@"
```

## How flags are read

- `--flag=value`, `--flag value`, and both with one hyphen. A flag without a value is true; `--flag false` is not
  its opposite, `--flag=false` is. Of a flag that is given twice the last counts.
- Each flag has a variable: `ETCD_DATA_DIR` for `--data-dir`. Both at once is an error; a variable that no flag has
  is a warning.
- `--config-file FILE` (`ETCD_CONFIG_FILE`) is YAML with the flags' names as keys, and `client-transport-security`
  and `peer-transport-security` for TLS. With it all other flags and variables are ignored. Numbers are numbers
  there, durations nanoseconds, lists lists.
- `--experimental-NAME` is read as `--NAME`. Both at once is an error.
- What is no flag, or cannot be read, is refused by name, on stderr above the usage: exit code 2. Flags that do
  not fit together: `failed to verify flags` in the log, exit code 1.

## What is as with etcd

- It listens where the URLs say, TLS where they say `https`, and warns with one line of plain text that other
  machines reach.
- Peers on plain URLs need no secret, and those with TLS a certificate only where `--peer-trusted-ca-file` or
  `--peer-client-cert-auth` is given.
- Certificates that are replaced on disk are used for connections that begin after that.
- The log says `ready to serve client requests`. Each line is a JSON object with `level`, `ts` and `msg`. systemd is
  told when the member serves (`Type=notify`): when there is a leader, and the cluster knows the member's addresses.
- SIGTERM and SIGINT stop it, after calls under way have had five seconds; it ends by that signal, as etcd does.
- `--version` prints the version of etcd that it presents itself as.
- A member that joins (`--initial-cluster-state existing`) and that nobody knows exits with 1.

## What is otherwise

- Before it is ready it takes connections too, and answers what needs no leader; `/health` and `/readyz` say 503. An
  etcd lets clients wait.
- A data directory of etcd is refused: tricord does not read it. Keys come over by a client, for example `etcdctl
  make-mirror`.
- In the data directory tricord's files stand where etcd has `member/`; certificates are in `fixtures/`, as etcd's.
- All members' peer URLs have the same scheme.
- `--snapshot-count` and `--snapshot-catchup-entries` together say how much of the log is kept for members that lag.
  A file of the log goes as a whole.
- `--force-new-cluster` keeps all that the log holds, committed or not, and the ids; the members that are given up
  are refused from then on, and come back with empty directories.

## Flags
"""


def etcd_page() -> str:
    """The whole page."""
    effective = [flag for flag in FLAGS.values() if flag.effect]
    ignored = [flag for flag in FLAGS.values() if flag.ignored]
    refused = [flag for flag in FLAGS.values() if flag.refused]
    return "".join(
        (
            INTRODUCTION,
            "\nThese do what they do in etcd:\n\n",
            _table("what it does", [(flag, flag.effect) for flag in effective]),
            "\nThese are read and have no effect; a line of the log says so:\n\n",
            _table("why", [(flag, flag.ignored) for flag in ignored]),
            "\nThese are refused by name, unless they say the default, since passing over them would do harm:\n\n",
            _table("why", [(flag, flag.refused) for flag in refused]),
        )
    )


def _table(column: str, rows: list[tuple[Flag, str]]) -> str:
    lines = ["| flag | default | " + column + " |", "| --- | --- | --- |"]
    for flag, text in rows:
        default = f"`{flag.default}`" if flag.default else "empty"
        lines.append(f"| `--{flag.name}` | {default} | {text} |")
    return "\n".join(lines) + "\n"
