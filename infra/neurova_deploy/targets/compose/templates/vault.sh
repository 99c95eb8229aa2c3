set -eu
umask 077
export HOME=/tmp
# The token that may change Vault stays in a volume that only this and `admin` mount.
if [ ! -s /run/admin/init.json ]; then
  bao operator init -recovery-shares=1 -recovery-threshold=1 -format=json >/run/admin/making
  mv /run/admin/making /run/admin/init.json
fi
token=$(sed -n 's/.*"root_token": *"\([^"]*\)".*/\1/p' /run/admin/init.json)
printf 'NEUROVA_SECRETS_AUTH=token\nNEUROVA_SECRETS_TOKEN=%s\n' "$token" >/run/admin/making
mv /run/admin/making /run/admin/env
export BAO_TOKEN=$token CREDENTIALS=/tmp/login POSTGRES_ADMIN_PASSWORD
until bao status >/dev/null; do sleep 1; done
sh /run/neurova/bootstrap.sh "$@"
cd /run/login
printf 'NEUROVA_SECRETS_ROLE=%s\nNEUROVA_SECRETS_SECRET_ID=%s\n' \
  "$(cat /tmp/login/role-id)" "$(cat /tmp/login/secret-id)" >making
mv making login.env
