# Installs what is missing, and says so; costs next to nothing if nothing is.

readonly node_major_min=18

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing packages needs root or sudo: $*"
  fi
}

# need_packages LIST...: the lists are third_party/LIST-packages.txt.
need_packages() {
  local -a wanted
  mapfile -t wanted < <(
    for list in "$@"; do sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "third_party/$list-packages.txt"; done
  )
  install_missing "${wanted[@]}"
}

install_missing() {
  local -a missing
  mapfile -t missing < <(
    printf '%s\n' "$@" | grep -vxF -f <(
      dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p'
    )
  )
  ((${#missing[@]})) || return 0
  say "installing ${#missing[@]} missing packages: ${missing[*]}"
  local -a install=(env DEBIAN_FRONTEND=noninteractive
    apt-get install --yes --no-install-recommends "${missing[@]}")
  # A list of packages may be missing, or too old for what the mirror has now.
  if ! apt-cache show "${missing[@]}" >/dev/null 2>&1 || ! as_root "${install[@]}"; then
    as_root apt-get update
    as_root "${install[@]}"
  fi
}

# Whatever Node.js is there is fine if it is new enough; Debian's is.
need_node() {
  local major=0
  if command -v node >/dev/null && command -v npm >/dev/null; then
    major=$(node --print 'process.versions.node.split(".")[0]')
  fi
  ((major >= node_major_min)) || install_missing nodejs npm
}
