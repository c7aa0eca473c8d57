# ./dev check: the format of all sources, and clang-tidy on what has changed.

dev_check() {
  local all=false
  case ${1:-} in
    --all) all=true ;;
    '') ;;
    *) die "check knows no '$1'; it takes --all" ;;
  esac
  need_packages build check

  say "checking the format"
  sources '*.cc' '*.h' | xargs --no-run-if-empty clang-format --dry-run -Werror

  local -a units
  if $all; then
    mapfile -t units < <(sources '*.cc')
  else
    mapfile -t units < <(changed_units)
  fi
  if ((${#units[@]} == 0)); then
    say "no C++ source has changed; --all checks them all"
    return
  fi
  say "building what is generated"
  bazel build --keep_going $(bazel query 'kind(genrule, //...)' 2>/dev/null)
  say "clang-tidy on ${#units[@]} files"
  # The headers of the system libraries lie where the compiler looks anyway, so
  # these flags are the same for every file (.bazelrc, third_party/BUILD.bazel).
  printf '%s\n' "${units[@]}" | xargs --max-procs="$(nproc)" --max-args=1 -I FILE \
    clang-tidy --quiet --warnings-as-errors='*' FILE -- \
    -std=c++20 -I. -Ibazel-bin -Wall -Wextra \
    -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL \
    -DBOOST_ASIO_NO_DEPRECATED -DBOOST_ASIO_DISABLE_BOOST_COROUTINE
  say "all is well"
}

sources() { git ls-files --cached --others --exclude-standard "$@" | while read -r file; do
  if [[ -f $file ]]; then echo "$file"; fi
done; }

# Changed since this branch left the main one, committed or not; where a header
# changed, the files that include it.
changed_units() {
  local base file
  base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
  {
    git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h'
    git ls-files --others --exclude-standard -- '*.cc' '*.h'
  } | while read -r file; do
    if [[ $file == *.cc ]]; then
      echo "$file"
    else
      sources '*.cc' | xargs --no-run-if-empty grep -lF "#include \"$file\"" || true
    fi
  done | sort -u
}
