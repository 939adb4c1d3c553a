# SPDX-License-Identifier: Apache-2.0
"""What a member keeps: the log (WAL), the ordered backend behind an overlay, and its identity.

Import from the modules: ``member_storage`` opens a data directory whole; ``wal``, ``lmdb_backend`` and ``overlay``
are its parts; ``memory_disk`` and ``memory_backend`` are twins that run in memory and can lose what was not synced.
"""
