# ./dev test: builds everything, runs every test and counts them. With --asan or
# --tsan: the C++ tests under a sanitizer.

dev_test() {
  case "$*" in
    '') ;;
    --asan | --tsan)
      test_sanitized "${1#--}"
      return
      ;;
    *) die "test takes --asan or --tsan, or nothing" ;;
  esac
  need_packages build test
  need_node
  tools/npm-ci test/e2e
  tools/npm-ci examples/chat
  tools/npm-ci adapter

  say "building everything"
  bazel build //...
  npm run --silent --prefix adapter build

  say "running the C++ tests"
  local cpp=0 e2e=0
  bazel test --keep_going //... || cpp=$?

  local fuzz=0
  (source tools/fuzz.sh && dev_fuzz --seconds=5) || fuzz=$?

  say "running the end-to-end tests, with real processes"
  local tap
  tap=$(mktemp)
  trap "rm -f '$tap'" EXIT # Expanded now: it is local to this function.
  (
    cd test/e2e
    node --test --test-concurrency=3 \
      --test-reporter=spec --test-reporter-destination=stdout \
      --test-reporter=tap --test-reporter-destination="$tap" \
      ./*.test.mjs ./faults/*.test.mjs ../../adapter/test/*.test.mjs
  ) || e2e=$?

  local -a reports
  mapfile -t reports < <(
    bazel query 'tests(//...)' 2>/dev/null | sed 's|^//|bazel-testlogs/|; s|:|/|' |
      xargs -I{} find {}/ -name test.xml # A test in shards has several.
  )
  node tools/count_tests.mjs --cpp-status="$((cpp ? cpp : fuzz))" --e2e-status="$e2e" --tap="$tap" "${reports[@]}"
}

test_sanitized() {
  need_packages build test
  say "running the C++ tests with --config=$1"
  bazel test --config="$1" --keep_going --build_tests_only //...
}
