# SPDX-License-Identifier: Apache-2.0
"""Checkers: whether what clients saw is what a consistency model allows.

A history is a list of operations (``history``); each model is a module with one function ``check(history, limits)``
that gives a ``Finding`` (``finding``); ``models`` names them all. Nothing here reads a clock or a file.
"""
