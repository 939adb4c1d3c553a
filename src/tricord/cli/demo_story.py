# SPDX-License-Identifier: Apache-2.0
"""What happens in the demo: a wire is cut, then a member is alone, then all is whole again; the same writes each time.

Members have letters here: ``b`` leads, ``a`` and ``c`` follow. The letters are also who speaks to whom in the history.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias

from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.cli.demo_recorded import Recorded
from tricord.cli.demo_screen import BAD, GOOD, ODD, QUIET, Said, Screen

ROUNDS_MAX = 8
PATIENCE_SECONDS = 10.0
REFUSAL_SECONDS = 1.5
"""How long a member that is alone is asked for what it cannot do."""
CUT_SECONDS = 0.5
"""Members look ten times a second who is cut off from whom."""
CONVERGENCE_SECONDS = 6.0
"""What docs/eventual.md promises three members with default settings."""

Cut: TypeAlias = Callable[[Iterable[tuple[str, str]]], None]
"""Cut these pairs off from each other, and no others."""
Step: TypeAlias = Callable[[Recorded], Awaitable[Said]]


class Story:
    """Runs it, and shows it on the way."""

    def __init__(self, models: list[Recorded], cut: Cut, screen: Screen) -> None:
        self._models = models
        self._cut = cut
        self._screen = screen
        self.bound_ns = 0
        """How long after the last write all have to be equal: from then until the network was whole, and the bound."""
        self._last = 0.0

    async def tell(self) -> None:
        """All of it."""
        self._screen.heads()
        await self._in_order()
        await self._alone()
        await self._whole()

    async def _in_order(self) -> None:
        screen = self._screen
        screen.title("1. The wire between a and c is cut; b reaches both. a shows a photo, b sees it and comments.")
        await self._sever([("a", "c")])
        for number in range(1, ROUNDS_MAX + 1):
            photo, comment = f"photo{number}", f"comment{number}"
            await self._each(f"a: put {photo}", partial(_put, member="a", key=photo, value="beach"))
            await self._each(f"b: sees it, puts {comment}", partial(_answer, photo=photo, comment=comment))
            said = await self._each(f"c: sees {comment}. And {photo}?", partial(_look, photo=photo, comment=comment))
            if said["eventual"].tone == ODD:
                return
            screen.line("   (eventual: it was repaired in time, by chance; once more)", QUIET)

    async def _alone(self) -> None:
        self._screen.title("2. c is alone. a and c write the same key.")
        await self._sever([("a", "c"), ("b", "c")])
        await self._each("a: put colour = red", partial(_put, member="a", key="colour", value="red"))
        await self._each(
            "c: put colour = blue", partial(_put, member="c", key="colour", value="blue", seconds=REFUSAL_SECONDS)
        )
        await self._each("a: get colour", partial(_get, member="a", key="colour"))
        await self._each("c: get colour", partial(_get, member="c", key="colour"))
        await self._each("a: add apple to the cart", partial(_add, member="a", element="apple"))
        await self._each("c: add pear to the cart", partial(_add, member="c", element="pear"))
        last = time.monotonic()
        self._screen.title("3. All wires are whole again.")
        self._cut([])
        self.bound_ns = int((time.monotonic() - last + CONVERGENCE_SECONDS) * 1e9)
        self._last = last

    async def _whole(self) -> None:
        await asyncio.sleep(max(0.0, self._last + self.bound_ns / 1e9 - time.monotonic()))
        for member in "abc":
            await self._each(f"{member}: get colour", partial(_get, member=member, key="colour"))
        await self._each("a: all that colour holds", partial(_get_all, member="a", key="colour"))
        await self._each("a: what is in the cart", partial(_cart, member="a"))

    async def _sever(self, pairs: list[tuple[str, str]]) -> None:
        self._cut(pairs)
        await asyncio.sleep(CUT_SECONDS)

    async def _each(self, what: str, step: Step) -> dict[str, Said]:
        """The same in all models at once."""
        said = await asyncio.gather(*(step(on) for on in self._models))
        found = {on.model: one for on, one in zip(self._models, said, strict=True)}
        self._screen.row(what, found)
        return found


async def _put(on: Recorded, member: str, key: str, value: str, seconds: float = PATIENCE_SECONDS) -> Said:
    if await on.put(member, key, value, seconds):
        return Said("done", GOOD)
    return Said("no answer: unknown" if isinstance(on.refused, OutcomeUnknown) else "refused: no majority", BAD)


async def _get(on: Recorded, member: str, key: str) -> Said:
    try:
        return Said(await on.get(member, key, REFUSAL_SECONDS) or "nothing", GOOD)
    except TricordError:
        return Said("refused: no majority", BAD)


async def _get_all(on: Recorded, member: str, key: str) -> Said:
    """With values that were put at the same time, where the model keeps them all."""
    if on.model == "strong":
        return await _get(on, member, key)
    held = await on.clients[member].register(key).get()
    values = [] if held is None else [value.decode() for value in held.siblings]
    return Said(" and ".join(values), GOOD if len(values) == 1 else ODD)


async def _add(on: Recorded, member: str, element: str) -> Said:
    """To a set; a strong keyspace has none, so it is put there."""
    if on.model == "strong":
        return await _put(on, member, "cart", element, REFUSAL_SECONDS)
    await on.clients[member].set("cart").add(element)
    return Said("done", GOOD)


async def _cart(on: Recorded, member: str) -> Said:
    if on.model == "strong":
        return await _get(on, member, "cart")
    return Said(" and ".join(sorted(one.decode() for one in await on.clients[member].set("cart").get())), GOOD)


async def _answer(on: Recorded, photo: str, comment: str) -> Said:
    if not await on.until("b", photo, "beach", PATIENCE_SECONDS):
        return Said("does not see it", BAD)
    return await _put(on, "b", comment, "lovely")


async def _look(on: Recorded, photo: str, comment: str) -> Said:
    if not await on.until("c", comment, "lovely", PATIENCE_SECONDS):
        return Said("does not see it", BAD)
    try:
        found = await on.get("c", photo, PATIENCE_SECONDS)
    except TricordError as error:
        return Said(error.code, BAD)
    return Said("yes", GOOD) if found else Said("no photo yet!", ODD)
