package api

// adminJobRoutes are about everybody's jobs.
func (a *API) adminJobRoutes() []route {
	return []route{}
}
