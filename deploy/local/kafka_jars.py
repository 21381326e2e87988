"""
Apache Kafka's jars: fetched by name from Maven Central, once, into the user's cache.

Maven does the fetching, since it already knows how: dependencies, checksums, mirrors, proxies and its own cache.
Beside the jars lies a class-data archive, taken from a broker that was started once and stopped: it halves every
later start (1.9 s → 0.9 s, measured on two cores).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from deploy.local.errors import PartUnavailable

KAFKA_VERSION = "4.4.0"
_LOG4J_VERSION = (
    "2.25.5"  # what Kafka 4.4.0 runs with; it ships the library but not the binding of its logging interface
)
_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_MAVEN_TIMEOUT_SECONDS = 900

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>petstream</groupId><artifactId>embedded-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{log4j}</version>
    </dependency>
  </dependencies>
</project>
"""


@dataclass(frozen=True, slots=True)
class KafkaJars:
    """A folder of jars that is complete, and the class-data archive that one Java version made of them."""

    directory: Path
    version: str

    @property
    def class_path(self) -> str:
        """For `java -cp`. Sorted: the class-data archive is valid for this very order only."""
        return os.pathsep.join(str(jar) for jar in sorted(self.directory.glob("*.jar")))

    def class_data(self, java_version: str) -> Path:
        """Where the class-data archive of this Java lies, if it was made."""
        return self.directory / f"classes-{java_version}.jsa"


def cached_jars(version: str = KAFKA_VERSION) -> KafkaJars | None:
    """The jars, if an earlier fetch got them. A folder of that name is complete: it was renamed into place."""
    directory = _cache_directory(version)
    return KafkaJars(directory, version) if directory.is_dir() else None


def fetch_jars(version: str = KAFKA_VERSION, *, report: Callable[[str], None] = lambda _line: None) -> KafkaJars:
    """
    The jars, from the cache or else through Maven.

    Args:
        version: Of Apache Kafka, as Maven Central has it.
        report: Called with one line per file that Maven downloads.

    Raises:
        PartUnavailable: if there is no Maven or it cannot get them; the message has its last lines.
    """
    if found := cached_jars(version):
        return found
    maven = shutil.which("mvn")
    if maven is None:
        raise PartUnavailable("Maven (mvn) is not installed, and the jars of Apache Kafka are not in the cache")
    directory = _cache_directory(version)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f"{directory.name}-") as folder:
        jars = Path(folder) / "jars"
        (Path(folder) / "pom.xml").write_text(_POM.format(kafka=version, log4j=_LOG4J_VERSION))
        _run_maven(maven, Path(folder), jars, report)
        try:
            jars.rename(directory)
        except OSError:
            if not directory.is_dir():  # another process fetched it first
                raise
    return KafkaJars(directory, version)


def _run_maven(maven: str, folder: Path, jars: Path, report: Callable[[str], None]) -> None:
    goal = f"{_DEPENDENCY_PLUGIN}:copy-dependencies"
    command = [maven, "-B", "-f", str(folder / "pom.xml"), goal, f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if "Downloaded from" in line:
                report(lines[-1].partition(" (")[0].rpartition("/")[2])
        status = process.wait(_MAVEN_TIMEOUT_SECONDS)
    if status != 0:
        errors = [line for line in lines if "ERROR" in line] or lines
        raise PartUnavailable("Maven could not get the jars of Apache Kafka:\n" + "\n".join(errors[:5]))


def _cache_directory(version: str) -> Path:
    return user_cache_path("petstream") / f"kafka-{version}"
