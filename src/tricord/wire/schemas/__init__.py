# SPDX-License-Identifier: Apache-2.0
"""Messages of the wire protocols, one module per file of ``proto/``; an import builds that file's classes only.

They live in a pool of their own. Protobuf refuses two definitions of one message in one pool, and etcd's other Python
clients register theirs in the process-wide one.
"""
