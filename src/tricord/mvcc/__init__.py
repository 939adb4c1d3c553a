# SPDX-License-Identifier: Apache-2.0
"""Keys with revisions over an ordered store: etcd v3's data model, one keyspace at a time.

``Keyspace`` answers reads and begins write transactions. A transaction decides on a view of its own and gathers its
effects; ``Keyspace.commit`` hands them to the store in one go, so nothing is ever half applied.

A small history played through the tables (keyspace id left out, values in quotes)::

    revision 2: put a "1"      HEAD  a -> (create 2, mod 2, version 1) "1"
                               REVISIONS  2.0 -> PUT a
    revision 3: put a "2"      HEAD  a -> (create 2, mod 3, version 2) "2"
                               HISTORY  a@2 -> (2, 2, 1) "1"
                               REVISIONS  3.0 -> PUT a
    revision 4: delete a       HEAD  nothing
                               HISTORY  a@4 -> tombstone, a@3 -> (2, 3, 2) "2", a@2 -> (2, 2, 1) "1"
                               REVISIONS  4.0 -> DELETE a
    compact 3                  HISTORY  a@4, a@3     (a@2 was superseded at 3)
                               REVISIONS  3.0, 4.0   (a watch may start at 3)
    compact 4                  HISTORY  nothing
"""
