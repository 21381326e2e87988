"""Determines the owner of an object, by the settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.contracts.user_names import KeyPattern, user_name


@dataclass(frozen=True, slots=True)
class Owners:
    """The owner is named by the metadata, else by the key, else by ``default_user``."""

    key_pattern: KeyPattern
    default_user: str | None

    def owner(self, key: str, metadata: Mapping[str, str]) -> str:
        """The owner of the object; raises NoUserError."""
        return user_name(key, metadata, self.key_pattern, self.default_user)

    def likely_owner(self, key: str) -> str | None:
        """The owner of an object that was not read, if its key or the settings name one."""
        return self.key_pattern.user_name(key) or self.default_user
