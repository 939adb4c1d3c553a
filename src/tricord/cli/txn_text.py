# SPDX-License-Identifier: Apache-2.0
"""The text of transactions: conditions and operations as people type them.

```
condition  = TARGET "(" KEY ")" RELATION OPERAND  |  "exists(" KEY ")"  |  "absent(" KEY ")"
TARGET     = value | version | create | mod | lease
RELATION   = "=" | "!=" | "<" | ">" | "<=" | ">="          (of a value: the first four)
operation  = put KEY VALUE [--lease ID] [--previous]
           | get KEY [END] [--prefix] [--from-key] [--limit N] [--revision N] [--keys-only] [--count-only]
           | del KEY [END] [--prefix] [--from-key] [--previous]
```

Words are split at spaces. 'Single' and "double" quotes keep spaces and parentheses. Outside single quotes a backslash
escapes: ``\\n``, ``\\t``, ``\\r``, ``\\xff`` for a byte, and any other character for itself; what commands print can be
typed back. After a word ``--`` no word is an option.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Operation,
    Put,
    Range,
    Txn,
)
from tricord.cli.arguments import key_range, lease_id
from tricord.cli.usage import WrongUsage

TARGETS = {
    "value": CompareTarget.VALUE,
    "version": CompareTarget.VERSION,
    "create": CompareTarget.CREATE,
    "mod": CompareTarget.MOD,
    "lease": CompareTarget.LEASE,
}
# Relation -> (etcd's relation, what is added to a number so that it means the same).
RELATIONS = {
    "=": (CompareResult.EQUAL, 0),
    "!=": (CompareResult.NOT_EQUAL, 0),
    "<": (CompareResult.LESS, 0),
    ">": (CompareResult.GREATER, 0),
    "<=": (CompareResult.LESS, 1),
    ">=": (CompareResult.GREATER, -1),
}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse_lines(lines: Iterable[str]) -> Txn:
    """A transaction of lines ``if CONDITION``, ``then OPERATION``, ``else OPERATION``; empty lines and # comments.

    Raises WrongUsage, naming the line.
    """
    txn = Txn([], [], [])
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        keyword, _, rest = text.partition(" ")
        try:
            if keyword == "if":
                txn.compares.append(parse_condition(rest))
            elif keyword == "then":
                txn.success.append(parse_operation(rest))
            elif keyword == "else":
                txn.failure.append(parse_operation(rest))
            else:
                raise WrongUsage(f"a line begins with if, then or else, not {keyword!r}")
        except WrongUsage as problem:
            raise WrongUsage(f"line {number}: {problem}") from None
    return txn


def parse_condition(text: str) -> Compare:
    """One condition. Raises WrongUsage."""
    scanner = Scanner(text)
    name = scanner.until("( ")
    scanner.expect("(")
    key = to_bytes(scanner.word(stop=")"))
    scanner.expect(")")
    if name in ("exists", "absent"):
        scanner.expect_end()
        relation = CompareResult.GREATER if name == "exists" else CompareResult.EQUAL
        return Compare(key, CompareTarget.VERSION, relation, 0)
    target = TARGETS.get(name)
    if target is None:
        raise WrongUsage(f"{text!r}: {name!r} is none of {', '.join(TARGETS)}, exists, absent")
    symbol = scanner.run_of("=!<>")
    operand = scanner.word()
    scanner.expect_end()
    if symbol not in RELATIONS:
        raise WrongUsage(f"{text!r}: {symbol!r} is none of {' '.join(RELATIONS)}")
    result, shift = RELATIONS[symbol]
    if target is CompareTarget.VALUE:
        if shift:
            raise WrongUsage(f"{text!r}: values compare by =, !=, < and > only")
        return Compare(key, target, result, to_bytes(operand))
    return Compare(key, target, result, _number(operand, text) + shift)


def parse_operation(text: str) -> Operation:
    """One operation. Raises WrongUsage."""
    kind, *words = Scanner(text).words()
    reader = READERS.get(kind[0])
    if reader is None:
        raise WrongUsage(f"{text!r}: {kind[0]!r} is none of {', '.join(READERS)}")
    return reader(Words(text, words))


class Words:
    """The words after an operation's name: options taken out, the rest in order."""

    def __init__(self, text: str, words: list[tuple[str, bool]]) -> None:
        self._text = text
        self.plain: list[str] = []
        self._options: dict[str, str | None] = {}
        waiting: str | None = None
        options_end = False
        for word, quoted in words:
            if waiting is not None:
                self._options[waiting] = word
                waiting = None
            elif quoted or options_end or not word.startswith("--"):
                self.plain.append(word)
            elif word == "--":
                options_end = True
            else:
                name, equals, value = word[2:].partition("=")
                self._options[name] = value if equals else None
                if name in ("lease", "limit", "revision") and not equals:
                    waiting = name
        if waiting is not None:
            raise WrongUsage(f"{text!r}: --{waiting} needs a value")

    def flag(self, name: str) -> bool:
        """Whether a flag was given."""
        if name not in self._options:
            return False
        if self._options.pop(name) is not None:
            raise WrongUsage(f"{self._text!r}: --{name} takes no value")
        return True

    def option(self, name: str) -> str:
        """The value of an option, or 0."""
        return self._options.pop(name, None) or "0"

    def number(self, name: str) -> int:
        """The value of an option as a number."""
        return _number(self.option(name), self._text)

    def range(self) -> tuple[bytes, bytes]:
        """KEY [END] with --prefix or --from-key."""
        self.check(1, 2)
        end = self.plain[1] if len(self.plain) == 2 else None
        return key_range(self.plain[0], end, self.flag("prefix"), self.flag("from-key"))

    def check(self, least: int, most: int) -> None:
        """There are as many plain words as there must be."""
        if not least <= len(self.plain) <= most:
            wanted = str(least) if least == most else f"{least} or {most}"
            raise WrongUsage(f"{self._text!r}: takes {wanted} words, got {len(self.plain)}; quote what has spaces")

    def done(self) -> None:
        """No option is left over."""
        if self._options:
            raise WrongUsage(f"{self._text!r}: --{next(iter(self._options))} is no option of it")


