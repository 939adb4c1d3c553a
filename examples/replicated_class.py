# SPDX-License-Identifier: Apache-2.0
"""A class of one's own, replicated by three nodes. They are in one process here, and may as well be in three."""

import socket
from tempfile import TemporaryDirectory

from tricord.raft_node import NodeConfig, Replicated


class Account:
    def __init__(self) -> None:
        self.balance = 0

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    def withdraw(self, amount: int) -> int:
        if amount > self.balance:
            raise ValueError(f"only {self.balance} is there")
        self.balance -= amount
        return self.balance


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


nodes = {name: free_address() for name in ("a", "b", "c")}
with TemporaryDirectory() as folder:
    accounts = {name: Replicated(Account(), NodeConfig(name, nodes), f"{folder}/{name}") for name in nodes}
    with accounts["a"] as a, accounts["b"] as b, accounts["c"] as c:
        print(a.call(Account.deposit, 100))
        print(b.call(Account.withdraw, 30))
        try:
            c.call(Account.withdraw, 500)
        except ValueError as error:
            print(error)
        print(c.read(lambda account: account.balance))
