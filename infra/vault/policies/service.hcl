# What a runtime needs for one service: its database and its own secrets.
path "database/creds/SERVICE" {
  capabilities = ["read"]
}
path "database/static-creds/SERVICE" {
  capabilities = ["read"]
}
path "secret/data/SERVICE" {
  capabilities = ["read"]
}
path "secret/data/SERVICE/*" {
  capabilities = ["read"]
}
