# Holdfast with its Node, for a PostgreSQL elsewhere: DATABASE_URL. compose.yaml shows how to run it.

FROM node:26.10.0-trixie-slim AS packages
WORKDIR /holdfast
COPY package.json package-lock.json .npmrc ./
COPY prisma prisma
COPY console console
COPY schema.graphql ./
# Its last step writes src/generated and console/dist. Without what is optional there is no embedded PostgreSQL. The image has a
# Node of its own: the one among the packages is 360 MB. What bundles the console is not needed any more.
RUN npm ci --omit=dev --omit=optional \
  && rm -rf node_modules/node node_modules/.bin/node node_modules/esbuild-wasm node_modules/typescript

FROM node:26.10.0-trixie-slim
WORKDIR /holdfast
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
COPY package.json ./
COPY prisma prisma
COPY src src
COPY --from=packages /holdfast/node_modules node_modules
COPY --from=packages /holdfast/src/generated src/generated
COPY --from=packages /holdfast/console/dist console/dist
# all of the above belongs to root: the process cannot change its own code
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/server.ts"]
