# The server. Debian, because the database engine and Temporal's core are built for glibc.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Not `npm ci`: it refuses lock files with optional packages of other platforms that npm itself wrote.
RUN npm install --omit=dev --no-audit --no-fund --loglevel=error

FROM node:24-bookworm-slim
# For what hooks download, and for commands of hooks that speak TLS.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY src src
COPY workflows workflows
COPY activities activities
COPY router router
COPY hooks hooks
RUN mkdir /data /hooks && chown node:node /data
USER node
ENV NODE_ENV=production CRUCIBLE_HOST=0.0.0.0 CRUCIBLE_PORT=8080 CRUCIBLE_DATA_DIR=/data
EXPOSE 8080
VOLUME /data
# It is alive as long as it answers, also while it waits for its turn or for its database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The program itself, so that it is what gets the signals.
CMD ["node", "--no-node-snapshot", "src/main/serve.ts"]
