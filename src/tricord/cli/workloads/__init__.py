# SPDX-License-Identifier: Apache-2.0
"""What ``tricord check record`` does on a cluster, a module for each kind. Loaded when it is asked for."""
