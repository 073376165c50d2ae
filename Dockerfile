# syntax=docker/dockerfile:1
#
#   docker build -t omnigate .
#   docker run --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
#       -v omnigate:/var/lib/omnigate -v ./omnigate.toml:/etc/omnigate/omnigate.toml:ro omnigate
#
# It writes below /var/lib/omnigate alone and needs no capability, since all its ports are above 1023: see docs/operations.md,
# also for how to pin the base images by their digests.
#
# Host networking is the right choice for media: thousands of published UDP ports are slow to set up, and the address
# in SDP and ICE candidates must be one that carriers and browsers reach. Without it:
# - set sip.advertise to the host's address and OMNIGATE__HTTP__LISTEN=0.0.0.0:8080;
# - publish 8080, 5060 (UDP and TCP), the WebRTC ports (40000 only with media.shards = 1) and the RTP ports, as few as
#   will do (media.rtp_ports = "20000-20199" for 100 calls);
# - mind that the container's gateway may hide the carrier's address, by which trunks are told apart.
# `docker stop` must leave time to drain: --stop-timeout 45.

ARG RUST_IMAGE=rust:1.94-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ gcc make pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin omnigate

FROM ${BASE_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/omnigate --create-home omnigate
COPY --from=build /build/target/release/omnigate /usr/local/bin/omnigate
# The whole file is optional: every setting has a default.
COPY config/omnigate.toml /etc/omnigate/omnigate.toml
ENV OMNIGATE_CONFIG=/etc/omnigate/omnigate.toml
RUN chmod 0700 /var/lib/omnigate
USER omnigate
WORKDIR /var/lib/omnigate
VOLUME /var/lib/omnigate
# HTTP and signaling; SIP; RTP of phones; WebRTC, one port a core.
EXPOSE 8080/tcp 5060/udp 5060/tcp 20000-29999/udp 40000-40063/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s CMD ["omnigate", "health"]
ENTRYPOINT ["omnigate"]
CMD ["serve"]
