# What the ACL token of a member of the service cluster-app needs, with the default key, whose agent runs on the node node-1.

# To stand for election, to read who leads, to give the key back.
key "services/cluster-app/leader" {
  policy = "write"
}

# To leave a trace of its own beside the key while it holds that, and to read those of earlier holders, of which an operator may have taken the key.
key_prefix "services/cluster-app/leader/holders/" {
  policy = "write"
}

# To publish that it stands, and to read who else does.
key_prefix "services/cluster-app/leader/candidates/" {
  policy = "write"
}

# To make, renew and end its session, which belongs to the node of the agent that the member talks to.
session "node-1" {
  policy = "write"
}

# To see whether the session of an earlier leader, on whatever node, still lives: needed where an operator freed the key of that one. A member without
# this right says so, and waits for one TTL then.
session_prefix "" {
  policy = "read"
}

# To have the agent run a session check, at a service of that name: needed with consul.WithSessionCheck only.
service "leadership-cluster-app" {
  policy = "write"
}
