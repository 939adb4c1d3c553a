# SPDX-License-Identifier: Apache-2.0
"""A shopping cart that a laptop and a phone change at two members, each without waiting for the other:
``python shopping_cart.py ENDPOINT ENDPOINT``."""

from __future__ import annotations

import sys

import tricord
from tricord.values import add, put


def main(near_the_laptop: str, near_the_phone: str) -> None:
    """Fill a cart at two members, and settle what both wrote at the same time."""
    with (
        tricord.connect(near_the_laptop) as one,
        tricord.connect(near_the_phone) as two,
        one.keyspace("carts", model="causal") as laptop,
    ):
        cart = laptop.map("alice")
        cart.remove()
        laptop.update([add("alice", 2, field="milk"), put("alice", "Elm Street", field="address")])

        # The token takes along what was seen: the phone waits for that, should its member not have it yet.
        with two.keyspace("carts") as there, there.session(laptop.token) as phone:
            same_cart = phone.map("alice")
            print("the phone sees", same_cart.get())
            phone.update([add("alice", -1, field="milk"), add("alice", 6, field="eggs")])

            # Both correct the address that they see now: neither knows of the other's correction.
            seen_at_home, seen_outside = cart.register("address").get(), same_cart.register("address").get()
            cart.register("address").put("Elm Street 1", seen=seen_at_home)
            same_cart.register("address").put("Oak Street", seen=seen_outside)

            with laptop.session(phone.token) as later:
                address = later.map("alice").register("address")
                found = address.get()
                print("both addresses stand:", sorted(found.siblings) if found else None)
                address.resolve(lambda values: b" / ".join(sorted(values)))
                print("the laptop sees", later.map("alice").get())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
