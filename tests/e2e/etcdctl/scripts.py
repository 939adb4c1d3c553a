# SPDX-License-Identifier: Apache-2.0
"""What is typed: for each script, commands that set the stage and commands whose output is compared.

``{revision}`` in an argument is the store's revision at the script's start, the same on both servers. ``{learner}`` is
the id of the member that is a learner, in hex, ``{peer}`` the URL of the one that is none, and ``{file}`` a path of the
server's own. A line that begins with POST is sent to the JSON gateway instead, for what etcdctl cannot ask.
"""

from __future__ import annotations

from tricord.base.message import message

FORMATS = ("simple", "json", "fields", "table")


@message
class Typed:
    """One command line after `etcdctl`, and what is piped into it."""

    line: str
    stdin: str = ""


@message
class Script:
    """A story: all of its commands run in order on each server, each printed in the format at hand."""

    name: str
    commands: list[Typed]
    etcd: str = "any"  # "3.6": the answer has fields that an older server lacks
    formats: tuple[str, ...] = FORMATS
    ordered: bool = True  # False: members come in the order of their ids, which are drawn at random


def _typed(*lines: str) -> list[Typed]:
    return [Typed(line) for line in lines]


STAGE = _typed("put app/a one", "put app/b two", "put app/c three", "put app/b four", "put other five", "del app/c")

