"""What a role's image does not hold, its process must not import."""

from tests import loaded_modules


def test_a_subscriber_and_a_board_need_none_of_what_the_pipeline_needs() -> None:
    subscriber, board = loaded_modules.after(
        ["streams.subscriber", "streams.contracts.versions"], ["streams.app.board"]
    )
    pipeline = {"torch", "numpy", "openvino", "asyncpg", "psycopg", "faust", "boto3", "pydantic", "typer", "structlog"}
    assert not subscriber & pipeline
    assert not board & {"torch", "obstore", "faust", "openvino"}  # decoding makes its thumbnails


def test_torch_is_loaded_by_no_role_and_a_decoder_and_a_database_driver_only_where_they_are_used() -> None:
    bridge, sink, classifier = loaded_modules.after(
        ["streams.app.bridge"], ["streams.app.sink"], ["streams.app.classifier"]
    )
    assert not bridge & {"torch", "PIL", "obstore", "asyncpg"}
    assert not sink & {"torch", "PIL", "obstore"}
    assert "torch" not in classifier
