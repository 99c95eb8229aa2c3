# What a Kong plugin host needs: the key that signs the caller's identity.
path "secret/data/neurova/identity" {
  capabilities = ["read"]
}
