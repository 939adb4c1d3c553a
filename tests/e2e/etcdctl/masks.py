# SPDX-License-Identifier: Apache-2.0
"""What may differ between two stores that behave alike, each with its reason. Nothing else is hidden."""

from __future__ import annotations

import re

from tricord.base.message import message


@message
class Mask:
    """Text that is replaced on both sides before they are compared."""

    reason: str
    pattern: re.Pattern[str]
    replacement: str


def _mask(reason: str, pattern: str, replacement: str) -> Mask:
    return Mask(reason, re.compile(pattern, re.MULTILINE), replacement)


MASKS = [
    _mask("each server listens on a port of its own", r"(http://)?127\.0\.0\.1:\d+", "ENDPOINT"),
    _mask("ids are drawn at random", r'("(?:cluster_id|member_id|leader|ID|id)" ?: ?)[0-9a-f]+', r"\1ID"),
    _mask("ids are drawn at random", r'("(?:ClusterID|MemberID|Leader)" : )[0-9a-f]+', r"\1ID"),
    _mask(
        "ids are drawn at random, zeros in front are not shown; in simple output and tables",
        r"\b[0-9a-f]{11,16}\b",
        "ID",
    ),
    _mask(
        "terms and log indexes count elections and entries that a store makes for itself",
        r'("raft_?(?:[tT]erm|(?:[aA]pplied)?_?[iI]ndex)" ?: ?)\d+',
        r"\1N",
    ),
    _mask(
        "terms and log indexes, as `-w fields` names them",
        r'("(?:RaftTerm|RaftIndex|RaftAppliedIndex)" : )\d+',
        r"\1N",
    ),
    _mask("files on disk have a size of their own", r'("(?:dbSize|DBSize)(?:InUse|Quota)?" ?: ?)\d+', r"\1SIZE"),
    _mask("files on disk have a size of their own; for people", r"\b[\d.]+ [kMG]?B\b", "SIZE"),
    _mask("the share of the file in use follows its size", r"\b\d+%", "SHARE"),
    _mask("each store's hash is of its own format; -w json and fields", r'("(?:hash|Hash)" ?: ?)\d+', r"\1HASH"),
    _mask("each store's hash is of its own format; simple output and tables", r"(ENDPOINT(?:,| +\|) +)\d+", r"\1HASH"),
    _mask("a lease's time goes on", r'("(?:ttl|TTL)" ?: ?)(?:[1-9]\d*)', r"\1TTL"),
    _mask("ids are drawn at random; in decimal", r"memberID:\d+", "memberID:ID"),
    _mask("each server has files of its own", r"/\S+\.snapshot\S*", "FILE"),
    _mask("it took as long as it took", r"\b[\d.]+(?:µs|ms|s)\b", "TIME"),
    _mask("a log line of etcdctl has the time", r'"ts":(?:"[^"]*"|[\d.]+)', '"ts":"TIME"'),
    _mask("it took as long as it took; in a log line", r'"took":[\d.e-]+', '"took":TIME'),
    _mask("a log line of etcdctl has an address in its memory", r'"target":"[^"]*"', '"target":"TARGET"'),
    _mask("an older etcdctl logs the address in its memory as a name", r"endpoint://client-[0-9a-f-]+/", "endpoint://"),
]

TABLE_MASKS = [
    _mask(
        "terms and log indexes in a row of `endpoint status` (simple)",
        r"(, (?:true|false), (?:true|false), )\d+, \d+, \d+,",
        r"\1N, N, N,",
    ),
    _mask(
        "terms and log indexes in a row of `endpoint status` (table)",
        r"(\| +(?:true|false) \| +(?:true|false) \|) +\d+ \| +\d+ \| +\d+ \|",
        r"\1 N | N | N |",
    ),
    _mask("columns are as wide as what was masked", r"-{2,}", "--"),
    _mask("columns are as wide as what was masked", r" {2,}", " "),
]


def masked(text: str) -> str:
    """``text`` with everything replaced that may differ."""
    for mask in (*MASKS, *TABLE_MASKS):
        text = mask.pattern.sub(mask.replacement, text)
    return text
