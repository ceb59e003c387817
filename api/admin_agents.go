package api

// adminAgentRoutes are about the agents.
func (a *API) adminAgentRoutes() []route {
	return []route{}
}
