# bash completion for peerctl, peerd and trackerd.                           -*- shell-script -*-
# Needs bash only; file names are completed by `-o default` where nothing else is offered.

# Words that begin like the current one.
_piecework_offer() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}"); }

# Torrents and directories.
_piecework_torrents() {
  local word=${COMP_WORDS[COMP_CWORD]}
  mapfile -t COMPREPLY < <(
    compgen -f -X '!*.torrent' -- "$word"
    compgen -d -S / -- "$word"
  )
  compopt -o filenames -o nospace 2>/dev/null || true
}

_piecework_daemon() {
  local before=${COMP_WORDS[COMP_CWORD - 1]} keys
  case $before in
    --config) return ;;
    --set)
      keys=$("$1" --config /dev/null --dump-config 2>/dev/null |
        awk -F: '/^[a-z_]+:$/ { group = $1 "."; next }
                 /^ +[a-z_]+:/ { sub(/^ +/, ""); print group $1 "="; next }
                 /^[a-z_]+:/ { group = ""; print $1 "=" }')
      _piecework_offer "$keys"
      compopt -o nospace 2>/dev/null || true
      ;;
    *) _piecework_offer "--config --set --test-config --dump-config --version --help" ;;
  esac
}

_piecework_peerctl() {
  local before=${COMP_WORDS[COMP_CWORD - 1]} word=${COMP_WORDS[COMP_CWORD]}
  local tls="--tls-ca --tls-certificate --tls-key"
  if [ "$COMP_CWORD" = 1 ]; then
    _piecework_offer "make keygen show verify get status recheck pause resume serve fetch --help --version"
    return
  fi
  case $before in
    -o | --config | --announce | --listen | --piece-length | --comment | --timeout | --sign | --trusted-key | --tls-*) return ;;
  esac
  case ${COMP_WORDS[1]}:$word in
    make:-*) _piecework_offer "--announce -o --piece-length --original --comment --sign --help" ;;
    keygen:*) _piecework_offer "-o --help" ;;
    show:-*) _piecework_offer "--json --help" ;;
    get:-*) _piecework_offer "-o --seed --timeout --listen --trusted-key --verbose $tls --help" ;;
    status:*) _piecework_offer "--config --follow --json --help" ;;
    recheck:-* | pause:-* | resume:-*) _piecework_offer "--config --help" ;;
    serve:-*) _piecework_offer "--listen $tls --help" ;;
    fetch:-*) _piecework_offer "-o $tls --help" ;;
    verify:-*) _piecework_offer "--help" ;;
    show:* | get:* | recheck:* | pause:* | resume:*) _piecework_torrents ;;
    verify:*) [ "$COMP_CWORD" != 2 ] || _piecework_torrents ;;
  esac
}

complete -o default -F _piecework_daemon peerd trackerd
complete -o default -F _piecework_peerctl peerctl
