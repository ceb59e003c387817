package collections

// EnrolRequest is the body of POST /api/v1/agents/enrol. The token is used up by the first success.
type EnrolRequest struct {
	Token     string `json:"token"`
	Name      string `json:"name"`       // host name
	PublicKey []byte `json:"public_key"` // Ed25519, 32 bytes
	Advertise string `json:"advertise"`  // base URL of the agent's API
}

// EnrolReply answers it with 201.
type EnrolReply struct {
	AgentID   string `json:"agent_id"`
	Issuer    string `json:"issuer"`     // of the control plane's tokens
	PublicKey []byte `json:"public_key"` // Ed25519, 32 bytes, of the control plane
}

// AgentSelf answers GET /api/v1/agents/self: the control plane knows the agent.
type AgentSelf struct {
	AgentID string `json:"agent_id"`
}

// Bearer tokens between control plane and agents are JWTs signed with EdDSA
// (RFC 8037). Control plane to agent: iss = EnrolReply.Issuer, aud = the agent's
// id. Agent to control plane: iss = sub = the agent's id, aud = EnrolReply.Issuer.
// Both live five minutes; exp and iat are required.
const TokenAlgorithm = "EdDSA"
