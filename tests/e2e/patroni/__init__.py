# SPDX-License-Identifier: Apache-2.0
"""Patroni with PostgreSQL: who leads is decided by what is in the store, tricord or a real etcd."""
