# SPDX-License-Identifier: Apache-2.0
"""A member's settings: where they come from, which wins, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tricord.base.errors import ConfigurationError
from tricord.server.address import Address
from tricord.server.configuration import Configuration, meaning
from tricord.server.configuration_sources import FIELDS, load


def refusal(environment: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(None, environment or {}, flags)
    return str(caught.value)


def test_without_anything_a_member_listens_on_loopback_and_keeps_its_data_here() -> None:
    loaded = load(None, {}, {})
    assert loaded.configuration.listen_address == Address("127.0.0.1", 2379)
    assert loaded.configuration.data_dir == "./tricord-data"
    assert set(loaded.origins.values()) == {"default"}


def test_file_gives_way_to_environment_and_environment_to_flags(tmp_path: Path) -> None:
    file = tmp_path / "tricord.toml"
    file.write_text('name = "file"\ndata_dir = "file"\nlisten = "127.0.0.1:1"\nquota_bytes = "1GiB"\n')
    environment = {"TRICORD_DATA_DIR": "environment", "TRICORD_LISTEN": "127.0.0.1:2", "PATH": "/bin"}
    loaded = load(str(file), environment, {"listen": "127.0.0.1:3", "name": None})
    configuration, origins = loaded.configuration, loaded.origins
    assert (configuration.name, origins["name"]) == ("file", f"file {file}")
    assert (configuration.data_dir, origins["data_dir"]) == ("environment", "environment TRICORD_DATA_DIR")
    assert (configuration.listen, origins["listen"]) == ("127.0.0.1:3", "flag --listen")
    assert (configuration.quota_bytes, origins["quota_bytes"]) == (1 << 30, f"file {file}")
    assert (configuration.insecure, origins["insecure"]) == (False, "default")


def test_a_flag_wins_even_when_it_says_the_default(tmp_path: Path) -> None:
    file = tmp_path / "tricord.toml"
    file.write_text('listen = "127.0.0.1:1"\n')
    loaded = load(str(file), {}, {"listen": "127.0.0.1:2379"})
    assert (loaded.configuration.listen, loaded.origins["listen"]) == ("127.0.0.1:2379", "flag --listen")


def test_every_setting_can_be_given_in_the_environment() -> None:
    for name, field in FIELDS.items():
        value = str(field.default) if field.default != "" else ""
        loaded = load(None, {f"TRICORD_{name.upper()}": value}, {})
        assert getattr(loaded.configuration, name) == field.default, name


def test_every_setting_says_what_it_does() -> None:
    for field in dataclasses.fields(Configuration):
        assert meaning(field).effect, field.name


def test_an_unknown_key_of_the_file_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "tricord.toml"
    file.write_text('data-dir = "x"\n')
    with pytest.raises(ConfigurationError, match=r"data-dir is not a setting; did you mean data_dir\?"):
        load(str(file), {}, {})


def test_an_unknown_variable_is_refused_with_a_suggestion() -> None:
    assert "TRICORD_DATADIR is not a setting; did you mean TRICORD_DATA_DIR?" in refusal({"TRICORD_DATADIR": "x"})
    assert "`tricord config show` lists all settings" in refusal({"TRICORD_ZZZZZZ": "x"})


def test_variables_of_the_client_and_of_kubernetes_are_no_settings() -> None:
    load(None, {"TRICORD_ENDPOINTS": "a:1", "TRICORD_TIMEOUT": "5", "TRICORD_CONFIG": "x"}, {})
    load(None, {"TRICORD_SERVICE_HOST": "10.0.0.1", "TRICORD_PORT": "tcp://10.0.0.1:2379"}, {})
    load(None, {"TRICORD_SERVICE_PORT_CLIENT": "2379", "TRICORD_PORT_2379_TCP_ADDR": "10.0.0.1"}, {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = 3\n", "name must be text, not 3"),
        ('insecure = "perhaps"\n', "insecure must be true or false"),
        ("insecure = 1\n", "insecure must be true or false"),
        ("quota_bytes = true\n", "quota_bytes must be a size"),
        ("quota_bytes = 1.5\n", "quota_bytes must be a size"),
        ('quota_bytes = "1 GB"\n', "quota_bytes must be a size"),
        ('max_txn_operations = "1KiB"\n', "max_txn_operations must be a number"),
        ("[server]\n", "server is not a setting"),
        ("name = \n", "is not TOML"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_where_it_stands(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "tricord.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(str(file), {}, {})
    assert complaint in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read .*absent.toml: No such file"):
        load(str(tmp_path / "absent.toml"), {}, {})
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load(str(binary), {}, {})


@pytest.mark.parametrize("text", ["64MiB", "64 MiB", "67108864", "65536KiB"])
def test_sizes_can_carry_a_unit(text: str) -> None:
    assert load(None, {"TRICORD_QUOTA_BYTES": text}, {}).configuration.quota_bytes == 64 << 20


def test_numbers_have_bounds() -> None:
    assert "max_txn_operations is 0, but must be from 1 to 100_000 operations" in refusal(max_txn_operations="0")
    assert "drain_seconds" in refusal(drain_seconds="nan")
    assert "log_level is 'loud', but must be one of debug, info, warning, error" in refusal(log_level="loud")
    assert "name is empty" in refusal(name="")


def test_settings_that_do_not_fit_together_are_refused() -> None:
    assert "segment_bytes is 65536, but must be at least four times" in refusal(segment_bytes="64KiB")
    assert "cert_file and key_file go together" in refusal(cert_file="a.pem")


@pytest.mark.parametrize("listen", ["10.0.0.1:2379", "example.org:2379", "[2001:db8::1]:2379"])
def test_an_address_others_reach_needs_tls_or_consent(listen: str) -> None:
    assert "--insecure" in refusal(listen=listen)
    assert load(None, {}, {"listen": listen, "insecure": True}).configuration.insecure
    assert load(None, {}, {"listen": listen, "cert_file": "a", "key_file": "b"}).configuration.tls


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:1", "localhost:1", "[::1]:2379"])
def test_on_loopback_the_consent_is_accepted_and_changes_nothing(listen: str) -> None:
    plain = load(None, {}, {"listen": listen}).configuration
    consented = load(None, {}, {"listen": listen, "insecure": "true"}).configuration
    assert dataclasses.replace(consented, insecure=False) == plain


@pytest.mark.parametrize("wildcard", ["0.0.0.0:2379", "[::]:2379"])
def test_a_wildcard_needs_an_address_to_advertise(wildcard: str) -> None:
    assert "--advertise HOST:PORT" in refusal(listen=wildcard, insecure=True)
    assert "is a wildcard" in refusal(listen=wildcard, insecure=True, advertise="0.0.0.0:1")
    loaded = load(None, {}, {"listen": wildcard, "insecure": True, "advertise": "db1:2379"})
    assert loaded.configuration.advertise_address == Address("db1", 2379)


def test_a_wildcard_without_consent_names_both_ways_out() -> None:
    complaint = refusal(listen="0.0.0.0:2379")
    assert "--insecure" in complaint
    assert "--advertise" in complaint


@pytest.mark.parametrize(
    "text", ["", "2379", ":2379", "host:", "host:x", "host:65536", "::1:2379", "http://host:2379", "a b:1", "host:-1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Address.parse(text)


def test_addresses_print_as_they_are_written() -> None:
    for text in "127.0.0.1:2379", "[::1]:2379", "db1.example:1":
        assert str(Address.parse(text)) == text


def test_gossip_that_others_can_hear_needs_a_secret_or_consent() -> None:
    open_to_all: dict[str, object] = {"listen": "10.0.0.1:2379", "cert_file": "c", "key_file": "k", "gossip": "udp"}
    assert "--cluster-secret-file" in refusal(None, **open_to_all)
    assert load(None, {}, open_to_all | {"cluster_secret_file": "s"}).configuration.gossip == "udp"
    assert load(None, {}, open_to_all | {"insecure": True}).configuration.gossip == "udp"
    assert load(None, {}, {"gossip": "tcp"}).configuration.gossip == "tcp"
    assert "auto, off, udp, tcp" in refusal(gossip="on")
