"""What all other packages stand on: failures, this machine, YAML."""
