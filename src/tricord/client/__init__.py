# SPDX-License-Identifier: Apache-2.0
"""The client: typed calls on a store, over gRPC or in this process, async and sync.

A ``Caller`` carries requests; ``AsyncClient`` gives them names and types; ``Client`` runs an ``AsyncClient`` on a loop
thread of its own. Nothing is imported here: ``tricord.connect`` loads what it needs.
"""
