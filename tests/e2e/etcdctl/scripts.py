# SPDX-License-Identifier: Apache-2.0
"""What is typed: for each script, commands that set the stage and commands whose output is compared.

``{revision}`` in an argument is the store's revision at the script's start, the same on both servers.
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
]
