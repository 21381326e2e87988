from unittest.mock import Mock

from persistence.yoyo_backend import AtomicBackend


def test_the_server_is_not_asked_by_an_error_whether_it_creates_tables_in_transactions() -> None:
    backend = object.__new__(AtomicBackend)
    backend.execute = Mock()
    assert backend._check_transactional_ddl() is True
    backend.execute.assert_not_called()
