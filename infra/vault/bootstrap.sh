#!/bin/sh
# Prepare an initialised, unsealed Vault or OpenBao for a runtime. Run it again after a change.
#
#   bootstrap.sh ROLE [SERVICE…]    a runtime that serves these services logs in as ROLE
#   bootstrap.sh ROLE --kong        a Kong plugin host, which reads the identity key only
#
# BAO_ADDR and BAO_TOKEN (or VAULT_…) name the server and a token that may change it.
# POSTGRES_ADDRESS       host:port of the services' databases, each named like its service
# POSTGRES_ADMIN, POSTGRES_ADMIN_PASSWORD, POSTGRES_SSLMODE (default verify-full)
#                        the user that creates and drops the leased users
# DATABASE_TTL, DATABASE_MAX_TTL   (1h, 24h) of leased users; 1/3 of the first must exceed the
#                        longest timeout of a function
# KUBERNETES_HOST        URL of the API server; pods of service account ROLE log in with it.
#                        KUBERNETES_NAMESPACE (neurova)
# CREDENTIALS            folder to write role-id and a new secret-id to (0600)
set -eu
umask 077
here=$(dirname "$0")
vault=$(command -v bao || command -v vault)
role=${1:?usage: bootstrap.sh ROLE [SERVICE…|--kong]}
shift

enable() { # kind, path, options…
  kind=$1 path=$2
  shift 2
  "$vault" "$kind" list -format=json | grep -q "\"$path/\"" || "$vault" "$kind" enable -path="$path" "$@"
}

write_policy() { # name, file, service
  sed "s/SERVICE/${3:-}/g" "$here/policies/$2.hcl" | "$vault" policy write "$1" - >/dev/null
  policies="${policies:+$policies,}$1"
}

write_database() { # service
  printf %s "$POSTGRES_ADMIN_PASSWORD" | "$vault" write "database/config/$1" \
    plugin_name=postgresql-database-plugin allowed_roles="$1" \
    connection_url="postgresql://{{username}}:{{password}}@$POSTGRES_ADDRESS/$1?sslmode=${POSTGRES_SSLMODE:-verify-full}" \
    username="$POSTGRES_ADMIN" password=- >/dev/null
  # A leased user acts as the role named like the service, which owns all tables.
  "$vault" write "database/roles/$1" db_name="$1" \
    default_ttl="${DATABASE_TTL:-1h}" max_ttl="${DATABASE_MAX_TTL:-24h}" \
    creation_statements="CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE \"$1\"; ALTER ROLE \"{{name}}\" SET role = '$1'" \
    >/dev/null
}

policies=
enable secrets secret -version=2 kv
enable auth approle approle
if [ "${1:-}" = --kong ]; then
  write_policy neurova-kong kong
else
  write_policy neurova-platform platform
  for service; do
    write_policy "neurova-$service" service "$service"
    if [ -n "${POSTGRES_ADDRESS:-}" ]; then
      enable secrets database database
      write_database "$service"
    fi
  done
fi

"$vault" write "auth/approle/role/$role" token_policies="$policies" \
  token_ttl=1h token_max_ttl=24h >/dev/null
if [ -n "${KUBERNETES_HOST:-}" ]; then
  enable auth kubernetes kubernetes
  "$vault" write auth/kubernetes/config kubernetes_host="$KUBERNETES_HOST" >/dev/null
  "$vault" write "auth/kubernetes/role/$role" bound_service_account_names="$role" \
    bound_service_account_namespaces="${KUBERNETES_NAMESPACE:-neurova}" \
    token_policies="$policies" token_ttl=1h token_max_ttl=24h >/dev/null
fi
if [ -n "${CREDENTIALS:-}" ]; then
  mkdir -p "$CREDENTIALS"
  "$vault" read -field=role_id "auth/approle/role/$role/role-id" >"$CREDENTIALS/role-id"
  "$vault" write -f -field=secret_id "auth/approle/role/$role/secret-id" >"$CREDENTIALS/secret-id"
fi
echo "$role may use: $policies"
