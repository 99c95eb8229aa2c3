# What every runtime needs: the platform's own secrets.
path "secret/data/neurova/*" {
  capabilities = ["read"]
}
