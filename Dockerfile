# Build: docker build -t mingluo .
# Keys:  docker run --rm -v mingluo:/var/lib/mingluo mingluo keys init
# Run:   docker run -p 8721:8721 -p 8722:8722 -p 1883:1883 -p 127.0.0.1:8723:8723 \
#          -v /etc/mingluo:/etc/mingluo:ro -v mingluo:/var/lib/mingluo mingluo
FROM rust:1-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y build-essential pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY firmware-bridge firmware-bridge
COPY src src
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates fonts-noto-cjk \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/mingluo --create-home --shell /usr/sbin/nologin mingluo
COPY --from=build /source/target/release/mingluo /usr/bin/mingluo
COPY configs /etc/mingluo
COPY audio-samples /usr/share/mingluo/audio-samples
# Where the state lives, and addresses that can be reached from outside of the container.
# MINGLUO__HTTP__PUBLIC_CLIP_URL must name this machine as the terminals see it.
ENV MALLOC_TRIM_THRESHOLD_=131072 \
    MINGLUO_CONFIG=/etc/mingluo \
    MINGLUO__HTTP__LISTEN=0.0.0.0:8721 \
    MINGLUO__HTTP__TERMINAL_LISTEN=0.0.0.0:8722 \
    MINGLUO__STATUS__LISTEN=0.0.0.0:8723 \
    MINGLUO__MQTT__LISTEN=0.0.0.0:1883 \
    MINGLUO__RECORD__URL=sqlite:/var/lib/mingluo/record.db \
    MINGLUO__RENDER__CLIP_DIR=/var/lib/mingluo/clips \
    MINGLUO__RENDER__VOICES_DIR=/var/lib/mingluo/voices \
    MINGLUO__RENDER__AUDIO_DIR=/usr/share/mingluo/audio-samples \
    MINGLUO__KEYS__SIGNING_KEY_FILE=/var/lib/mingluo/keys/signing.key \
    MINGLUO__KEYS__TERMINAL_MASTER_KEY_FILE=/var/lib/mingluo/keys/terminal-master.key \
    MINGLUO__KEYS__API_KEYS_FILE=/var/lib/mingluo/keys/api-keys.toml
USER mingluo
WORKDIR /var/lib/mingluo
VOLUME /var/lib/mingluo
EXPOSE 8721 8722 8723 1883
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/mingluo"]
CMD ["run", "--config", "/etc/mingluo"]
