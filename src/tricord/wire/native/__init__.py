# SPDX-License-Identifier: Apache-2.0
"""The messages of tricord's own door (``proto/tricord``) <-> ``base``."""
