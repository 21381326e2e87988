"""What `petstream migrate` answers without a database."""

import pytest

from persistence.manifest import migration_ids, migrations_folder
from tests.commands import petstream


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_migration_that_does_not_exist_is_no_fault_of_the_database(command: str) -> None:
    done = petstream(
        *("migrate", command, "--to", "9999"),
        DATABASE_HOST="nowhere.invalid",
        DATABASE_NAME="petstream",
        DATABASE_USERNAME="migrator",
        DATABASE_PASSWORD="secret",
    )
    last = migration_ids(migrations_folder())[-1]
    assert done.stderr.strip() == f"There is no migration '9999'; the last is {last}."
    assert done.returncode == 2
