"""A mail world in one network namespace: DNS, policy hosts, MX hosts, a relay, the gate."""