SCRIPTS = [
    Script(
        "put",
        [
            *_typed(
                "put color red",
                "put color green --prev-kv",
                "put color --ignore-value",
                "put color --ignore-value --prev-kv",
                "put color blue --ignore-lease",
                "put absent --ignore-value",
                "put absent value --ignore-lease",
                "put color red --lease=7abc",
                "put -- -dash -value",
                "put empty -- ''",
                "put '' value",
                "put",
            ),
            Typed("put piped", stdin="from standard input"),
            *_typed("get '' --prefix"),
        ],
    ),
    Script(
        "get",
        [
            *STAGE,
            *_typed(
                "get app/a",
                "get absent",
                "get app/ --prefix",
                "get app/a app/c",
                "get app/b --from-key",
                "get '' --from-key",
                "get '' --prefix",
                "get app/ --prefix --limit=1",
                "get '' --prefix --limit=2 --order=DESCEND",
                "get '' --prefix --keys-only",
                "get '' --prefix --count-only",
                "get '' --prefix --print-value-only",
                "get app/a --hex",
                "get app/a --consistency=s",
                "get app/a --consistency=l",
                "get app/a --consistency=x",
                "get app/ --prefix --from-key",
                "get z a",
                "get",
            ),
        ],
    ),
    Script(
        "get_sorted",
        [
            *STAGE,
            *_typed(
                *(
                    f"get '' --prefix --sort-by={target} --order={order}"
                    for target in ("CREATE", "KEY", "MODIFY", "VALUE", "VERSION")
                    for order in ("ASCEND", "DESCEND")
                ),
                "get '' --prefix --sort-by=VALUE",
                "get '' --prefix --order=DESCEND",
                "get '' --prefix --sort-by=COLOR",
                "get '' --prefix --order=SIDEWAYS",
            ),
        ],
    ),
    Script(
        "get_at_revision",
        [
            *STAGE,
            *_typed(
                "get '' --prefix --rev={revision+1}",
                "get '' --prefix --rev={revision+3}",
                "get app/b --rev={revision+3}",
                "get app/b --rev={revision+4}",
                "get app/c --rev={revision+5}",
                "get app/c --rev={revision+6}",
                "get app/a --rev={revision+7}",
                "get app/a --rev=999999999",
                "get app/a --rev=-1",
            ),
        ],
    ),
    Script(
        "del",
        [
            *STAGE,
            *_typed(
                "del absent",
                "del app/a",
                "del app/b --prev-kv",
                "put app/a again",
                "get app/a",
                "put app/b again",
                "put app/d again",
                "del app/a app/c --prev-kv",
                "put app/b again",
                "del app/ --prefix --prev-kv",
                "put x 1",
                "put y 2",
                "del y --from-key",
                "del '' --from-key",
                "del ''",
                "get '' --prefix",
                "del",
            ),
        ],
    ),
    Script(
        "txn",
        [
            *STAGE,
            Typed("txn", stdin='value("app/a") = "one"\n\nput app/a uno\nget app/a\n\nput app/a never\n\n'),
            Typed("txn", stdin='value("app/a") = "one"\n\nput app/a never\n\nput app/z else\nget app/ --prefix\n\n'),
            Typed("txn", stdin='version("app/b") > "1"\nmod("app/b") < "999999"\n\ndel app/b --prev-kv\n\n\n'),
            Typed("txn", stdin='create("absent") = "0"\nversion("absent") = "0"\n\nput absent here --prev-kv\n\n\n'),
            Typed("txn", stdin='value("nothing") != "x"\n\nget absent\n\nget other\n\n'),
            Typed("txn", stdin="\nput same 1\nput same 2\n\n\n"),
            Typed("txn", stdin="\nput app/q 1\ndel app/ --prefix\n\n\n"),
            Typed("txn", stdin="\nget app/a\nget app/ --prefix --count-only\n\n\n"),
            Typed("txn", stdin='\nput "two words" "a \\"quoted\\" value"\nget "two words"\n\n\n'),
            Typed("txn", stdin="\nget app/a --rev=999999999\n\n\n"),
            Typed("txn", stdin="\n\n\n\n"),
            Typed("txn", stdin='nonsense("app/a") = "one"\n\n\n\n'),
            *_typed("get '' --prefix"),
        ],
    ),
    Script(
        "compaction",
        [
            *STAGE,
            *_typed(
                "compaction {revision+3}",
                "get app/a --rev={revision+2}",
                "get '' --prefix --rev={revision+3}",
                "get '' --prefix --rev={revision+4}",
                "compaction {revision+3}",
                "compaction {revision+1}",
                "compaction 999999999",
                "compaction {revision+5} --physical",
                "get '' --prefix --rev={revision+4}",
                "get '' --prefix --rev={revision+5}",
                "get '' --prefix",
                "compaction abc",
                "compaction",
            ),
        ],
    ),
    Script(
        "cluster",
        _typed(
            "endpoint health",
            "endpoint health --cluster",
            "endpoint status",
            "endpoint status --cluster",
            "member list",
            "alarm list",
        ),
        etcd="3.6",
    ),
    Script(
        "lease",
        _typed(  # listed before there is one of no seconds, which lives for two: it may be gone on one side alone
            'POST /v3/lease/grant {"ID": 31420, "TTL": 600}',
            'POST /v3/lease/grant {"ID": 31422, "TTL": 900}',
            "lease list",
            "lease grant 60",
            "lease grant 0",
            "lease grant 9000000001",
            "lease grant soon",
            "put app/b leased --lease=7abc",
            "put app/a leased --lease=7abc",
            "put app/c leased --lease=7abd",
            "put app/b again --ignore-lease",
            "get app/b",
            "lease timetolive 7abc",
            "lease timetolive 7abd",
            "lease timetolive xyz",
            "lease keep-alive 7abc --once",
            "lease keep-alive 7abd --once",
            "del app/b",
            "lease timetolive 7abc --keys",
            "lease revoke 7abc",
            "lease revoke 7abc",
            "lease timetolive 7abc --keys",
            "get '' --prefix",
            "lease revoke",
        ),
        formats=("simple", "json"),
    ),
    Script(
        "learner",
        _typed(  # ports of its own each time: etcd makes an id of the URL and the second, and none comes back
            "member add n2 --peer-urls=http://127.0.0.1:{revision+0} --learner",
            "member add n3 --peer-urls={peer} --learner",
            "member add n3 --peer-urls=http://127.0.0.1:{revision+1} --learner",
            "member add n3 --peer-urls=nowhere --learner",
            "member list",
            "member update {learner} --peer-urls=http://127.0.0.1:{revision+1}",
            "member update 5 --peer-urls=http://127.0.0.1:{revision+1}",
            "member list",
            "member promote {learner}",
            "member promote 5",
            "member promote xyz",
            "move-leader {learner}",
            "move-leader 5",
            "member remove {learner}",
            "member remove 5",
            "member list",
            "member add",
        ),
        formats=("simple", "json"),
        ordered=False,
    ),
    Script(
        "alarm",
        [
            *STAGE,
            *_typed(
                "alarm list",
                'POST /v3/maintenance/alarm {"action": "ACTIVATE", "alarm": "NOSPACE"}',
                "alarm list",
                "put app/q refused",
                "endpoint health",
                "get app/a",
                "del app/a",
                "alarm disarm",
                "alarm list",
                "put app/q accepted",
                "endpoint health",
            ),
        ],
        formats=("simple", "json"),
        etcd="3.6",
    ),
    Script(
        "upkeep",
        [
            *STAGE,
            *_typed(
                "endpoint hashkv",
                "endpoint hashkv --cluster",
                "endpoint hashkv --rev={revision+3}",
                "endpoint hashkv --rev=999999999",
                "defrag",
                "defrag --cluster",
                "snapshot save {file}",
                "snapshot save",
                "get '' --prefix",
            ),
        ],
        etcd="3.6",
        formats=("simple", "json"),
    ),
    Script("words", _typed("version", "help", "put --help", "watch --help", "nonsense"), formats=("simple",)),
    Script(
        "downgrade",
        _typed("downgrade validate 3.5", "downgrade validate 3.4", "downgrade validate x", "downgrade cancel"),
        formats=("simple",),
        etcd="3.6",
    ),
]
