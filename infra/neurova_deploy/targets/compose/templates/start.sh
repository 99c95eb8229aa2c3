set -a
for file in /run/neurova/*env /run/login/*env /run/admin/env; do [ ! -e "$file" ] || . "$file"; done
set +a
if [ -e /run/neurova/identity.key ]; then
  (umask 077; mkdir -p "$STATE"; cp /run/neurova/identity.key "$STATE/")
fi
exec "$@"
