"""
The only reader of the environment. Each process gets one frozen object with only the settings of its role.

All mistakes are reported together. Secrets are masked in every representation.
"""

from ipaddress import ip_address
from math import inf
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field, HttpUrl, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.contracts.topics import RETRY_TOPICS
from streams.contracts.user_names import KeyPattern
from streams.runtime.errors import MISUSED, MendableError
from streams.runtime.setting_mistakes import mistake_text, quoted

MEBIBYTE = 1024 * 1024
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


class InvalidSettingsError(MendableError):
    """Settings are missing or invalid; the message names each setting and its remedy."""

    exit_code = MISUSED


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, case_sensitive=False, extra="ignore", env_ignore_empty=True)


class ServiceSettings(_Settings):
    """Settings of every process."""

    log_level: LogLevel = Field("INFO", description="least level that is logged, in upper or lower case")
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people")
    health_host: str = Field("127.0.0.1", description="address of /metrics and /health; 0.0.0.0 in a container")
    health_port: int = Field(9100, ge=0, le=65535, description="port of /metrics and /health; 0 takes a free one")
    shutdown_seconds: float = Field(20, gt=0, description="how long work in flight may take to settle at shutdown")
    no_progress_seconds: float = Field(
        180,
        gt=0,
        description="liveness fails if work waits so long, none is finished and no outage is declared; clients need 30",
    )
    loop_silence_seconds: float = Field(
        30, gt=1, description="liveness fails if the event loop has not turned for so long"
    )
    # OpenTelemetry reads its own variables. These four decide only whether it is loaded.
    otel_sdk_disabled: str | None = Field(None, description="true: no spans, whatever the others say")
    otel_traces_exporter: str | None = Field(None, description="otlp exports spans, none does not; see docs/tracing.md")
    otel_exporter_otlp_endpoint: str | None = Field(None, description="URL of a collector; set, spans are exported")
    otel_exporter_otlp_traces_endpoint: str | None = Field(None, description="the same, with its path: for spans only")

    @field_validator("log_level", mode="before")
    @classmethod
    def _is_in_upper_case(cls, value: object) -> object:
        upper = value.strip().upper() if isinstance(value, str) else value
        return upper if upper in get_args(LogLevel) else value  # a mistake is quoted as it was written

    @property
    def traces_exported(self) -> bool:
        """Whether spans are recorded and exported."""
        if (self.otel_sdk_disabled or "").lower() == "true":
            return False
        if self.otel_traces_exporter is not None:
            return "otlp" in self.otel_traces_exporter.split(",")
        return any((self.otel_exporter_otlp_endpoint, self.otel_exporter_otlp_traces_endpoint))


class RegionSettings(_Settings):
    """The AWS region. Credentials come from boto3's default chain."""

    aws_region: str = Field("us-east-1", description="region of bucket, queue and database")


