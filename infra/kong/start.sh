#!/bin/sh
# Set Kong's settings for one plugin server a plugin, then run the command.
# PLUGINS has a folder for each plugin, with its one file: neurova-auth/neurova_auth.py.
set -eu
PLUGINS=${PLUGINS:-/opt/plugins}
PYTHON=${PYTHON:-/opt/neurova/bin/python3}
KONG_PREFIX=${KONG_PREFIX:-/usr/local/kong}
mkdir -p "$KONG_PREFIX"

servers='' plugins=bundled
for file in "$PLUGINS"/*/*.py; do
  [ -e "$file" ] || { echo "start.sh: no plugins in $PLUGINS" >&2; exit 78; }
  module=$(basename "$file" .py)
  plugin=$(echo "$module" | tr _ -)
  variable=KONG_PLUGINSERVER_$(echo "$module" | tr '[:lower:]' '[:upper:]')
  command=$(printenv "${variable}_START_CMD" \
    || echo "$PYTHON $file -p $KONG_PREFIX --socket-name $plugin.sock --no-lua-style")
  # Otherwise each call of the PDK returns (value, error), a pair that is always true.
  case " $command " in
    *" --no-lua-style "*) ;;
    *) echo "start.sh: add --no-lua-style to ${variable}_START_CMD" >&2; exit 78 ;;
  esac
  export "${variable}_START_CMD=$command"
  export "${variable}_SOCKET=$KONG_PREFIX/$plugin.sock"
  export "${variable}_QUERY_CMD=$PYTHON $file --dump"
  servers=$servers,$module
  plugins=$plugins,$plugin
done
export "KONG_PLUGINSERVER_NAMES=${servers#,}"
export "KONG_PLUGINS=${KONG_PLUGINS:-$plugins}"
export KONG_PREFIX
exec "$@"
