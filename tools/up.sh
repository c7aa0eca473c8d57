# ./dev up: a broker and two edge nodes on this machine, until Ctrl-C.

readonly data=data
readonly health_timeout_s=60
readonly stop_timeout_s=15

declare -A name_of=()  # By process id.
declare -a edges=()    # Process ids.
broker=

dev_up() {
  local fresh=false port=8080 broker_port=7400 argument each
  for argument in "$@"; do
    case $argument in
      --fresh) fresh=true ;;
      --port=*) port=${argument#*=} ;;
      --broker-port=*) broker_port=${argument#*=} ;;
      *) die "up knows no '$argument'; it takes --fresh, --port=N and --broker-port=N" ;;
    esac
  done
  [[ $port$broker_port =~ ^[0-9]+$ ]] || die "a port is a number"
  for each in "$port" $((port + 1)); do
    must_be_free "$each" "--port=N (N and N+1 are used)"
  done
  must_be_free "$broker_port" --broker-port=N

  need_packages build
  need_node
  say "building"
  bazel build //broker:roomlog-broker //node:roomlog-edge
  if $fresh; then
    say "forgetting what was said before: $data/"
    rm -rf -- "$data"
  fi
  mkdir -p "$data"
  examples/chat/assemble "$data/page"

  trap 'stop_all; exit 0' INT TERM
  trap stop_all EXIT
  start broker bazel-bin/broker/roomlog-broker \
    --listen="tcp://127.0.0.1:$broker_port" --data="$data/broker" \
    --presence_feed='/:*'
  broker=$!
  local letter=a
  for each in "$port" $((port + 1)); do
    start "node-$letter" bazel-bin/node/roomlog-edge --listen="127.0.0.1:$each" \
      --broker="tcp://127.0.0.1:$broker_port" --static="$data/page" --name="node-$letter"
    edges+=($!)
    letter=b
  done
  wait_until_healthy "$port" $((port + 1))

  cat <<END

Roomlog is up. The chat page, on two nodes:

  http://127.0.0.1:$port/        node-a
  http://127.0.0.1:$((port + 1))/        node-b

What is said is kept in $data/; logs are in $data/*.log. Ctrl-C stops all.
END
  local ended status=0
  wait -n -p ended "$broker" "${edges[@]}" || status=$?
  report_end "$ended" "$status"
}

must_be_free() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    die "port $1 of 127.0.0.1 is taken; choose another with $2"
  fi
}

# start NAME PROGRAM...: in a session of its own, so that Ctrl-C is ours alone to
# pass on; it ends with this script even if that is killed.
start() {
  local name=$1
  shift
  setpriv --pdeathsig TERM setsid "$@" >"$data/$name.log" 2>&1 </dev/null &
  name_of[$!]=$name
}

runs() { jobs -pr | grep -qx "$1"; }

wait_until_healthy() {
  local port deadline=$((SECONDS + health_timeout_s))
  for port in "$@"; do
    until is_healthy "$port"; do
      for process in "$broker" "${edges[@]}"; do
        if ! runs "$process"; then
          local status=0
          wait "$process" || status=$?
          report_end "$process" "$status"
        fi
      done
      ((SECONDS < deadline)) || die "the node on port $port is not well after $health_timeout_s s; see $data/*.log"
      sleep 0.1
    done
  done
}

is_healthy() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
    read -r -t 5 _ status _ <&3
    [[ $status == 200 ]]
  ) 2>/dev/null
}

# report_end PROCESS STATUS: one of them ended by itself.
report_end() {
  local name=${name_of[$1]}
  printf '\n%s ended by itself (status %s). The end of %s:\n' "$name" "$2" "$data/$name.log" >&2
  tail -n 20 "$data/$name.log" >&2
  exit 1
}

# The edges first: what their clients have said still goes to the broker.
stop_all() {
  trap - EXIT
  trap '' INT TERM
  [[ -n $broker ]] || return 0
  echo
  say "stopping"
  stop "${edges[@]}"
  stop "$broker"
  say "stopped"
}

stop() {
  local process deadline=$((SECONDS + stop_timeout_s))
  for process in "$@"; do
    if runs "$process"; then kill -TERM "$process" 2>/dev/null || true; fi
  done
  for process in "$@"; do
    while runs "$process"; do
      if ((SECONDS >= deadline)); then
        say "${name_of[$process]} does not end; killing it"
        kill -KILL "$process" 2>/dev/null || true
        break
      fi
      sleep 0.05
    done
  done
}
