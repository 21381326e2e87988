"""Generates the Helm chart in deploy/helm/petstream from the kustomize base in deploy/kubernetes."""
