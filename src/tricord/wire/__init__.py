# SPDX-License-Identifier: Apache-2.0
"""Wire formats and protocols, all without IO."""
