"""A vocabulary of single characters."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DataError


class Characters:
    """Characters as tokens 0, 1, 2 ... in sorted order, and one more token, `bos`, for both ends.

    >>> letters = Characters("abc")
    >>> letters.encode("cab"), letters.bos, len(letters)
    ([2, 0, 1], 3, 4)
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = "".join(sorted(set(characters)))
        self.bos = len(self.characters)
        self._ids = {char: i for i, char in enumerate(self.characters)}

    @classmethod
    def of(cls, documents: Iterable[str]) -> Characters:
        """The vocabulary of all characters that occur in the documents."""
        return cls(set().union(*documents))

    def __len__(self) -> int:
        return len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """Token of each character.  DataError names a character that is not in the vocabulary."""
        try:
            return [self._ids[char] for char in text]
        except KeyError as error:
            raise DataError(
                f"the character {error.args[0]!r} is not in the vocabulary {self.characters!r}"
            ) from None

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of the tokens; `bos` is not text and is left out."""
        return "".join(self.characters[token] for token in tokens if token != self.bos)
