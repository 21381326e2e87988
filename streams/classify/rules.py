"""What an upload must satisfy, as the settings have it."""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.contracts.user_names import KeyPattern, user_name


@dataclass(frozen=True, slots=True)
class Rules:
    """``max_bytes`` of an object, and how to find out whose it is."""

    max_bytes: int
    key_pattern: KeyPattern
    default_user: str | None

    def owner(self, key: str, metadata: Mapping[str, str]) -> str:
        """Whose the object is; raises NoUserError."""
        return user_name(key, metadata, self.key_pattern, self.default_user)

    def likely_owner(self, key: str) -> str | None:
        """Whose an object is that was not read, if its key or the settings say so."""
        return self.key_pattern.user_name(key) or self.default_user
