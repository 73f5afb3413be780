"""Looking for many words at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick, Implementation


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds any of some words in bytes."""

    words: BytesAhoCorasick
    followed: tuple[re.Pattern[bytes], ...]
    """One for each word that counts only before something else: `re` is quick about a pattern that begins with text."""

    @classmethod
    def of(cls, sought: Iterable[tuple[str, str]]) -> Finder:
        """Of words, each with a pattern of what follows it; "" is anything."""
        sought = dict.fromkeys(sought)
        words = [word.encode() for word, following in sought if not following]
        followed = (re.compile((re.escape(word) + following).encode()) for word, following in sought if following)
        return cls(BytesAhoCorasick(words, implementation=Implementation.DFA), tuple(followed))

    def finds(self, hay: bytes) -> bool:
        """Whether one of them is there."""
        return bool(self.words.find_matches_as_indexes(hay)) or any(each.search(hay) for each in self.followed)