def _read_put(words: Words) -> Put:
    words.check(2, 2)
    lease, previous = lease_id(words.option("lease")), words.flag("previous")
    words.done()
    key, value = map(to_bytes, words.plain)
    return Put(key, value, lease, previous)


def _read_get(words: Words) -> Range:
    start, end = words.range()
    limit, revision = words.number("limit"), words.number("revision")
    keys_only, count_only = words.flag("keys-only"), words.flag("count-only")
    words.done()
    return Range(start, end, limit, revision, keys_only=keys_only, count_only=count_only)


def _read_delete(words: Words) -> DeleteRange:
    start, end = words.range()
    previous = words.flag("previous")
    words.done()
    return DeleteRange(start, end, previous)


READERS: dict[str, Callable[[Words], Operation]] = {"put": _read_put, "get": _read_get, "del": _read_delete}


class Scanner:
    """Reads words from a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def words(self) -> list[tuple[str, bool]]:
        """All words to the end, each with whether it began with a quote. At least one. Raises WrongUsage."""
        found = []
        while self._skip_spaces():
            quoted = self._text[self._at] in "'\""
            found.append((self.word(), quoted))
        if not found:
            raise WrongUsage("an operation is put, get or del with its key")
        return found

    def word(self, stop: str = "") -> str:
        """The next word, up to a space or a character of ``stop``. Raises WrongUsage when there is none."""
        if not self._skip_spaces():
            raise WrongUsage(f"{self._text!r} ends too early")
        start, parts = self._at, []
        quote = ""
        while self._at < len(self._text):
            character = self._text[self._at]
            if quote:
                if character == quote:
                    quote = ""
                    self._at += 1
                    continue
            elif character.isspace() or character in stop:
                break
            elif character in "'\"":
                quote = character
                self._at += 1
                continue
            parts.append(self._escape() if character == "\\" and quote != "'" else self._take())
        if quote:
            raise WrongUsage(f"{self._text!r}: the quote {quote} is not closed")
        if self._at == start:
            raise WrongUsage(f"{self._text!r}: a word is missing before {self._text[start]!r}")
        return "".join(parts)

    def until(self, stop: str) -> str:
        """The characters up to one of ``stop``."""
        self._skip_spaces()
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in stop:
            self._at += 1
        return self._text[start : self._at]

    def run_of(self, characters: str) -> str:
        """The longest run of ``characters``."""
        self._skip_spaces()
        start = self._at
        while self._at < len(self._text) and self._text[self._at] in characters:
            self._at += 1
        return self._text[start : self._at]

    def expect(self, character: str) -> None:
        """The next character is this one."""
        self._skip_spaces()
        if self._text[self._at : self._at + 1] != character:
            raise WrongUsage(f"{self._text!r} is no condition: write for example 'value(key) = text' or 'absent(key)'")
        self._at += 1

    def expect_end(self) -> None:
        """Nothing is left."""
        if self._skip_spaces():
            raise WrongUsage(f"{self._text!r}: {self._text[self._at :]!r} is too much; quote what has spaces")

    def _skip_spaces(self) -> bool:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at < len(self._text)

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _escape(self) -> str:
        self._at += 1
        if self._at == len(self._text):
            raise WrongUsage(f"{self._text!r} ends with a lone backslash")
        character = self._take()
        if character != "x":
            return ESCAPES.get(character, character)
        digits = self._text[self._at : self._at + 2]
        self._at += 2
        try:
            return os.fsdecode(bytes.fromhex(digits)) if len(digits) == 2 else _not_a_byte(digits)
        except ValueError:
            return _not_a_byte(digits)


def to_bytes(word: str) -> bytes:
    """A word's bytes."""
    return os.fsencode(word)


def _not_a_byte(digits: str) -> str:
    raise WrongUsage(f"\\x{digits} is no byte: write two hexadecimal digits")


def _number(text: str, whole: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise WrongUsage(f"{whole!r}: {text!r} is no number") from None
