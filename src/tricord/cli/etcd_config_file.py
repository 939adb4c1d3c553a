# SPDX-License-Identifier: Apache-2.0
"""etcd's configuration file: YAML with the flags' names as keys, and sections for TLS and sockets.

Types are those of etcd's: numbers are numbers, durations are nanoseconds, lists are lists. Keys are compared without
regard to case, and keys that mean nothing are passed over.
"""

from __future__ import annotations

import json
from typing import Any

from tricord.cli import etcd_values as values
from tricord.cli.etcd_arguments import Given, NotVerified, defaults
from tricord.cli.etcd_flags import EXPERIMENTAL, FLAGS, Flag, find

CLIENT_SECTION = "client-transport-security"
PEER_SECTION = "peer-transport-security"
SOCKET_SECTION = "socket-options"
DISCOVERY_SECTION = "discovery-config"

SECURITY = ("cert-file", "key-file", "client-cert-file", "client-key-file", "client-cert-auth", "trusted-ca-file")
LISTS = {"allowed-cn": "cert-allowed-cn", "allowed-hostname": "cert-allowed-hostname"}

# Lists in the file, texts with commas on the command line; all other lists are texts in the file too.
LISTED = ("cipher-suites", "log-outputs")

# On the command line alone: etcd's file may have it, as its own sample does, and nothing comes of it.
NOT_IN_FILES = (*SECURITY, "discovery-fallback")

GO_KINDS: dict[Any, str] = {
    values.boolean: "bool",
    values.uint64: "uint",
    values.uint32: "uint32",
    values.int64: "int64",
    values.duration: "time.Duration",
}


class BrokenUrls(NotVerified):
    """URLs that cannot be read: etcd says so on stderr, without its log, and exits with 1."""

    code = "etcd_file_urls"
    summary = "URLs in the configuration file cannot be read"


def read_config_file(path: str) -> Given:
    """What the file says; everything else is a default. Raises NotVerified, with etcd's words where there are any."""
    import yaml  # here, since most members have no such file

    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise NotVerified(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotVerified(f"error converting YAML to JSON: yaml: {' '.join(str(error).split())}") from None
    if said is None:
        said = {}
    if not isinstance(said, dict):
        raise _wrong(said, "", "embed.configYAML")
    given = defaults()
    given.config_file = path
    for key, value in said.items():
        _take(given, str(key).lower(), value)
    return given


def _take(given: Given, key: str, value: Any) -> None:
    if value is None:
        return
    if key in (CLIENT_SECTION, PEER_SECTION):
        _take_security(given, key, value)
    elif key == SOCKET_SECTION:
        for name, on in _section(key, value).items():
            if name in ("reuse-port", "reuse-address"):
                _put(given, f"socket-{name}", on)
    elif key == DISCOVERY_SECTION:
        for name, text in _section(key, value).items():
            flag = FLAGS.get(f"discovery-{name}")
            if flag is not None and flag.refused and text:
                given.put(flag.name, flag, text)
    elif key not in NOT_IN_FILES:  # those of SECURITY are in their sections
        _put(given, key, value)


def _take_security(given: Given, key: str, value: Any) -> None:
    prefix = "peer-" if key == PEER_SECTION else ""
    for name, said in _section(key, value).items():
        if name in SECURITY or name == "auto-tls":
            _put(given, prefix + name, said)
        elif name in LISTS:
            flag = FLAGS.get((prefix or "client-") + LISTS[name])
            if flag is not None:
                given.put(flag.name, flag, tuple(_texts(name, said)))
        elif name == "skip-client-san-verification" and prefix:
            _put(given, "peer-skip-client-san-verification", said)


def _section(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, key, "embed.securityConfig")
    return {str(name).lower(): said for name, said in value.items() if said is not None}


def _put(given: Given, key: str, value: Any) -> None:
    flag = find(key)
    if flag is None:
        return
    given.put(key if key.removeprefix(EXPERIMENTAL) == flag.name else flag.name, flag, _value(flag, key, value))


def _value(flag: Flag, key: str, value: Any) -> Any:
    if flag.name in LISTED:
        return tuple(_texts(key, value))
    kind = GO_KINDS.get(flag.parse, "string")
    if kind == "bool":
        if isinstance(value, bool):
            return value
    elif kind == "string":
        if isinstance(value, str):
            return _text(flag, key, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        if kind == "time.Duration":
            return value / 1e9
        try:
            return flag.parse(str(value))
        except ValueError:
            pass
    raise _wrong(value, key, kind)


def _text(flag: Flag, key: str, value: str) -> Any:
    try:
        return flag.parse(value)
    except ValueError as error:
        if flag.parse is values.urls:
            raise BrokenUrls(f"unexpected error setting up {key}: {error}") from None
        if key == "initial-cluster-state":
            raise NotVerified(f"unexpected clusterState {json.dumps(value)}") from None
        raise NotVerified(str(error)) from None


def _texts(key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(value, key, "[]string")
    return value


def _wrong(value: Any, key: str, kind: str) -> NotVerified:
    if isinstance(value, bool):
        what = "bool"
    elif isinstance(value, int | float):
        what = "number" if kind == "string" else f"number {value}"
    else:
        what = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "string"
    where = f"Go struct field configYAML.Config.{key}" if key else "Go value"
    return NotVerified(
        f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {what} into {where} of type {kind}"
    )
