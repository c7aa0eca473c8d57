# ./dev sim: whole clusters in one thread, each from one seed, with faults.

dev_sim() {
  local argument
  for argument; do
    case $argument in
      --seeds=* | --first=* | --minutes=* | --faults=* | --defect=* | --steps=* | \
        --nodes=* | --clients=* | --lines=* | --recovery | --verbose) ;;
      *) die "sim takes --seeds=N --first=SEED --minutes=M --faults=delay,loss,...
  --defect=NAME --steps=N --nodes=N --clients=N --lines=N, --recovery and --verbose;
  test/sim/README.md explains them" ;;
    esac
  done
  need_packages build test
  bazel build //test/sim:sim
  bazel-bin/test/sim/sim "$@"
}
