from tests import confined


def test_the_tests_of_this_folder_are_watched() -> None:
    assert confined.is_watching()
