# Stands in for python:3.11.14-slim-bookworm: Debian's Python, under the names and in the manner of that image.
FROM scratch
ADD python.tar /
COPY machine /
RUN rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED
# Whoever signs for the registries here does so for the builds, too.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
