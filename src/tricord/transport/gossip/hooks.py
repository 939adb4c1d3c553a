# SPDX-License-Identifier: Apache-2.0
"""What streams tell, and ask."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.message import message


@message
class StreamHooks:
    """All run on the loop."""

    packet: Callable[[bytes], None]
    """A packet came by a stream."""
    request: Callable[[int, bytes], None]
    """A request came by the stream of this number."""
    admits: Callable[[str], bool]
    """Whether anything is heard from this host."""
    frame_size_max: Callable[[], int]
    """Bytes of the largest envelope that somebody may have to say."""
