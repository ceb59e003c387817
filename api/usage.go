package api

// usageRoutes tell what a user has used of the plan.
func (a *API) usageRoutes() []route {
	return []route{}
}