class KafkaSettings(RegionSettings):
    """The Kafka brokers and the authentication of the process."""

    kafka_bootstrap_servers: str = Field(description="host:port of a broker or several, comma separated")
    kafka_topic_prefix: str = Field("", description="put before every topic and consumer group, to share a cluster")
    kafka_session_timeout_seconds: float = Field(
        12, ge=6, description="after which a crashed worker's work is taken over"
    )
    kafka_commit_interval_seconds: float = Field(0.5, gt=0, description="how often finished offsets are committed")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="…SSL encrypts, SASL_… says who one is"
    )
    kafka_ssl_ca_file: str | None = Field(None, description="PEM file of the brokers' authority; else the system's")
    kafka_ssl_certificate_file: str | None = Field(None, description="PEM file to show to brokers that ask for one")
    kafka_ssl_key_file: str | None = Field(None, description="its key, unless that is in the same file")
    # A validator sees only the fields above its own, so the password comes last.
    kafka_sasl_username: str | None = Field(None, description="who the process is, with PLAIN and SCRAM")
    kafka_sasl_password_file: str | None = Field(None, description="file with the password, read at the start")
    kafka_sasl_password: SecretStr | None = Field(None, description="the password")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM"] | None = Field(
        None, description="AWS_MSK_IAM signs with AWS credentials in AWS_REGION", validate_default=True
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _has_ports(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{quoted(server.strip())} is not host:port")
        return value

    @field_validator("kafka_sasl_mechanism")
    @classmethod
    def _fits_the_protocol(cls, value: str | None, info: ValidationInfo) -> str | None:
        protocol = info.data.get("kafka_security_protocol", "invalid, reported already")
        if (value is not None) != protocol.startswith("SASL") and protocol in _PROTOCOLS:
            needs = "one of SASL_PLAINTEXT and SASL_SSL" if value else "a mechanism"
            raise ValueError(f"{value or 'is not set'}, and KAFKA_SECURITY_PROTOCOL is {protocol}: it needs {needs}")
        if value == "AWS_MSK_IAM" and protocol != "SASL_SSL":
            raise ValueError("needs KAFKA_SECURITY_PROTOCOL=SASL_SSL: a token must not cross the network as plain text")
        if value not in (None, "AWS_MSK_IAM"):
            credentials = [name for name in ("kafka_sasl_password", "kafka_sasl_password_file") if info.data.get(name)]
            if info.data.get("kafka_sasl_username") is None or len(credentials) != 1:
                raise ValueError(
                    f"{value} needs KAFKA_SASL_USERNAME and one of KAFKA_SASL_PASSWORD and KAFKA_SASL_PASSWORD_FILE"
                )
        return value

    @property
    def bootstrap_servers(self) -> list[str]:
        """The brokers as a list."""
        return [server.strip() for server in self.kafka_bootstrap_servers.split(",")]


class AwsSettings(RegionSettings):
    """The endpoints of S3 and SQS."""

    s3_bucket: str | None = Field(None, description="looked at by check; the classifier reads what events name")
    s3_endpoint_url: HttpUrl | None = Field(None, description="for stores other than Amazon S3")
    sqs_endpoint_url: HttpUrl | None = Field(None, description="for queues other than Amazon SQS; else s3_endpoint_url")

    @property
    def s3_endpoint(self) -> str | None:
        """The store's URL without a trailing slash; None for Amazon S3."""
        return str(self.s3_endpoint_url).rstrip("/") if self.s3_endpoint_url else None

    @property
    def sqs_endpoint(self) -> str | None:
        """The queue's URL without a trailing slash; None for Amazon SQS."""
        return str(self.sqs_endpoint_url).rstrip("/") if self.sqs_endpoint_url else self.s3_endpoint


class BridgeSettings(ServiceSettings, KafkaSettings, AwsSettings):
    """petstream bridge."""

    sqs_queue_url: str = Field(description="the queue that the bucket's notifications go to")
    sqs_wait_seconds: int = Field(20, ge=0, le=20, description="long polling; also the longest part of a stop")
    sqs_visibility_seconds: int = Field(60, ge=10, le=43200, description="extended while a message waits for Kafka")
    sqs_max_in_flight: int = Field(200, ge=10, description="messages taken from the queue and not yet deleted")


class QueueMention(_Settings):
    """Whether a queue is configured, for commands that can run without one."""

    sqs_queue_url: str | None = Field(None, description="the queue that the bucket's notifications go to")


class RetrySettings(_Settings):
    """Delays of the retry topics."""

    retry_delays: str = Field(
        "60,600,3600", description="seconds that an upload waits on each of the three retry topics, in this order"
    )

    @field_validator("retry_delays")
    @classmethod
    def _are_three(cls, value: str) -> str:
        try:
            delays = [float(part) for part in value.split(",")]
        except ValueError:
            delays = []
        if len(delays) != len(RETRY_TOPICS) or not all(0 < delay < inf for delay in delays) or delays != sorted(delays):
            raise ValueError(
                f"{quoted(value)} is not {len(RETRY_TOPICS)} numbers above 0, ascending, as in 60,600,3600"
            )
        return value

    @property
    def retry_delays_seconds(self) -> tuple[float, ...]:
        """One for each of ``topics.RETRY_TOPICS``."""
        return tuple(float(part) for part in self.retry_delays.split(","))


class ClassifySettings(ServiceSettings, KafkaSettings, AwsSettings, RetrySettings):
    """petstream classify."""

    model_uri: str = Field(description="the TorchScript file: a path or s3://bucket/key; see petstream model export")
    model_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="refuse any other file; see petstream model info"
    )
    model_poll_seconds: float = Field(30, ge=0, description="how often a new file at model_uri is looked for; 0: never")
    model_shadow_uri: str | None = Field(None, description="a second model that judges beside and publishes nothing")
    accept_at: float | None = Field(
        None,
        ge=0,
        le=1,
        description="the least score of a label: less sure pictures are not_a_pet; default: the model's own threshold",
    )
    engine: Literal["auto", "cuda", "openvino", "torchscript"] = Field(
        "auto", description="what runs the model; cuda and torchscript need petstream[torch]"
    )
    engine_threads: int | None = Field(None, ge=1, description="processors that the engine uses; default: all of them")
    engine_precision: Literal["half", "float32"] = Field("half", description="what the engine cuda computes in")
    engine_cuda_graphs: bool = Field(default=True, description="the engine cuda records each batch size as a graph")
    batch_max_size: int = Field(32, ge=1, le=512, description="pictures in one forward pass, at most")
    batch_max_wait_ms: float = Field(5, ge=0, le=1000, description="how long a batch waits for pictures on their way")
    s3_key_pattern: str = Field("uploads/{user_name}/{name}", description="where in the key the user's name is")
    s3_default_user: str | None = Field(None, max_length=255, description="the user of objects that name none")
    image_max_bytes: int = Field(32 * MEBIBYTE, ge=1024, description="larger objects are rejected unread")
    retry_max_hours: float = Field(
        24, gt=0, le=120, description="how long an upload that the store does not give is tried again"
    )
    image_max_pixels: int = Field(100_000_000, ge=1, description="larger pictures are rejected before they are decoded")
    in_flight_max_images: int = Field(128, ge=1, description="messages taken from Kafka and not yet settled")
    in_flight_max_bytes: int = Field(
        256 * MEBIBYTE,
        ge=1024,
        description="bytes of pictures fetched and not decoded; a quarter is for parked uploads",
    )
    decode_device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda: plain JPEGs are decoded on the GPU, others as before; see docs/decisions/0009"
    )
    cuda_visible_devices: str | None = Field(None, description="torch's: the GPU that this worker uses; else the first")
    decode_workers: int | None = Field(None, ge=1, description="decoding processes; default: one for each core")
    decode_max_seconds: float = Field(20, gt=0, description="after which a decoder is taken to hang")
    decode_max_memory_bytes: int = Field(1536 * MEBIBYTE, ge=256 * MEBIBYTE, description="for one decoding process")

    @field_validator("s3_key_pattern")
    @classmethod
    def _names_the_user(cls, value: str) -> str:
        return KeyPattern(value).pattern


