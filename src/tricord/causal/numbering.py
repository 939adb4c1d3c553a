# SPDX-License-Identifier: Apache-2.0
"""An edge that got its number: what it wrote without one stands under it from now on.

Nobody else has heard of those writes, so all their names can be changed where they stand. They are then as if written
in earlier incarnations of the number.
"""

from __future__ import annotations

from tricord.base.dots import PROVISIONAL, Dot, Origin
from tricord.base.ordered import OrderedStore, Table, Write
from tricord.causal.log import KEYSPACE_BYTES, MINE, OTHERS, Base, Log
from tricord.causal.operation import decode_operation, make_operation
from tricord.causal.past import Past
from tricord.crdt.cell import dots_of
from tricord.crdt.encoding import decode_cell, decode_delta, encode_cell, encode_delta
from tricord.crdt.renaming import renamed_cell, renamed_delta


def give_number(store: OrderedStore, keyspace: int, replica: int) -> bool:
    """Change the tables of a keyspace before its ``CausalReplica`` is made; one commit has to have all of it. Whether
    there was anything to change. Cost: about 20 us for each key and each row."""
    log = Log(store, keyspace)
    base = log.base()
    first = next(log.rows(), None)
    written = first is not None and decode_operation(first.data).origin.replica == PROVISIONAL
    if not written and not any(origin.replica == PROVISIONAL for origin in base.past.entries):
        return False
    writes: list[Write] = []
    for row in log.rows():
        operation = decode_operation(row.data)
        deltas = [(key, decode_delta(data)) for key, data in operation.writes]
        renamed = make_operation(
            _origin(operation.origin, replica),
            operation.first,
            operation.stamp,
            [(_origin(origin, replica), counter) for origin, counter in operation.needs],
            [(key, encode_delta(renamed_delta(delta, _names(delta.dots, replica)))) for key, delta in deltas],
        )
        data = (MINE if row.mine else OTHERS) + renamed.data
        writes.append((Table.OPERATIONS, log.place_of(row.sequence), data))
    prefix = keyspace.to_bytes(KEYSPACE_BYTES, "big")
    for key, encoded in store.scan(Table.CELLS, prefix, (keyspace + 1).to_bytes(KEYSPACE_BYTES, "big")):
        cell = decode_cell(encoded)
        writes.append((Table.CELLS, key, encode_cell(renamed_cell(cell, _names(dots_of(cell), replica)))))
    writes.append(log.base_write(_numbered_base(base, replica)))
    store.write(writes)
    return True


def _numbered_base(base: Base, replica: int) -> Base:
    owed = frozenset(_origin(origin, replica) for origin in base.owed)
    past, mixed = _numbered_past(base.past, replica), _numbered_past(base.mixed, replica)
    own = None if base.own is None else _numbered_past(base.own, replica)
    return Base(past, base.sequence, base.stamp, base.incarnation, owed, base.fetching, mixed, own, base.anew)


def _numbered_past(past: Past, replica: int) -> Past:
    return Past({_origin(origin, replica): counter for origin, counter in past.entries.items()}, dict(past.closed))


def _origin(origin: Origin, replica: int) -> Origin:
    return Origin(replica, origin.incarnation) if origin.replica == PROVISIONAL else origin


def _names(dots: frozenset[Dot], replica: int) -> dict[Dot, Dot]:
    return {dot: Dot(replica, *dot[1:]) for dot in dots if dot.replica == PROVISIONAL}
