# ./dev faults: a long run with real processes and clients while things break.

dev_faults() {
  need_packages build
  need_node
  tools/npm-ci test/e2e
  tools/npm-ci adapter
  bazel build //node:roomlog-edge //broker:roomlog-broker
  npm run --silent --prefix adapter build
  node test/e2e/faults/run.mjs "$@"
}