class DatabaseSettings(RegionSettings):
    """
    The database connection; the names follow the database guidelines.

    Exactly one of DATABASE_PASSWORD, DATABASE_PASSWORD_FILE and DATABASE_IAM_AUTH authenticates the user.
    """

    database_host: str = Field(description="the cluster's writer endpoint")
    database_reader_host: str | None = Field(None, description="the cluster's reader endpoint; else reads use the host")
    database_port: int = Field(5432, ge=1, le=65535, description="the port at that host")
    database_name: str = Field(description="the database's name")
    database_username: str = Field(description="sink: the writer role; migrate: the migrator role")
    database_ssl: bool = Field(default=True, description="false only for a database on this machine")
    database_ssl_root_certificate: str | None = Field(
        None, description="PEM file of the authority, such as the RDS bundle"
    )
    # A validator sees only the fields above its own: keep these three in this order.
    database_iam_auth: bool = Field(
        default=False, description="sign in with AWS credentials; needs the endpoint itself and AWS_REGION"
    )
    database_password_file: str | None = Field(
        None, description="file with the password, read at each new connection, so that it may be renewed meanwhile"
    )
    database_password: SecretStr | None = Field(None, description="the user's password", validate_default=True)

    @field_validator("database_iam_auth")
    @classmethod
    def _is_encrypted(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and not info.data.get("database_ssl", True):
            raise ValueError("needs TLS, and DATABASE_SSL is false: the token would cross the network as plain text")
        return value

    @field_validator("database_password")
    @classmethod
    def _is_the_only_credential(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        credentials = {
            "DATABASE_PASSWORD": value is not None,
            "DATABASE_PASSWORD_FILE": info.data.get("database_password_file") is not None,
            "DATABASE_IAM_AUTH": info.data.get("database_iam_auth", "invalid, reported already"),
        }
        given = [name for name, is_given in credentials.items() if is_given]
        if not given:
            raise ValueError("is not set, nor are DATABASE_PASSWORD_FILE and DATABASE_IAM_AUTH, of which one would do")
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are set: which of them is meant? Unset the others")
        return value


class DatabaseMention(_Settings):
    """Whether a database is configured, for commands that can run without one."""

    database_host: str | None = Field(None, description="the cluster's writer endpoint")


class EnqueueSettings(KafkaSettings, AwsSettings):
    """petstream backfill."""


class ReconcileSettings(AwsSettings, DatabaseSettings):
    """petstream reconcile."""


class CompareAndEnqueueSettings(EnqueueSettings, ReconcileSettings):
    """petstream backfill with a database, petstream reconcile --enqueue."""


class KafkaMention(_Settings):
    """Whether Kafka is configured, for commands that can run without it."""

    kafka_bootstrap_servers: str | None = Field(None, description="host:port of a broker or several, comma separated")


class ReconcilerSettings(ServiceSettings, CompareAndEnqueueSettings):
    """petstream reconcile --every."""


class SinkSettings(ServiceSettings, KafkaSettings, DatabaseSettings):
    """petstream sink."""

    sink_batch_max_rows: int = Field(500, ge=1, le=5000, description="rows in one statement, at most")
    sink_max_in_flight: int = Field(2000, ge=1, description="events taken from Kafka and not yet stored")
    status_interval_seconds: float = Field(30, gt=0, description="heartbeat of topic pipeline-status")


class BoardSettings(ServiceSettings, KafkaSettings, AwsSettings, RetrySettings):
    """petstream board."""

    health_port: int = Field(0, ge=0, le=65535, description="port of /metrics and /health; 0 takes a free one")
    sqs_queue_url: str | None = Field(None, description="the bridge's queue, whose length is shown")
    board_host: str = Field(
        "127.0.0.1", description="address of the page, which has no sign-in: whoever reaches it sees all"
    )
    board_port: int = Field(8480, ge=0, le=65535, description="port of the page; 0 takes a free one")
    board_allowed_hosts: str = Field("", description="names by which it is called beside localhost, comma separated")
    board_pictures: bool = Field(default=True, description="pictures are shown; false: only what is known of them")
    board_picture_max_bytes: int = Field(16 * MEBIBYTE, ge=1024, description="larger pictures are not shown")
    board_uploads: bool = Field(
        default=False, description="pictures may be put into S3_BUCKET through the page: for demos, on loopback only"
    )
    board_upload_max_bytes: int = Field(32 * MEBIBYTE, ge=1024, description="larger files are not taken")
    board_recent_max: int = Field(10_000, ge=100, le=100_000, description="pictures that are remembered, some kB each")
    board_viewers_max: int = Field(32, ge=1, le=400, description="pages that may be open at a time")

    @field_validator("board_host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            ip_address(value)
        except ValueError:
            raise ValueError(f"{quoted(value)} is no IP address of this machine, such as 127.0.0.1 or ::1") from None
        return value

    @field_validator("board_uploads")
    @classmethod
    def _may_be_taken(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and not info.data.get("s3_bucket"):
            raise ValueError("needs S3_BUCKET: where should pictures be put?")
        if value and "board_host" in info.data and not ip_address(info.data["board_host"]).is_loopback:
            raise ValueError("needs BOARD_HOST on loopback: anybody who reaches the page could write to the bucket")
        return value

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine reaches the page."""
        return ip_address(self.board_host).is_loopback

    @property
    def allowed_hosts(self) -> list[str]:
        """The host names as a list."""
        return [name.strip() for name in self.board_allowed_hosts.split(",") if name.strip()]


class WaitingSettings(KafkaSettings, RetrySettings):
    """petstream retries."""


class TopicSettings(KafkaSettings):
    """petstream topics, petstream watch."""

    kafka_partitions: int = Field(12, ge=1, description="of each topic that petstream creates")
    kafka_replication_factor: int = Field(3, ge=1, description="of each such topic; 1 for a single broker")


SettingsT = TypeVar("SettingsT", bound=_Settings)


def load(role: type[SettingsT], **overrides: Any) -> SettingsT:
    """
    Read the settings of a role from the environment.

    Raises:
        InvalidSettingsError: the message lists every mistake, one per line.
    """
    try:
        return role(**overrides)
    except ValidationError as error:
        lines = []
        for mistake in error.errors(include_url=False):
            name = ".".join(str(part) for part in mistake["loc"])
            field = role.model_fields.get(name)
            about = f" ({field.description})" if field and field.description else ""
            lines.append(f"  {name.upper()}{about}: {mistake_text(mistake)}")
        raise InvalidSettingsError("Set these environment variables:\n" + "\n".join(sorted(lines))) from None


def effective(settings: _Settings) -> dict[str, str]:
    """Every setting as text with secrets masked, for the log line at the start."""
    return {name: str(value) for name, value in settings}
