# ./dev fuzz: builds the fuzz targets with clang, straight from the sources, and
# runs all at once. Bazel knows one compiler only, and that is not this one.

readonly fuzz_dir=.fuzz

# What each target is made of, besides itself.
declare -rA fuzz_sources=(
  [http]="node/engineio/http_reader.cc node/engineio/chunked_body.cc
    node/engineio/http_message.cc
    node/engineio/handshake_info.cc node/engineio/handshake.cc
    node/engineio/url.cc node/engineio/polling_payload.cc
    node/engineio/shared_frame.cc node/engineio/websocket_codec.cc
    node/engineio/message_deflate.cc base/utf8.cc"
  [websocket]="node/engineio/websocket_codec.cc node/engineio/message_deflate.cc
    base/utf8.cc"
  [socketio]="node/socketio/args.cc node/socketio/encoded_packet.cc
    base/json.cc node/socketio/packet.cc
    node/socketio/packet_assembler.cc node/socketio/value.cc
    node/socketio/value_parser.cc node/engineio/shared_frame.cc
    node/engineio/websocket_codec.cc node/engineio/message_deflate.cc
    base/utf8.cc"
)

# fuzz_build TARGET: does nothing if no source has changed.
fuzz_build() {
  local target=$1 program=$fuzz_dir/$1_fuzz
  if [[ -x $program && -z $(find node base test/fuzz -name '*.cc' -newer "$program" -o \
    -name '*.h' -newer "$program") ]]; then
    return
  fi
  # shellcheck disable=SC2086 # One word for each source.
  clang++ -std=c++20 -O1 -g1 -w -fno-omit-frame-pointer -I. \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    "test/fuzz/${target}_fuzz.cc" ${fuzz_sources[$target]} -o "$program" \
    -labsl_str_format_internal -labsl_strings -labsl_strings_internal \
    -labsl_status -labsl_statusor -labsl_raw_hash_set -labsl_hash -labsl_city \
    -labsl_low_level_hash -labsl_throw_delegate -labsl_int128 -labsl_raw_logging_internal -labsl_base \
    -lsimdjson -lcrypto -lz -lpthread
}

# fuzz_run TARGET SECONDS: says how many inputs it tried, or what went wrong.
fuzz_run() {
  local target=$1 seconds=$2 log=$fuzz_dir/$1.log
  mkdir -p "$fuzz_dir/$target"
  if ! "$fuzz_dir/${target}_fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
    -max_len=8192 -print_final_stats=1 -verbosity=0 -dict="test/fuzz/$target.dict" \
    -artifact_prefix="$fuzz_dir/$target-" \
    "$fuzz_dir/$target" "test/fuzz/seeds/$target" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    return 1
  fi
  say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none broke it"
}

dev_fuzz() {
  local seconds=600 argument target
  local -a targets=("${!fuzz_sources[@]}") jobs=()
  for argument; do
    case $argument in
      --seconds=*) seconds=${argument#*=} ;;
      --only=*) IFS=, read -ra targets <<<"${argument#*=}" ;;
      *) die "fuzz takes --seconds=N and --only=${!fuzz_sources[*]}" ;;
    esac
  done
  need_packages build test
  mkdir -p "$fuzz_dir"
  say "fuzzing ${targets[*]} for $seconds s"
  for target in "${targets[@]}"; do
    [[ -v fuzz_sources[$target] ]] || die "there is no target '$target'"
    (fuzz_build "$target" && fuzz_run "$target" "$seconds") &
    jobs+=($!)
  done
  local job failed=0
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  ((failed == 0)) || die "fuzzing found something, or could not be built"
}
