# SPDX-License-Identifier: Apache-2.0
"""Real peers: where `install` put them, and how tests start them."""
