# SPDX-License-Identifier: Apache-2.0
"""The command line's entry: which commands there are. Each is in a module of its own."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tricord import __version__
from tricord.cli.check import add_check
from tricord.cli.cluster import COMMANDS as cluster_commands
from tricord.cli.compact import compact
from tricord.cli.config_show import show
from tricord.cli.connection import connection_parameters, taken, with_connection
from tricord.cli.delete import delete
from tricord.cli.demo import consistency
from tricord.cli.elect import elect
from tricord.cli.etcd_entry import add_etcd
from tricord.cli.exit_codes import ExitCode, reports_errors
from tricord.cli.get import get
from tricord.cli.keyspace import keyspace_create, keyspace_describe, keyspace_drop, keyspace_list, keyspace_retire
from tricord.cli.lease import grant, keep_alive, list_leases, revoke, ttl
from tricord.cli.lock import lock
from tricord.cli.member_changes import member_add, member_promote, member_remove, member_update
from tricord.cli.member_list import member_list
from tricord.cli.member_replace import member_replace
from tricord.cli.move_leader import move_leader
from tricord.cli.put import put
from tricord.cli.serve import serve
from tricord.cli.setting_options import with_setting_options
from tricord.cli.sim import COMMANDS as sim_commands
from tricord.cli.snapshot_save import snapshot_save
from tricord.cli.status import status
from tricord.cli.txn import txn
from tricord.cli.usage import ThreeForUsage
from tricord.cli.watch import watch

Command = Callable[..., Any]

# Plain help: rich would cost more than all the rest of the start.
app = typer.Typer(
    name="tricord",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
cluster = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Run a cluster on this machine, and break it.")
lease = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Grant leases, renew and end them.")
keyspace = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make keyspaces, list and drop them.")
demo = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See what the models of keyspaces promise.")
config = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the settings of a member.")
snapshot = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Save backups.")
sim = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Break clusters in simulated time, and search.")
member = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See who the members are, and change it.")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tricord {__version__}")
        raise typer.Exit


def tricord(context: typer.Context, version: bool = False, **connection: str | None) -> None:
    """One store, three consistencies: a key-value store that etcd's clients talk to.

    \b
    Examples:
      tricord serve                          run a member on 127.0.0.1:2379
      tricord cluster start 3                run a cluster on this machine, to try and to break
      tricord put greeting hello             write a key
      tricord get greeting                   read it
      tricord get --prefix config/ --json    read many, for a program
      tricord del greeting                   delete it
      tricord watch --prefix jobs/           print changes as they happen
      tricord lock backup -- ./backup.sh     run a command while holding a lock
      tricord demo consistency               see what strong, causal and eventual mean
      tricord check run history.jsonl --model linearizable
      tricord txn --if 'version(lock) = 0' --then 'put lock me' --else 'get lock'

    \b
    Exit codes: 0 done, 1 refused or failed, 2 usage or configuration, 3 not found or compare false,
    4 unavailable or deadline, 5 outcome unknown, 6 not or no longer a member, 130 interrupted.
    """
    context.obj = taken(connection)


def _root_signature() -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    show_version = typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    parameters = [
        inspect.Parameter("context", keyword, annotation=typer.Context),
        inspect.Parameter("version", keyword, default=False, annotation=Annotated[bool, show_version]),
        *connection_parameters(),
    ]
    return inspect.Signature(parameters)


tricord.__signature__ = _root_signature()  # type: ignore[attr-defined]
tricord.__annotations__ = {name: each.annotation for name, each in _root_signature().parameters.items()}
app.callback()(tricord)

app.command("serve")(reports_errors(with_setting_options(serve)))
ON_KEYS: dict[str, Command] = {"put": put, "get": get, "del": delete, "txn": txn, "compact": compact, "watch": watch}
ON_LEASES: dict[str, Command] = {
    "grant": grant,
    "revoke": revoke,
    "keep-alive": keep_alive,
    "ttl": ttl,
    "list": list_leases,
}
HOLDING: dict[str, Command] = {"lock": lock, "elect": elect}
ON_MEMBERS: dict[str, Command] = {
    "list": member_list,
    "add": member_add,
    "remove": member_remove,
    "promote": member_promote,
    "update": member_update,
    "replace": member_replace,
}
ON_KEYSPACES: dict[str, Command] = {
    "create": keyspace_create,
    "list": keyspace_list,
    "describe": keyspace_describe,
    "drop": keyspace_drop,
    "retire": keyspace_retire,
}
ON_CLUSTERS: dict[str, Command] = {"status": status, "move-leader": move_leader}
for name, command in (ON_KEYS | HOLDING | ON_CLUSTERS).items():
    app.command(name)(reports_errors(with_connection(command)))
for name, command in ON_MEMBERS.items():
    member.command(name)(reports_errors(with_connection(command)))
app.add_typer(member, name="member")
for name, command in ON_KEYSPACES.items():
    keyspace.command(name)(reports_errors(with_connection(command)))
app.add_typer(keyspace, name="keyspace")
for name, command in ON_LEASES.items():
    lease.command(name)(reports_errors(with_connection(command)))
app.add_typer(lease, name="lease")
snapshot.command("save")(reports_errors(with_connection(snapshot_save)))
app.add_typer(snapshot, name="snapshot")
for name, command in cluster_commands.items():
    cluster.command(name)(reports_errors(command))
app.add_typer(cluster, name="cluster")
for name, command in sim_commands.items():
    sim.command(name, cls=ThreeForUsage)(reports_errors(command))
app.add_typer(sim, name="sim")
add_check(app)
demo.command("consistency")(reports_errors(consistency))
app.add_typer(demo, name="demo")
add_etcd(app)
config.command("show")(reports_errors(with_setting_options(show)))
app.add_typer(config, name="config")


def main() -> int:
    """Run the command line with this process's arguments; the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character shows its number instead of a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="tricord")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
