# Stands in for apache/kafka: Kafka's own jars, and its own class that turns the environment into settings.
FROM scratch
ADD java.tar /
COPY libs /opt/kafka/libs
COPY kafka-run /etc/kafka/docker/run
COPY kafka.properties /etc/kafka/docker/server.properties
RUN useradd --uid 1000 --no-create-home --shell /bin/bash appuser \
    && mkdir -p /opt/kafka/config /mnt/shared/config /var/lib/kafka/data \
    && chown -R appuser /opt/kafka/config /mnt/shared/config /var/lib/kafka /etc/kafka/docker
USER appuser
VOLUME ["/var/lib/kafka/data"]
CMD ["bash", "/etc/kafka/docker/run"]
