# SPDX-License-Identifier: Apache-2.0
"""What it costs to say Raft's entries to a peer and to understand them: nanoseconds of Python per entry.

    python bench/peer_codec.py [--value 300] [--followers 2]

"encode" is the cost per entry of the log, for all followers together: they share one block of entries. "session" is
what a follower's session takes to cut the frames out of the stream and check them, before they are decoded.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

from tricord.base.log import Entry
from tricord.raft.messages import AppendEntries
from tricord.transport.peer.entry_block import EncodedEntries
from tricord.transport.peer.message_codec import decode_messages, encode_messages
from tricord.transport.peer.outgoing import message_frames
from tricord.wire.peer.frames import FRAME_SIZE_MAX, FrameReader


def _appends(count: int, value_size: int, followers: int) -> list[AppendEntries]:
    entries = [Entry(1001 + place, 7, 0, bytes(value_size)) for place in range(count)]
    return [AppendEntries(1, 2 + follower, 7, 1000, 7, list(entries), 990, 3) for follower in range(followers)]


def _seconds(work: Callable[[], object], repeat: int) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeat):
            work()
        best = min(best, time.perf_counter() - start)
    return best / repeat


def main() -> None:
    parser = argparse.ArgumentParser(description="nanoseconds per entry, encoded and decoded")
    parser.add_argument("--value", type=int, default=300, help="bytes of data per entry")
    parser.add_argument("--followers", type=int, default=2)
    arguments = parser.parse_args()
    print(f"{'entries':>8} {'encode ns/entry':>16} {'session ns/entry':>17} {'decode ns/entry':>16}")
    for count in (1, 10, 100, 500):
        appends = _appends(count, arguments.value, arguments.followers)

        def encode(appends: list[AppendEntries] = appends) -> None:
            shared = EncodedEntries()
            for append in appends:
                message_frames([append], shared)

        body = encode_messages(appends[:1])
        frames = message_frames(appends[:1], EncodedEntries()) or b""
        reader = FrameReader(FRAME_SIZE_MAX)

        def cut(reader: FrameReader = reader, frames: bytes = frames) -> None:
            reader.receive(frames)
            reader.next()

        repeat = 20_000 // count
        encoding = _seconds(encode, repeat) / count * 1e9
        cutting = _seconds(cut, repeat) / count * 1e9
        decoding = _seconds(functools.partial(decode_messages, body), repeat) / count * 1e9
        print(f"{count:>8} {encoding:>16.0f} {cutting:>17.0f} {decoding:>16.0f}")


if __name__ == "__main__":
    main()
